"""Fit a line with one learning rate."""

import argparse
import json
import os
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True)
rate = parser.parse_args().rate

points = json.loads(Path(os.environ["VH_INPUTS_DIR"], "data", "data.json").read_text())
slope = intercept = 0.0
for _ in range(300):
    errors = [(x, slope * x + intercept - y) for x, y in points]
    slope -= rate * sum(error * x for x, error in errors) / len(points)
    intercept -= rate * sum(error for _, error in errors) / len(points)
loss = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)

model = {"rate": rate, "slope": slope, "intercept": intercept, "loss": loss}
Path(os.environ["VH_OUTPUTS_DIR"], f"model-{rate}.json").write_text(json.dumps(model))
print(json.dumps({"loss": round(loss, 4)}))  # a line of JSON is metadata: a metric of the execution
