"""Learn a threshold between two kinds of flowers, by the length of their petals."""

import argparse
import json
import os
import random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
epochs = parser.parse_args().epochs

chance = random.Random(7)  # noqa: S311 - data, no secret
flowers = [(chance.gauss(1.5, 0.3), 0) for _ in range(200)] + [(chance.gauss(4.5, 0.5), 1) for _ in range(200)]
chance.shuffle(flowers)
training, validation = flowers[:300], flowers[300:]

threshold = 0.0
for epoch in range(epochs):
    wrong = [length for length, kind in training if (length > threshold) != bool(kind)]
    threshold += 0.5 * sum(wrong) / len(training)
    accuracy = sum((length > threshold) == bool(kind) for length, kind in validation) / len(validation)
    print(json.dumps({"epoch": epoch, "accuracy": accuracy}), flush=True)
if not epochs:
    print(json.dumps({"accuracy": 0.5}))

model = Path(os.environ["VH_OUTPUTS_DIR"]) / "model.json"
model.write_text(json.dumps({"threshold": threshold}))
