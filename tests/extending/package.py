"""Build the package ``toy``, and run programs with it installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILE = HERE / "pair.yaml"


def install(site: Path) -> dict[str, str]:
    """Install the package in a directory; returns an environment that has it."""
    shutil.copytree(HERE / "toy", site / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    shutil.copy(HERE / "entry_points.txt", info)
    return {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}


def run(environment: dict[str, str], *arguments: object, status: int = 0) -> str:
    """Run Python; returns what it prints."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr
