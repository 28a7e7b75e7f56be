"""List the hours whose readings are missing.

---
inputs:
  readings: {type: csv}
outputs:
  --output: {type: txt, description: A day and an hour per line}
---
"""

import argparse
import csv
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("readings", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with args.readings.open(newline="", encoding="utf-8") as file:
        hours = [int(row["hour"]) for row in csv.DictReader(file) if not row["temperature"]]
    lines = [f"day {hour // 24 + 1}, {hour % 24:02}:00\n" for hour in hours]
    args.output.write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} readings are missing")


if __name__ == "__main__":
    main()
