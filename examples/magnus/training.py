"""Define the steps of training.yaml, which pass files through the catalog.

Each step has its own process, so each function imports what it needs.
"""

import csv
import json
import pickle

import numpy as np


def get_features():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.target))
    parts = dict(zip(("", "_valid", "_new"), np.split(order, [340, 455]), strict=True))
    features = {f"x{part}": data.data[rows] for part, rows in parts.items()}
    np.savez("features.npz", **features, **{f"y{part}": data.target[rows] for part, rows in parts.items()})


def prepare():
    features = np.load("features.npz")
    mean, spread = features["x"].mean(axis=0), features["x"].std(axis=0)
    scaled = {part: (features[part] - mean) / spread for part in ("x", "x_valid", "x_new")}
    np.savez("scaled.npz", y=features["y"], **scaled)


def train_boosting():
    from sklearn.ensemble import GradientBoostingClassifier

    _train(GradientBoostingClassifier(n_estimators=50, random_state=0), "scaled.npz", "boosting")


def train_forest():
    from sklearn.ensemble import RandomForestClassifier

    _train(RandomForestClassifier(n_estimators=50, random_state=0), "features.npz", "forest")


def _train(model, source, name):
    data = np.load(source)
    model.fit(data["x"], data["y"])
    np.save(f"{name}.npy", model.predict_proba(data["x_valid"])[:, 1])
    with open(f"{name}.pkl", "wb") as file:  # noqa: PTH123
        pickle.dump(model, file)


def ensemble():
    boosting, forest = np.load("boosting.npy"), np.load("forest.npy")
    truth = np.load("features.npz")["y_valid"]
    scores = {w: np.mean((w * boosting + (1 - w) * forest > 0.5) == truth) for w in (0.3, 0.5, 0.7)}
    with open("ensemble.json", "w") as file:  # noqa: PTH123
        json.dump({"weight": max(scores, key=scores.get)}, file)


def infer():
    with open("ensemble.json") as file:  # noqa: PTH123
        weight = json.load(file)["weight"]
    boosting, forest = _probabilities("boosting", "scaled.npz"), _probabilities("forest", "features.npz")
    predicted = (weight * boosting + (1 - weight) * forest > 0.5).astype(int)
    print("accuracy", np.mean(predicted == np.load("features.npz")["y_new"]))
    with open("predictions.csv", "w", newline="") as file:  # noqa: PTH123
        csv.writer(file).writerows([[int(value)] for value in predicted])


def _probabilities(name, source):
    with open(f"{name}.pkl", "rb") as file:  # noqa: PTH123
        model = pickle.load(file)  # noqa: S301
    return model.predict_proba(np.load(source)["x_new"])[:, 1]
