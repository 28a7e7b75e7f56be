"""Say what the pictures show: the pipeline that ``translate init valohai`` writes, run twice."""

import subprocess
import sys
from pathlib import Path

PIPELINE = "training"
RATES = {"first": [0.001, 0.01, 0.1], "larger-rates": [0.01, 0.1, 0.5]}
"""The runs; with the rate 0.5 the training fails, and the pipeline continues with the other models."""
TRANSLATE = (sys.executable, "-m", "translator.cli")


def project(folder: Path) -> Path:
    """Write the project."""
    made = folder / "project"
    subprocess.run([*TRANSLATE, "init", "valohai", str(made)], check=True, stdout=subprocess.DEVNULL)
    return made


def written(project: Path, target: str, folder: Path) -> None:
    """Write the file for an engine into a directory."""
    command = [*TRANSLATE, str(project / "valohai.yaml"), "--target", target, "-o", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
