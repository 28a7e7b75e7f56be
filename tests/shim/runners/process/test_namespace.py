"""Test how a worker makes a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.shim.runners.conftest import use
from translator.shim.runners.process import kernel, namespace
from translator.shim.runners.process.mounts import Mounts
from translator.shim.runners.process.namespace import Namespace

if TYPE_CHECKING:
    from tests.shim.conftest import Worker

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
DIRECT = Namespace("direct", processes=True)


@pytest.fixture
def _needs_system_calls() -> None:
    if not namespace.works(DIRECT):
        pytest.skip("system calls make a namespace only for root")


@pytest.mark.usefixtures("_needs_system_calls")
def test_system_calls_make_one_on_an_older_linux(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the first process mounts ``/proc``."""
    monkeypatch.setattr(kernel, "chooses_processes", lambda: False)
    use("direct", monkeypatch)
    manifest = worker.run("ls -d /proc/[0-9]* | head -n 1; ls /proc/table; (: > /proc/sys/x) || echo closed")
    assert manifest.state == "complete", worker.told
    assert [line for line in worker.output if "No such file" not in line and "x:" not in line] == ["/proc/1", "closed"]


@pytest.mark.usefixtures("_needs_system_calls")
def test_nothing_of_it_is_seen_by_the_worker(tmp_path: Path) -> None:
    before = Path("/proc/self/ns/mnt").readlink(), Path.cwd()
    threads = {*threading.enumerate()}
    closed, root = tmp_path / "closed", tmp_path / "root"
    closed.mkdir()
    root.mkdir()
    inside = namespace.enter(Mounts((str(closed),), (str(root),), str(root), "/translator-test"), None, "mark")
    said: list[str] = []
    script = f"grep -E '^Cap(Inh|Prm|Bnd|Amb)|NoNewPrivs' /proc/self/status; touch {closed}/x || ls -d /translator-test"
    inside.call(
        lambda: said.append(subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout)
    )
    inside.end()
    mask = f"{sum(1 << number for number in namespace.CAPABILITIES.values()):016x}"
    assert said[0].split() == [
        *("CapInh:", "0" * 16, "CapPrm:", mask, "CapBnd:", mask, "CapAmb:", "0" * 16),
        *("NoNewPrivs:", "1", "/translator-test"),
    ]
    assert (Path("/proc/self/ns/mnt").readlink(), Path.cwd()) == before
    assert {*threading.enumerate()} <= threads
    # Other programs mount things meanwhile.
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    status = Path("/proc/self/status").read_text()
    assert f"CapBnd:\t{mask}" not in status


@pytest.mark.usefixtures("_needs_system_calls")
def test_a_mount_that_fails_starts_nothing(tmp_path: Path) -> None:
    inside = namespace.enter(Mounts((str(tmp_path / "missing"),), (), str(tmp_path), "/translator-test"), None, "mark")
    started: list[int] = []
    with pytest.raises(FileNotFoundError):
        inside.call(lambda: started.append(1))
    inside.end()
    assert started == []


PLAIN = 65534


@pytest.fixture
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command that runs a program as a plain user, with a Python that this user may start."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests have run as a plain user")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    become = ["setpriv", f"--reuid={PLAIN}", f"--regid={PLAIN}", "--clear-groups"]
    for python in (sys.executable, "/usr/bin/python3"):
        test = [
            *become,
            python,
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import translator.shim.execution",
        ]
        if subprocess.run(test, capture_output=True, check=False, cwd="/").returncode == 0:
            return [*become, python]
    pytest.skip("no Python here may be started by another user")


@pytest.mark.parametrize("files", [3, 300])
def test_a_worker_that_is_not_root_has_one(plain: list[str], files: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        project, mine = base / "project", base / "mine"
        project.mkdir()
        mine.mkdir()
        for number in range(files):
            (project / f"{number}.txt").write_text("x")
        for path in (mine, project, *project.iterdir()):
            os.chown(path, PLAIN, PLAIN)
        command = (
            f"id -u; ls | wc -l; pwd; rm *.txt; echo x > evil; (echo x > {project}/evil) 2>/dev/null;"
            " (echo x > $(python -c 'import sys; print(sys.base_prefix)')/evil) 2>/dev/null;"
            " python -c 'import sys; print(sys.prefix != sys.base_prefix)'; sleep 600 >/dev/null 2>&1 &"
            " ls -d /proc/1; cp /valohai/config/parameters.json /valohai/outputs/"
        )
        run = [*plain, str(HERE / "plain.py"), str(mine / "store"), str(project), command]
        done = subprocess.run(
            run, capture_output=True, text=True, cwd="/", env={**os.environ, "HOME": str(mine)}, check=False
        )
        if "way None" in done.stdout:
            pytest.skip("this machine allows no namespace for a plain user")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert "tool='direct'" not in lines[0]
        assert lines[1:-1] == [f"log {line}" for line in (PLAIN, files, "/valohai/repository", True, "/proc/1")]
        assert lines[-1] == "end complete None ['parameters.json']"
        assert len(list(project.iterdir())) == files
        assert [path.name for path in (mine / "store" / ".work").iterdir()] == []
