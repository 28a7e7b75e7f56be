"""Fit a line with one learning rate."""

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("points", type=Path)
parser.add_argument("--output", type=Path, required=True)
parser.add_argument("--rate", type=float, required=True)
args = parser.parse_args()

points = json.loads(args.points.read_text())
slope = intercept = 0.0
for _ in range(300):
    errors = [(x, slope * x + intercept - y) for x, y in points]
    slope -= args.rate * sum(error * x for x, error in errors) / len(points)
    intercept -= args.rate * sum(error for _, error in errors) / len(points)
loss = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)

print(f"loss {loss:.4f} at rate {args.rate}")
model = {"rate": args.rate, "slope": slope, "intercept": intercept, "loss": loss}
args.output.parent.mkdir(parents=True, exist_ok=True)
args.output.write_text(json.dumps(model))
