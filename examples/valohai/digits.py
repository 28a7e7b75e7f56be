"""Read and write the files that pass between the steps: a split of the data set, and a linear model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images, one row of 64 pixels in 0..1 each, and the digit that each one shows."""

    images: np.ndarray
    labels: np.ndarray

    def save(self, path: str) -> None:
        np.savez(path, images=self.images, labels=self.labels)

    @classmethod
    def load(cls, path: str) -> "Split":
        with np.load(path) as file:
            return cls(file["images"], file["labels"])


@dataclass(frozen=True)
class Model:
    """A linear classifier, and the parameters that it was trained with."""

    weights: np.ndarray
    bias: np.ndarray
    learning_rate: float
    regularisation: float

    def accuracy(self, split: Split) -> float:
        predicted = np.argmax(split.images @ self.weights.T + self.bias, axis=1)
        return round(float(np.mean(predicted == split.labels)), 4)

    def save(self, path: str) -> None:
        np.savez(
            path,
            weights=self.weights,
            bias=self.bias,
            learning_rate=self.learning_rate,
            regularisation=self.regularisation,
        )

    @classmethod
    def load(cls, path: str | Path) -> "Model":
        with np.load(path) as file:
            return cls(file["weights"], file["bias"], float(file["learning_rate"]), float(file["regularisation"]))
