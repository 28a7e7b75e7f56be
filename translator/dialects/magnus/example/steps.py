"""Define the steps of pipeline.yaml, which pass files through the catalog."""

import json
import random
from pathlib import Path


def prepare() -> None:
    """Write points near the line y = 3x + 1."""
    random.seed(0)
    points = [(x / 10, 3 * x / 10 + 1 + random.uniform(-0.2, 0.2)) for x in range(50)]
    Path("points.json").write_text(json.dumps(points))


def train_slowly() -> None:
    """Fit a line with a small learning rate."""
    _train(0.01, "slow.json")


def train_fast() -> None:
    """Fit a line with a large learning rate."""
    _train(0.1, "fast.json")


def choose() -> None:
    """Keep the model with the smallest loss."""
    models = [json.loads(Path(name).read_text()) for name in ("slow.json", "fast.json")]
    best = min(models, key=lambda model: model["loss"])
    print(f"best rate {best['rate']}, loss {best['loss']:.4f}")
    Path("best.json").write_text(json.dumps(best))


def _train(rate: float, file: str) -> None:
    points = json.loads(Path("points.json").read_text())
    slope = intercept = 0.0
    for _ in range(300):
        errors = [(x, slope * x + intercept - y) for x, y in points]
        slope -= rate * sum(error * x for x, error in errors) / len(points)
        intercept -= rate * sum(error for _, error in errors) / len(points)
    loss = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)
    print(f"loss {loss:.4f} at rate {rate}")
    model = {"rate": rate, "slope": slope, "intercept": intercept, "loss": loss}
    Path(file).write_text(json.dumps(model))
