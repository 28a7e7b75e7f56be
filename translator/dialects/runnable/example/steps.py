"""Define the steps of pipeline.yaml, which pass a file through the catalog, and values by name."""

import json
import random
from pathlib import Path


def prepare() -> list[str]:
    """Write points near the line y = 3x + 1; return the learning rates to try."""
    random.seed(0)
    points = [(x / 10, 3 * x / 10 + 1 + random.uniform(-0.2, 0.2)) for x in range(50)]
    Path("points.json").write_text(json.dumps(points))
    return ["1e-3", "1e-2", "1e-1"]  # texts, because runnable has no branches for numbers with a dot


def train(rate: str) -> float:
    """Fit a line with one learning rate; return the loss."""
    step = float(rate)
    points = json.loads(Path("points.json").read_text())
    slope = intercept = 0.0
    for _ in range(300):
        errors = [(x, slope * x + intercept - y) for x, y in points]
        slope -= step * sum(error * x for x, error in errors) / len(points)
        intercept -= step * sum(error for _, error in errors) / len(points)
    loss: float = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)
    return loss


def show(loss: float) -> None:
    """Print the smallest loss, which the reducer of the map has chosen."""
    print(f"smallest loss {loss:.4f}")
