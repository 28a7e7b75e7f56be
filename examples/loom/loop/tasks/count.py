"""Count the words of a text.

---
inputs:
  sonnet: {type: txt}
outputs:
  --output: {type: txt, description: A count and a word per line}
args:
  --shortest: {type: int, default: 1, description: Words of fewer letters do not count}
---
"""

import argparse
import re
from collections import Counter
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sonnet", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--shortest", type=int, default=1)
    args = parser.parse_args()
    words = re.findall(r"[a-z]+", args.sonnet.read_text(encoding="utf-8").lower().replace("'s ", " "))
    counts = Counter(word for word in words if len(word) >= args.shortest)
    lines = [f"{count} {word}\n" for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    args.output.write_text("".join(lines), encoding="utf-8")
    print(f"{args.sonnet.name}: {len(counts)} words")


if __name__ == "__main__":
    main()
