"""Simulate a thermometer: it is warmest at three in the afternoon, and now and then a reading is lost.

---
outputs:
  --output: {type: csv, description: "A temperature per hour, some of which are missing"}
args:
  --days: {type: int, default: 14}
  --lost: {type: float, default: 0.05, description: The share of readings that are lost}
---
"""

import argparse
import csv
import math
import random
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--lost", type=float, default=0.05)
    args = parser.parse_args()
    draw = random.Random(args.days)  # noqa: S311 - data, no secret
    with args.output.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("hour", "temperature"))
        for hour in range(24 * args.days):
            warmth = 12 + 6 * math.cos(2 * math.pi * (hour - 15) / 24) + draw.gauss(0, 0.8)
            rows.writerow((hour, "" if draw.random() < args.lost else f"{warmth:.1f}"))
    print(f"{24 * args.days} hours")


if __name__ == "__main__":
    main()
