"""Run a fuzzing campaign of any length, as ``make fuzz SECONDS=...`` does."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

from tests.fuzz.campaign import keep, run


def main() -> int:
    """Run mutants; the exit status says whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, help="stop after that many seconds")
    parser.add_argument("--files", type=int, help="stop after that many files")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="sequence of files (default: new)")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument(
        "--keep", type=Path, default=Path(".fuzz"), help="where to write failing files (default: .fuzz)"
    )
    args = parser.parse_args()
    numbers = itertools.count(args.first) if args.files is None else range(args.first, args.first + args.files)
    seconds = 60.0 if args.seconds is None and args.files is None else args.seconds
    campaign = run(args.seed, numbers, seconds=seconds)
    print(campaign.summary)
    for kind, count in campaign.counts.most_common():
        print(f"{count:6}  {kind}")
    if campaign.examples:
        into = args.keep / str(args.seed)
        keep(campaign, into)
        print(f"an example of each is in {into}/")
    return 1 if campaign.examples else 0


if __name__ == "__main__":
    sys.exit(main())
