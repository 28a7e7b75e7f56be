"""Write points near the line y = 3x + 1."""

import argparse
import json
import random
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, required=True)
output = parser.parse_args().output

random.seed(0)
points = [(x / 10, 3 * x / 10 + 1 + random.uniform(-0.2, 0.2)) for x in range(50)]
output.parent.mkdir(parents=True, exist_ok=True)
output.write_text(json.dumps(points))
