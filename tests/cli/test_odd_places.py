"""Test odd output destinations and file names: a message and an exit status, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from translator.cli import main
from translator.cli.commands import COMMANDS
from translator.files import is_missing, is_missing_file

LONG = "x" * 300
GOOD = """\
- step: {name: s, image: x, command: 'true'}
- pipeline: {name: p, nodes: [{name: a, type: execution, step: s}], edges: []}
"""
LONG_NAMES = {
    "valohai": GOOD.replace("'true'", f"python {LONG}.py, inputs: [{{name: i, default: {LONG}}}]"),
    "loom": f"data: {{a: {{type: txt, path: data/{LONG}}}}}\n"
    f"pipeline: [{{name: s, task: {LONG}.py, inputs: {{x: $a}}}}]\n",
    "magnus": f"dag: {{start_at: a, steps: {{a: {{type: dag, dag_definition: {LONG}.yaml, next: success}}, "
    "success: {type: success}, fail: {type: fail}}}\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    for name, text in LONG_NAMES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(command: str) -> tuple[int, str]:
    """Return the exit status and the output of a shell command in which ``translate`` is ours."""
    script = f'translate() {{ "{sys.executable}" -m translator.cli "$@"; }}\n{command}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, errors="replace")
    printed = done.stdout + done.stderr
    assert "Traceback" not in printed, printed
    assert "Exception ignored" not in printed, printed
    return done.returncode, printed


@pytest.mark.parametrize("dialect", LONG_NAMES)
def test_names_that_no_file_can_have(folder, capsys, dialect):
    status = main(["check", f"{dialect}.yaml", "--format", "json", "--dialect", dialect])
    found = {(diagnostic["severity"], diagnostic["code"]) for diagnostic in json.loads(capsys.readouterr().out)}
    assert {code for _, code in found} & {"missing-script", "missing-file"}
    assert status == (1 if any(severity == "error" for severity, _ in found) else 0)


@pytest.mark.parametrize("output", [f"{LONG}/", f"{LONG}.py", "good.yaml", "good.yaml/x.py", "/proc/none/", "loop/"])
def test_places_where_nothing_can_be_written(folder, capsys, output):
    (folder / "loop").symlink_to("loop")
    assert main(["good.yaml", "-t", "airflow", "-o", output]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "translate: cannot write" in err


def test_deep_directories(folder, capsys):
    deep = "d/" * 1500
    assert main(["good.yaml", "-t", "airflow", "-o", deep]) == 0
    assert capsys.readouterr().out == f"wrote {deep}p.py\n"
    assert (folder / deep / "p.py").is_file()
    assert main(["good.yaml", "-t", "airflow", "-o", "d/" * 2500]) == 1
    subprocess.run(["rm", "-rf", "d"], check=True)  # pytest's own way to remove it recurses


@pytest.mark.parametrize("form", ["json", "sarif", "text"])
def test_a_file_name_that_is_not_utf_8(folder, form):
    try:
        Path(os.fsdecode(b"b\xff.yaml")).write_text(GOOD)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    status, printed = shell(rf"translate check --format {form} $'b\xff.yaml'")
    assert status == 1
    if form == "json":
        assert {found["file"] for found in json.loads(printed)} == {"b\udcff.yaml"}
    if form == "sarif":
        assert '"uri": "b%FF.yaml"' in printed
    assert "the file's name is not UTF-8" in printed
    assert "rename the file" in printed


@pytest.mark.parametrize(
    "command",
    [
        "translate good.yaml -t airflow >/dev/full",
        "translate good.yaml -t airflow -o out/ >/dev/full",
        "translate check good.yaml >/dev/full",
        "translate check good.yaml --format json >/dev/full",
        "translate explain good.yaml >/dev/full",
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device(folder, command):
    status, printed = shell(command)
    assert status == 1
    assert "translate: the output: No space left on device" in printed


@pytest.mark.parametrize(
    "command",
    [
        "translate check valohai.yaml 2>/dev/full",
        "translate valohai.yaml -t airflow -o out/ 2>&- >&-",
        "translate check good.yaml >&-",
        "translate check good.yaml <&-",
        "set -o pipefail; translate good.yaml -t airflow | true || true",
        "set -o pipefail; translate check good.yaml --format sarif | true || true",
        "LC_ALL=C PYTHONUTF8=0 translate check good.yaml",
    ],
)
def test_closed_streams(folder, command):
    assert shell(command)[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        "docs valohai",
        "docs",
        "rule",
        "completion bash",
        "audit",
        "good.yaml -t airflow",
        "check good.yaml --format json",
    ],
)
def test_a_command_that_only_prints_needs_an_output(folder, command):
    status, printed = shell(f"translate {command} >&-")
    assert status == 2
    assert "translate: the standard output is closed" in printed


def test_each_command_that_needs_no_output_says_so():
    assert {command.name for command in COMMANDS.values() if command.acts} == {
        "init", "check", "run", "graph", "outputs", "catalogue", "deployments"
    }  # fmt: skip


def test_a_working_directory_that_is_gone(folder):
    status, printed = shell("mkdir gone; cd gone; rmdir ../gone; translate ../good.yaml -t airflow")
    assert status == 1
    assert "No such file or directory" in printed


def test_what_must_not_be_looked_at_may_be_there(monkeypatch):
    def refuse(*_: object, **__: object) -> bool:
        raise PermissionError

    for name in ("exists", "is_file"):
        monkeypatch.setattr(Path, name, refuse)
    assert not is_missing(Path("x"))
    assert not is_missing_file(Path("x"))
