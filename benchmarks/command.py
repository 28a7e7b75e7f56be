"""Measure the whole ``translate`` process against the vendor's own linter on the same file."""

import subprocess
import sys
from pathlib import Path

from measure import Row, emit, seconds, side_by_side

ROOT = Path(__file__).resolve().parent.parent
SEED = ROOT / "tests" / "goldens" / "cases" / "training.yaml"
PROGRAMS = Path(sys.executable).parent


def process(*command: str) -> float:
    """Return the duration of a process in seconds."""
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def main() -> None:
    """Measure one row per target."""
    for target in ("airflow", "prefect"):
        ours, theirs = side_by_side(
            lambda: process(str(PROGRAMS / "translate"), str(SEED), "--target", target),  # noqa: B023
            lambda: process(str(PROGRAMS / "valohai-yaml"), str(SEED)),
            rounds=15,
        )
        emit(
            Row(f"`translate training.yaml --target {target}`", ours, "`valohai-yaml training.yaml`", theirs, "s", 1.5)
        )


if __name__ == "__main__":
    main()
