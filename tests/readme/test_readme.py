"""Type README's commands as they are, in bash and in zsh.

Engines are not installed here, so a command that starts one, or reads a run, must get as far as saying so. Then its
file and options are right. ``make readme`` types all of them, after the installation, and sees the runs complete.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.readme.blocks import NOT_COPIED, ROOT, SHELLS, blocks, commands, ends_with, reads_run, runs_engine

FIVE_MINUTES = blocks("Five minutes")
INSTALLATION, *REST = FIVE_MINUTES


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the commands use."""
    shutil.copytree(ROOT / "examples", tmp_path / "checkout" / "examples", ignore=NOT_COPIED)
    return tmp_path / "checkout"


@pytest.mark.parametrize("shell", SHELLS)
def test_five_minutes(shell: str, checkout: Path) -> None:
    script = ["set -e"]
    for command in (command for block in REST for command in commands(block)):
        if runs_engine(command) or reads_run(command):
            script.append(ends_with(2, command))
        else:
            script.append(command)
    home = checkout.parent / "home"
    home.mkdir()
    done = subprocess.run(
        [shell, "-c", "\n".join(script)],
        cwd=checkout,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    runs = sum(runs_engine(command) for block in REST for command in commands(block))
    reads = sum(reads_run(command) for block in REST for command in commands(block))
    assert done.stderr.count("translate: there are no runs in ") == reads >= 3
    assert done.stderr.count("prefect is not installed in this environment") == runs > 3
    assert "if train_conservative[1] fails" in done.stdout
    assert (home / "airflow" / "dags" / "training_pipeline.py").exists()
    assert (checkout / "examples" / "valohai" / "flows" / "training_pipeline_flow.py").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_block_runs_in_its_shell(shell: str) -> None:
    for block in (*blocks("Try it"), *FIVE_MINUTES):
        subprocess.run([shell, "-n", "-c", block], check=True)


def test_bash_is_tried() -> None:
    assert "bash" in SHELLS


def test_the_installation_covers_the_imports_of_the_examples() -> None:
    (extras,) = re.findall(r"pip install '\.\[(.*)\]'", INSTALLATION)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    declared = [*project["dependencies"], *(d for e in extras.split(",") for d in project["optional-dependencies"][e])]
    names = {re.split(r"[<>=\[ ]", one, maxsplit=1)[0] for one in declared}
    providers = {"sklearn": "scikit-learn", "valohai": "valohai-utils"}
    used = set()
    for folder in ("valohai", "loom", "magnus"):
        for file in (ROOT / "examples" / folder).rglob("*.py"):
            used |= set(re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    local = {file.stem for file in (ROOT / "examples").rglob("*.py")}
    foreign = {providers.get(one, one) for one in used - set(sys.stdlib_module_names) - local}
    assert foreign <= names
    assert len(foreign) > 1
