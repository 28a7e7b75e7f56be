"""Keep the model with the smallest loss."""

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("models", type=Path, nargs="+")
parser.add_argument("--output", type=Path, required=True)
args = parser.parse_args()

best = min((json.loads(file.read_text()) for file in args.models), key=lambda model: model["loss"])
print(f"best rate {best['rate']}, loss {best['loss']:.4f}")
args.output.parent.mkdir(parents=True, exist_ok=True)
args.output.write_text(json.dumps(best))
