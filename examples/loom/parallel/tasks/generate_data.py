"""Draw the scores that a detector gives to parts, one in four of which is faulty.

---
outputs:
  --output: {type: csv, description: A score and the truth per part}
args:
  --samples: {type: int, default: 500, description: How many parts}
  --seed: {type: int, default: 1}
---
"""

import argparse
import csv
import random
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    draw = random.Random(args.seed)  # noqa: S311 - data, no secret
    with args.output.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("score", "faulty"))
        for _ in range(args.samples):
            faulty = draw.random() < 0.25
            score = draw.betavariate(4, 2) if faulty else draw.betavariate(2, 4)
            rows.writerow((f"{score:.4f}", int(faulty)))
    print(f"{args.samples} parts")


if __name__ == "__main__":
    main()
