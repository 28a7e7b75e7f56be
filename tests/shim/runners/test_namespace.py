"""Test how a worker makes a namespace."""

from __future__ import annotations

import subprocess
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
    assert manifest.state == "complete", worker.log
    assert [line for line in worker.output if "No such file" not in line and "x:" not in line] == ["/proc/1", "closed"]


@pytest.mark.usefixtures("_needs_system_calls")
def test_nothing_of_it_is_seen_by_the_worker(tmp_path: Path) -> None:
    before = (
        Path("/proc/self/ns/mnt").readlink(),
        Path.cwd(),
        threading.active_count(),
    )
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
    after = (
        Path("/proc/self/ns/mnt").readlink(),
        Path.cwd(),
        threading.active_count(),
    )
    assert after == before
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
