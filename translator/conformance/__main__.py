"""Check an installed dialect or target (``python -m translator.conformance``)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from translator import conformance
from translator.diagnostics import printable


def main() -> int:
    """Print what is wrong; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m translator.conformance", description="Check a dialect or target.")
    parser.add_argument("kind", choices=("dialect", "target"), help="what to check")
    parser.add_argument("name", metavar="NAME", help="the name of its entry point")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="pipeline files without errors")
    args = parser.parse_args()
    check = conformance.dialect if args.kind == "dialect" else conformance.target
    problems = check(args.name, args.files)
    for problem in problems:
        sys.stdout.write(f"{printable(problem)}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
