"""Call every part with a score of at least the threshold faulty, and measure how often that is right.

---
inputs:
  data: {type: csv, description: A score and the truth per part}
outputs:
  --output: {type: json, description: "Precision, recall and F1"}
args:
  --threshold: {type: float, default: 0.5}
  --config-name: {type: str, choices: [low, mid, high], required: true}
---
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--config-name", required=True)
    args = parser.parse_args()
    with args.data.open(newline="", encoding="utf-8") as file:
        parts = [(float(row["score"]), row["faulty"] == "1") for row in csv.DictReader(file)]
    counts = Counter((score >= args.threshold, faulty) for score, faulty in parts)
    found, missed, alarms = counts[True, True], counts[False, True], counts[True, False]
    result = {
        "name": args.config_name,
        "threshold": args.threshold,
        "parts": len(parts),
        "precision": round(found / max(found + alarms, 1), 4),
        "recall": round(found / max(found + missed, 1), 4),
        "f1": round(2 * found / max(2 * found + alarms + missed, 1), 4),
    }
    args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
