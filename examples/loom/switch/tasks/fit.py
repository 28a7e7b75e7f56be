"""Fit the mean, the swing and the warmest hour of a day to readings, by least squares.

---
inputs:
  readings: {type: csv}
outputs:
  --output: {type: json}
---
"""

import argparse
import csv
import json
import math
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("readings", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with args.readings.open(newline="", encoding="utf-8") as file:
        known = [(int(r["hour"]), float(r["temperature"])) for r in csv.DictReader(file) if r["temperature"]]
    rows = [(1.0, math.cos(math.tau * hour / 24), math.sin(math.tau * hour / 24)) for hour, _ in known]
    values = [temperature for _, temperature in known]
    normal = [[sum(a[i] * a[j] for a in rows) for j in range(3)] for i in range(3)]
    mean, cosine, sine = solved(normal, [sum(a[i] * v for a, v in zip(rows, values, strict=True)) for i in range(3)])
    model = {
        "mean": round(mean, 2),
        "swing": round(math.hypot(cosine, sine), 2),
        "warmest": round(math.atan2(sine, cosine) * 24 / math.tau % 24, 1),
    }
    args.output.write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(model))


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a system of linear equations by Gauss and Jordan; it has a solution."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda index: abs(rows[index][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for index, row in enumerate(rows):
            if index != column:
                factor = row[column] / rows[column][column]
                rows[index] = [a - factor * b for a, b in zip(row, rows[column], strict=True)]
    return [row[-1] / row[index] for index, row in enumerate(rows)]


if __name__ == "__main__":
    main()
