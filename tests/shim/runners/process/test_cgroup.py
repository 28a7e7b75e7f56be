"""Test control groups; only with the controllers in cgroup v2 does Linux enforce their limits."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Resources
from translator.shim.runners.process import cgroup, namespace
from translator.shim.runners.process.mounts import Mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shim.conftest import Worker

BOTH = Resources(cpu=1.5, memory=256)


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Path]:
    """Mount a real cgroup v2, which needs no controllers to hold and end processes, and make a group in it."""
    mounted = tmp_path / "cgroup"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "cgroup2", "none", mounted], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs the right to mount cgroup v2")
    group = mounted / f"translator-test-{time.monotonic_ns()}"
    try:
        group.mkdir()
        yield group
    finally:
        if group.exists():
            cgroup._remove(group)
        subprocess.run(["umount", "-l", mounted], check=True)


def members(group: Path, count: int) -> list[int]:
    """Return the processes of a group as soon as it has so many."""
    deadline = time.monotonic() + 60
    while len(found := (group / "cgroup.procs").read_text().split()) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return [int(one) for one in found]


def test_the_end_of_a_group_is_the_end_of_all_that_runs_in_it(groups: Path) -> None:
    process = subprocess.Popen(cgroup.entered(groups, ["sh", "-c", "setsid sleep 600 & sleep 600"]))
    assert process.pid in members(groups, 3)
    cgroup._remove(groups)
    assert process.wait(60) == -9
    assert not groups.exists()


def test_a_command_in_a_namespace_enters_its_group_and_changes_nothing_of_it(groups: Path, tmp_path: Path) -> None:
    if not namespace.works(namespace.Namespace("direct", processes=True)):
        pytest.skip("system calls make a namespace only for root")
    root = tmp_path / "root"
    root.mkdir()
    sys_only = Mounts((str(groups.parent),), (str(root),), str(root), "/translator-test")
    inside = namespace.enter(sys_only, groups, "mark")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        tried = f"echo 1 > {groups}/cgroup.freeze || touch /translator-test/refused; exec sleep 600"
        command = cgroup.entered(groups, ["sh", "-c", tried])
        inside.call(lambda: processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL)))
        assert members(groups, 1) == [processes[0].pid]
        deadline = time.monotonic() + 60
        while not (root / "refused").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (root / "refused").exists()
    finally:
        for process in processes:
            process.kill()
            process.wait()
        inside.end()


def test_limits_are_written_where_the_worker_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "_PATIENCE", 0)  # these directories are not groups, and are not removed like them
    service = tmp_path / "sys/fs/cgroup/system.slice/worker.service"
    (service / "main").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/old\n0::/system.slice/worker.service/main\n")
    (service / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (service / "cgroup.procs").touch()
    with cgroup.group(BOTH, "mark", system=tmp_path) as made:
        assert made == service / "translator-mark"
        written = {path.name: path.read_text() for path in made.iterdir()}
    assert written == {
        "cpu.max": "150000 100000",
        "memory.max": str(256 << 20),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
    } | ({"cgroup.kill": "1"} if "cgroup.kill" in written else {})
    (service / "cgroup.subtree_control").write_text("memory\n")
    with cgroup.group(BOTH, "other", system=tmp_path) as made:
        assert made is None


def test_linux_enforces_the_limit_of_memory(worker: Worker) -> None:
    if cgroup._parent(Path("/")) is None:
        pytest.skip("this machine has no cgroup v2 with the controllers cpu and memory that the worker may use")
    from translator.shim.contract import Step

    hungry = 'python3 -c \'x = bytearray(512 << 20); x[::4096] = b"x" * (len(x) // 4096); print("fed")\''
    manifest = worker.run(Step("hungry", [hungry], resources=Resources(memory=64)))
    assert (manifest.state, manifest.exit_status, worker.output) == ("error", 137, [])
