"""Type all of README's "Try it" and "Five minutes" into a shell, in an empty virtual environment (``make readme``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.readme.blocks import NOT_COPIED, ROOT, SHELLS, blocks, ends_with

FAILS = "--param min_accuracy=0.95"
"""The end of the command that shows a run that fails, as README has asked ``translate explain`` before."""


def main() -> int:
    """Follow README to the letter in each shell; the exit status says whether all went well."""
    failed = [shell for shell in SHELLS if not followed(shell)]
    print(f"FAILED: {', '.join(failed)}" if failed else f"README holds in {' and '.join(SHELLS)}")
    return 1 if failed else 0


def followed(shell: str) -> bool:
    """Follow README in one shell; each run must complete, except the one that shows a failure, which must fail."""
    with tempfile.TemporaryDirectory(prefix="translator-readme-") as folder:
        checkout = Path(folder) / "checkout"
        shutil.copytree(ROOT, checkout, ignore=NOT_COPIED)
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment["HOME"] = folder
        script = "\n".join(["set -ex", *blocks("Try it"), *blocks("Five minutes")]).replace(FAILS, ends_with(1, FAILS))
        return subprocess.run([shell, "-c", script], cwd=checkout, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
