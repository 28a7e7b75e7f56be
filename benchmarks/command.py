"""Measure the whole ``translate`` process against the vendor's own linter on the same file."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measure import Row, emit, side_by_side

CASES = Path(__file__).resolve().parent.parent / "tests" / "goldens" / "cases"
PROGRAMS = Path(sys.executable).parent
ROWS = (("training.yaml", "airflow", 0.9), ("training.yaml", "prefect", 0.9), ("edges.yaml", "airflow", None))
"""The file, the engine and the bound; without one for a file with rare keys, about which the vendor is asked."""


def processor_seconds(environment: dict[str, str], *command: str) -> float:
    """Return the processor time of a process, which other programs hardly affect."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure one row per file and target."""
    with tempfile.TemporaryDirectory() as folder:
        # Compiled like an installed package: pip does it, an editable installation may not.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        for name, target, bound in ROWS:
            file = shutil.copy(CASES / name, folder)  # else it would be in this project, whose settings count
            translate = (str(PROGRAMS / "translate"), file, "--target", target)
            ours, theirs = side_by_side(
                partial(processor_seconds, environment, *translate),
                partial(processor_seconds, environment, str(PROGRAMS / "valohai-yaml"), file),
                rounds=15,
            )
            emit(Row(f"`translate {name} --target {target}`", ours, f"`valohai-yaml {name}`", theirs, "s", bound))


if __name__ == "__main__":
    main()
