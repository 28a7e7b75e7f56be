"""Check whether few enough readings are missing.

---
kind: condition
inputs:
  readings: {type: csv}
args:
  allowed: {type: float, description: The share of readings that may be missing}
---
"""

import csv
from pathlib import Path


def evaluate(readings: str, allowed: float) -> bool:
    with Path(readings).open(newline="", encoding="utf-8") as file:
        missing = [row["temperature"] == "" for row in csv.DictReader(file)]
    return sum(missing) <= allowed * len(missing)
