"""Run a step of these tests: write its arguments and the content of its inputs to each output.

`--do` changes this. It is a comma-separated list of `early` (fail before anything is written), `fail` (fail after
that), `nothing` (write no output), `files=a.txt+sub/b.txt` (outputs are directories with these files), `empty` (outputs
are empty directories), and `fail-on=NAME` (fail if the first input has that name).
"""

import hashlib
import os
import re
import sys
from pathlib import Path

# The directory that paths are relative to is the project's in Loom, and a workspace's here.
ROOT = re.compile(r"^/.*?/(?=(?:source|output|\.loom-url-cache)(?:/|$))")
ARGUMENTS = sys.argv[1:]


def shown(argument):
    return ROOT.sub("", str(argument))


def found(path):
    if path.is_dir():
        for root, folders, files in sorted(os.walk(path)):
            if not folders and not files:
                yield f"{shown(root)}/"
            for name in sorted(files):
                yield from found(Path(root, name))
    elif path.exists():
        yield f"{shown(path)} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    else:
        yield f"{shown(path)} is not there"


def value(flag):
    return ARGUMENTS[ARGUMENTS.index(flag) + 1] if flag in ARGUMENTS else ""


def main():
    todo = dict(word.partition("=")[::2] for word in value("--do").split(",") if word)
    if "early" in todo:
        sys.exit(4)
    first = next((i for i, word in enumerate(ARGUMENTS) if word.startswith("-")), len(ARGUMENTS))
    references = [ARGUMENTS[i + 1] for i, word in enumerate(ARGUMENTS[:-1]) if word.startswith("--ref")]
    lines = [" ".join(map(shown, ARGUMENTS))]
    for path in [*ARGUMENTS[:first], *references]:
        lines += found(Path(path))
    for i, flag in enumerate(ARGUMENTS):
        if not flag.startswith("--out") or "nothing" in todo:
            continue
        path = Path(ARGUMENTS[i + 1])
        for name in todo.get("files", "").split("+") if "files" in todo else [""]:
            target = path / name
            if "empty" in todo:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join([*lines, *([name] if name else [])]) + "\n")
    name = Path(ARGUMENTS[0]).name if ARGUMENTS else ""
    if "fail" in todo or todo.get("fail-on") == name:
        sys.exit(3)


main()
