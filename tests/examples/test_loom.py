"""Run a Loom example with ``translate run`` on the engine of this environment; ``tests/parity`` runs all of them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.loom_cases import CASES, assert_as_in_loom, file_of

TRANSLATE = Path(sys.executable).with_name("translate")


def translate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = list(map(str, (TRANSLATE, *arguments)))
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_check_finds_nothing_wrong() -> None:
    files = [file_of(example) for example in CASES]
    done = translate("check", "--strict", *files)
    assert done.stdout == "".join(f"{file}: nothing to report\n" for file in files), done.stderr


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_the_switch_runs_as_in_loom(engine: str, tmp_path: Path) -> None:
    """Another branch by a parameter, an optional step, and another path."""
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed in this environment")
    given = [word for name, value in CASES["switch"].values.items() for word in ("--param", f"{name}={value}")]
    done = translate("run", file_of("switch"), "--target", engine, "--store", tmp_path, *given)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = tmp_path.glob("switch/*/run.json")
    assert_as_in_loom("switch", json.loads(record.read_text()), record.parent, tmp_path / "loom")
