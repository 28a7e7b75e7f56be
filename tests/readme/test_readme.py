"""Type README's commands as they are, in bash and in zsh, in an empty virtual environment.

They install the wheel of this checkout; what it depends on comes from ``.venv``, so nothing is downloaded. In bash the
first run is real. Elsewhere the engine is hidden: a command that starts one, or reads a run, must get as far as saying
so. Then its file and options are right. ``make readme`` types all of them with a network, and sees all runs complete.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.installed import refuse, require
from tests.readme.blocks import NOT_COPIED, ROOT, SHELLS, blocks, commands, ends_with, reads_run, runs_engine

INSTALLATION, FIRST = blocks("Try it")
FIVE_MINUTES = blocks("Five minutes")
PACKAGED = ("translator", "airflow_plugin", "prefect_plugin", "docs", "examples")
FILES = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
WITHOUT_ENGINE = sysconfig.get_path("purelib")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the commands use."""
    for name in PACKAGED:
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, ignore=NOT_COPIED)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / "checkout")
    return tmp_path / "checkout"


def with_engine() -> str:
    """Return the directory of the packages of the environment for Prefect, which README installs."""
    found = sorted((ROOT / ".venv" / "prefect").glob("lib/python3*/site-packages"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not found or found[0].parent.name != version:
        refuse(f"needs the environment .venv/prefect with {version}")
    return str(found[0])


def hidden(block: str) -> list[str]:
    """Return the commands of a block, of which those that need an engine must say that there is none."""
    return [ends_with(2, one) if runs_engine(one) or reads_run(one) else one for one in commands(block)]


@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=pytest.mark.wide("readme"))])
def test_commands_work_to_the_letter(shell: str, checkout: Path) -> None:
    require(shell)
    real = shell == "bash"
    script = ["set -e", INSTALLATION, f"hidden='{WITHOUT_ENGINE}'"]
    script += [FIRST, 'export PYTHONPATH="$hidden"'] if real else ['export PYTHONPATH="$hidden"', *hidden(FIRST)]
    script += [command for block in FIVE_MINUTES for command in hidden(block)]
    script.append("python -c 'import translator; print(translator.__file__)'")
    home = checkout.parent / "home"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),  # has Prefect's database
        "PYTHONPATH": with_engine(),
        "PIP_NO_BUILD_ISOLATION": "0",  # pip negates the value of an option that says no
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        [shell, "-c", "\n".join(script)], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, package = done.stdout.splitlines()
    assert Path(package).is_relative_to(checkout / ".venv" / "try")
    five = [command for block in FIVE_MINUTES for command in commands(block)]
    reads = sum(reads_run(command) for command in five)
    assert done.stderr.count("translate: there are no runs in ") == reads >= 3
    assert done.stderr.count("prefect is not installed in this environment") == sum(map(runs_engine, five)) > 3
    assert done.stderr.count("no engine is installed in this environment") == (not real)
    assert "if train_conservative[1] and train_experimental[1] fail" in done.stdout
    first = checkout / ".demo" / "first"
    assert (first / "dags" / "training.py").exists()
    assert len(list(first.glob("artifacts/*/*/run.json"))) == real
    assert (home / "airflow" / "dags" / "training_pipeline.py").exists()
    assert (checkout / "examples" / "valohai" / "flows" / "training_pipeline_flow.py").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_block_runs_in_its_shell(shell: str) -> None:
    for block in (INSTALLATION, FIRST, *FIVE_MINUTES, *blocks("From a checkout")):
        subprocess.run([shell, "-n", "-c", block], check=True)


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
