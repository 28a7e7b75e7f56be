"""Draw the mean temperature of each hour of the day.

---
inputs:
  readings: {type: csv}
outputs:
  --output: {type: txt, description: A bar per hour}
---
"""

import argparse
import csv
from pathlib import Path
from statistics import mean


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("readings", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    with args.readings.open(newline="", encoding="utf-8") as file:
        known = [
            (int(row["hour"]) % 24, float(row["temperature"])) for row in csv.DictReader(file) if row["temperature"]
        ]
    chart = ""
    for hour in range(24):
        warmth = mean([temperature for at, temperature in known if at == hour] or [0.0])
        chart += f"{hour:02}:00 {warmth:5.1f} {'#' * round(warmth)}\n"
    args.output.write_text(chart, encoding="utf-8")
    print(chart)


if __name__ == "__main__":
    main()
