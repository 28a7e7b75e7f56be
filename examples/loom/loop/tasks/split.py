"""Write each sonnet of a book to its own file, named after the sonnet's number.

---
inputs:
  book: {type: txt, description: "Sonnets, each below its number"}
outputs:
  --folder: {type: data_folder, description: One file per sonnet}
---
"""

import argparse
import re
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("book", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    _, *parts = re.split(r"^(\d+)\n\n", args.book.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for number, text in zip(parts[::2], parts[1::2], strict=True):
        (args.folder / f"{number}.txt").write_text(text.strip() + "\n", encoding="utf-8")
    print(f"{len(parts) // 2} sonnets")


if __name__ == "__main__":
    main()
