"""Put the results side by side and name the best.

---
inputs:
  result_low: {type: json}
  result_mid: {type: json}
  result_high: {type: json}
outputs:
  --output: {type: json, description: "All results, and the name of the one with the highest F1"}
---
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path, nargs=3)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in args.results]
    best = max(results, key=lambda result: result["f1"])
    comparison = {"best": best["name"], "results": {result["name"]: result for result in results}}
    args.output.write_text(json.dumps(comparison, indent=2) + "\n", encoding="utf-8")
    for result in results:
        print("{name:>5}: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f}".format(**result))
    print(json.dumps({"best": best["name"], "f1": best["f1"]}))


if __name__ == "__main__":
    main()
