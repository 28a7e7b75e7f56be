"""Compare the vocabularies of several texts.

---
inputs:
  counts: {type: data_folder, description: A file of counts per text}
outputs:
  --output: {type: json, description: "The size of each vocabulary, and the words that several texts share"}
---
"""

import argparse
import json
from collections import Counter
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    words = {file.stem: file.read_text(encoding="utf-8").split()[1::2] for file in sorted(args.counts.iterdir())}
    texts = Counter(word for own in words.values() for word in own)
    vocabulary = {
        "sizes": {name: len(own) for name, own in words.items()},
        "shared": sorted(word for word, count in texts.items() if count > 1),
    }
    args.output.write_text(json.dumps(vocabulary, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"shared": len(vocabulary["shared"])}))


if __name__ == "__main__":
    main()
