"""The steps of training.yaml: files go from step to step through the catalog."""

import csv
import json
import pickle

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def get_features():
    data = load_breast_cancer()
    x, x_new, y, y_new = train_test_split(data.data, data.target, test_size=0.25, random_state=0, stratify=data.target)
    np.savez("features.npz", x=x, y=y, x_new=x_new, y_new=y_new)


def prepare():
    features = np.load("features.npz")
    scaler = StandardScaler().fit(features["x"])
    scaled = {name: scaler.transform(features[name]) for name in ("x", "x_new")}
    np.savez("scaled.npz", y=features["y"], **scaled)


def train_boosting():
    _train(GradientBoostingClassifier(n_estimators=50, random_state=0), "scaled.npz", "boosting.pkl")


def train_forest():
    _train(RandomForestClassifier(n_estimators=50, random_state=0), "features.npz", "forest.pkl")


def _train(model, source, target):
    data = np.load(source)
    model.fit(data["x"], data["y"])
    with open(target, "wb") as file:  # noqa: PTH123
        pickle.dump(model, file)


def _probabilities(part):
    for source, model in (("scaled.npz", "boosting.pkl"), ("features.npz", "forest.pkl")):
        with open(model, "rb") as file:  # noqa: PTH123
            yield pickle.load(file).predict_proba(np.load(source)[part])[:, 1]  # noqa: S301


def ensemble():
    boosting, forest = _probabilities("x")
    truth = np.load("features.npz")["y"]
    scores = {w: accuracy_score(truth, (w * boosting + (1 - w) * forest) > 0.5) for w in (0.3, 0.5, 0.7)}
    with open("ensemble.json", "w") as file:  # noqa: PTH123
        json.dump({"weight": max(scores, key=scores.get)}, file)


def infer():
    with open("ensemble.json") as file:  # noqa: PTH123
        weight = json.load(file)["weight"]
    boosting, forest = _probabilities("x_new")
    predicted = (weight * boosting + (1 - weight) * forest > 0.5).astype(int)
    print("accuracy", accuracy_score(np.load("features.npz")["y_new"], predicted))
    with open("predictions.csv", "w", newline="") as file:  # noqa: PTH123
        csv.writer(file).writerows([[int(value)] for value in predicted])
