"""Test how commands end: by themselves, at a limit, when the run is stopped, or with their worker."""

from __future__ import annotations

import inspect
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from translator.shim.contract import Input, Step
from translator.shim.execution import KILLED, kill_all
from translator.shim.files import digest
from translator.shim.process import group

# A tree of processes: a child, a grandchild that ignores TERM, one in its own session, and a daemon that has
# detached itself wholly (double fork, setsid). Each writes its id into a file; then the first one sleeps.
TREE = """
sh -c 'echo $$ > $PIDS/a.pid; sleep 300' &
sh -c 'trap "" TERM; echo $$ > $PIDS/b.pid; while :; do sleep 1; done' &
setsid sh -c 'echo $$ > $PIDS/c.pid; sleep 300' &
(setsid sh -c '(sh -c "echo \\$\\$ > $PIDS/d.pid; exec sleep 300" </dev/null >/dev/null 2>&1 &)' &)
while [ "$(ls $PIDS/*.pid 2>/dev/null | wc -l)" -lt 4 ]; do sleep 0.05; done
echo $$ > $PIDS/e.pid
echo ready
"""
Pids = Callable[[], list[int]]
Gone = Callable[..., bool]


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the grace: one process of the tree ignores TERM, so each test waits for all of it."""
    monkeypatch.setattr(group, "GRACE", 0.5)


def when_ready(worker, act: Callable[[], object]) -> None:
    """Call ``act`` from another thread as soon as the command says that it is ready."""

    def line(text: str) -> None:
        if text == "ready":
            threading.Thread(target=act).start()

    worker.on_line = line


def test_a_command_that_leaves_processes_behind_ends_and_they_end_with_it(
    worker, pids_of: Pids, processes: Gone
) -> None:
    """What is left behind would run for 300 s."""
    manifest = worker.run(Step("s", [TREE + "exit 0"], time_limit=200))
    assert manifest.state == "complete", manifest.reason
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)


def test_a_daemon_that_floods_the_output_does_not_delay_the_execution(worker, pids_of: Pids, processes: Gone) -> None:
    manifest = worker.run(
        "sh -c 'echo $$ > $PIDS/a.pid; exec yes' & while [ ! -s $PIDS/a.pid ]; do sleep 0.05; done; exit 5"
    )
    assert manifest.exit_status == 5
    assert processes(pids_of(), within=0)


def test_processes_that_outlive_a_shell_may_finish_their_lines(worker) -> None:
    worker.run("#!/bin/bash\necho a > >(sleep 0.2; cat; echo b)")
    assert worker.output == ["a", "b"]


@pytest.mark.parametrize("grace", [0.5, group.GRACE])
def test_a_stop_ends_the_whole_tree_and_keeps_the_last_lines(
    worker, monkeypatch, pids_of: Pids, processes: Gone, grace: float
) -> None:
    monkeypatch.setattr(group, "GRACE", grace)
    asked = []

    def should_stop() -> str | None:
        asked.append(threading.current_thread())
        return "node 'other' has failed" if "ready" in worker.log else None

    worker.should_stop = should_stop
    command = f"trap 'echo last words; echo kept > /valohai/outputs/checkpoint; exit 9' TERM{TREE}sleep 300 & wait"
    manifest = worker.run(command)
    assert (manifest.state, manifest.reason) == ("stopped", "node 'other' has failed")
    assert "last words" in worker.output
    assert [record.path for record in manifest.outputs] == ["checkpoint"]
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)
    assert set(asked) == {threading.current_thread()}


def test_without_pidfds_a_command_ends_and_is_stopped_as_well(
    worker, monkeypatch, pids_of: Pids, processes: Gone
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    manifest = worker.run("echo a; echo b >&2; exit 3")
    assert (manifest.exit_status, sorted(worker.output)) == (3, ["a", "b"])
    worker.should_stop = lambda: "enough" if "ready" in worker.log else None
    manifest = worker.run(TREE + "sleep 300", node="stopped")
    assert (manifest.state, manifest.reason) == ("stopped", "enough")
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)


def test_without_a_list_of_processes_the_group_is_ended(worker, monkeypatch, pids_of: Pids, processes: Gone) -> None:
    monkeypatch.setattr(group, "pids", list)
    worker.should_stop = lambda: "enough" if "ready" in worker.log else None
    manifest = worker.run(
        "sh -c 'echo $$ > $PIDS/a.pid; sleep 300' & while [ ! -s $PIDS/a.pid ]; do :; done; echo ready; sleep 300"
    )
    assert (manifest.state, manifest.reason) == ("stopped", "enough")
    assert processes(pids_of(), within=0)


def test_a_command_that_somebody_else_reaps_does_not_succeed(worker) -> None:
    """An engine that waits for any child may take the exit status away."""
    worker.on_line = lambda line: line == "x" and [time.sleep(0.3), os.waitpid(-1, 0)]
    manifest = worker.run("echo x; exit 0")
    assert (manifest.state, manifest.exit_status) == ("error", 255)


@pytest.mark.parametrize("uri", ["", "memory://stopping"])
@pytest.mark.parametrize("when", ["brought", "published"])
def test_a_stop_while_files_are_brought_or_published(worker, monkeypatch, uri: str, when: str) -> None:
    worker.uri = uri or worker.uri
    monkeypatch.setattr(digest, "BLOCK", 2)
    monkeypatch.setattr(time, "monotonic", Ticking())
    worker.script("data", "x" * 100)
    ran = worker.project.parent / "ran"
    asked = []

    def should_stop() -> str | None:
        transfer = any(frame.function in {"of_file", "pump", "_watched"} for frame in inspect.stack())
        if not transfer or ran.exists() != (when == "published"):
            return None
        asked.append(1)
        return "enough"

    worker.should_stop = should_stop
    step = Step("s", [f"head -c 1000 /dev/zero > /valohai/outputs/out; touch {ran}"], inputs=[Input("in", ["data"])])
    manifest = worker.run(step)
    assert (manifest.state, manifest.reason, manifest.outputs) == ("stopped", "enough", [])
    assert ran.exists() == (when == "published")
    assert asked == [1]
    assert worker.store.manifest(manifest.uri) == manifest


class Ticking:
    """A clock on which each look takes 0.3 seconds."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> float:
        self.count += 1
        return self.count * 0.3


def test_a_stop_before_the_start_runs_nothing(worker) -> None:
    worker.should_stop = lambda: "the run has failed"
    manifest = worker.run(f"touch {worker.project.parent}/ran")
    assert (manifest.state, manifest.reason, manifest.begun) == ("stopped", "the run has failed", False)
    assert not (worker.project.parent / "ran").exists()
    assert worker.store.manifest(manifest.uri) == manifest


def test_an_engine_that_cannot_tell_whether_to_stop_stops_nothing(worker) -> None:
    def should_stop() -> str | None:
        raise ConnectionError("the server is away")

    worker.should_stop = should_stop
    assert worker.run("sleep 2.5; echo done").state == "complete"
    assert worker.output == ["done"]
    assert worker.notes.count("the server is away") == 1


def test_should_stop_is_called_about_every_second_even_in_a_flood(worker) -> None:
    times = []
    worker.should_stop = lambda: times.append(time.monotonic()) or ("enough" if len(times) > 3 else None)
    worker.on_line = lambda _: worker.log.clear()
    assert worker.run("yes").state == "stopped"
    assert max(after - before for before, after in itertools.pairwise(times)) < 60


LIMIT = 6.5
"""Seconds: enough for all processes of the tree to begin on a busy machine."""


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            Step("s", [TREE + "while :; do echo busy; sleep 0.1; done"], time_limit=LIMIT),
            f"the command was ended at its time limit of {LIMIT} s; its last lines:\n",
        ),
        (
            Step("s", [TREE + "sleep 300"], no_output_timeout=LIMIT),
            f"the command was ended because it printed nothing for {LIMIT} s; its last lines:\nready",
        ),
    ],
    ids=["time-limit", "no-output-timeout"],
)
def test_limits(worker, step: Step, reason: str, pids_of: Pids, processes: Gone) -> None:
    manifest = worker.run(step)
    assert manifest.state == "error"
    assert manifest.reason.startswith(reason)
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)


def test_output_on_either_stream_is_output_for_the_limit(worker) -> None:
    """The pauses are shorter than the limit, all of them together longer; more so on a machine that was too busy."""
    limits = (2, 20)
    states = (
        worker.run(
            Step("s", [f"for i in 1 2 3 4; do sleep {limit / 3}; echo $i >&2; done"], no_output_timeout=limit)
        ).state
        for limit in limits
    )
    assert "complete" in states


def test_kill_all_from_another_thread(worker, pids_of: Pids, processes: Gone) -> None:
    when_ready(worker, kill_all)
    manifest = worker.run(TREE + "sleep 300")
    assert (manifest.state, manifest.reason) == ("stopped", KILLED)
    assert processes(pids_of(), within=0)


def test_kill_all_in_a_signal_handler_of_the_thread_that_runs(worker, pids_of: Pids, processes: Gone) -> None:
    earlier = signal.signal(signal.SIGUSR1, lambda *_: kill_all())
    try:
        when_ready(worker, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        manifest = worker.run(TREE + "sleep 300")
    finally:
        signal.signal(signal.SIGUSR1, earlier)
    assert manifest.state == "stopped"
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)


def test_kill_all_reaches_all_executions_of_the_process(worker, pids_of: Pids, processes: Gone) -> None:
    manifests = []
    threads = [
        threading.Thread(
            target=lambda n=n: manifests.append(worker.run(f"echo $$ > $PIDS/{n}.pid; sleep 300", node=f"node{n}"))
        )
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    while len(pids_of()) < 5:
        time.sleep(0.05)
    kill_all()
    for thread in threads:
        thread.join()  # one whose command was just starting ends it itself
    assert processes(pids_of(), within=0)
    assert {manifest.state for manifest in manifests} == {"stopped"}


def test_an_exception_of_the_engine_ends_the_processes_and_passes(worker, pids_of: Pids, processes: Gone) -> None:
    when_ready(worker, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        worker.run(TREE + "sleep 300")
    assert len(pids_of()) == 5
    assert processes(pids_of(), within=0)
    [manifest] = worker.manifests()
    assert (manifest.state, manifest.reason) == ("stopped", KILLED)
    assert list((Path(worker.uri) / ".work").iterdir()) == []


WORKER = """
    import sys, threading
    from pathlib import Path
    from translator.shim.contract import Context, ExecutionId, Step
    from translator.shim.execution import execute

    store, project, command = sys.argv[1:]
    def run():
        context = Context(ExecutionId("p", "r", "n"), store, Path(project), "prefect", print)
        execute(Step("s", [command]), context, parameters={}, inputs={})
    HOW
"""


@pytest.mark.parametrize(
    "how",
    [
        "run()",
        # Engines run us in threads of a pool, and fork their tasks.
        "t = threading.Thread(target=run); t.start(); t.join()",
        "import os; child = os.fork(); run() if not child else os.waitpid(child, 0)",
    ],
    ids=["main", "thread", "fork"],
)
def test_the_processes_of_a_killed_worker_end(worker, tmp_path, how: str, pids_of: Pids, processes: Gone) -> None:
    program = tmp_path / "worker.py"
    program.write_text(textwrap.dedent(WORKER).replace("HOW", how))
    command = "echo $PPID > $PIDS/worker; " + TREE + "sleep 300"
    process = subprocess.Popen([sys.executable, str(program), worker.uri, str(worker.project), command])
    try:
        deadline = time.monotonic() + 120
        while len(pids_of()) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(pids_of()) == 5
        os.kill(int(Path(os.environ["PIDS"], "worker").read_text()), signal.SIGKILL)
        assert processes(pids_of(), within=120)
    finally:
        process.kill()
        process.wait()


SLOW_START = """\
import subprocess, time
begin = subprocess.Popen.__init__
def slow(*arguments, **options):
    begin(*arguments, **options)
    time.sleep(0.5)
subprocess.Popen.__init__ = slow
run()
"""


def test_a_worker_that_is_killed_while_it_starts_a_command_leaves_nothing(
    worker, tmp_path, pids_of: Pids, processes: Gone
) -> None:
    """On a busy machine the command may run for a while before the worker knows its process."""
    program = tmp_path / "worker.py"
    program.write_text(textwrap.dedent(WORKER).replace("HOW", SLOW_START))
    command = "echo $$ > $PIDS/a.pid; kill -s KILL $PPID; exec sleep 300"
    done = subprocess.run([sys.executable, str(program), worker.uri, str(worker.project), command], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(pids_of()) == 1
    assert processes(pids_of(), within=120)


def test_nothing_is_left_in_the_workspace_directory(worker) -> None:
    worker.run("mkdir -p /valohai/outputs/../x && chmod 000 /valohai/outputs/../x; touch /valohai/outputs/../../evil")
    assert list((Path(worker.uri) / ".work").iterdir()) == []


def test_workspaces_of_a_killed_worker_elsewhere_are_removed(worker, tmp_path, processes: Gone) -> None:
    program = tmp_path / "worker.py"
    program.write_text(textwrap.dedent(WORKER).replace("HOW", "run()"))
    worker.uri = str(tmp_path / ("deep and spacious " * 4) / "store")
    process = subprocess.Popen(
        [sys.executable, str(program), worker.uri, str(worker.project), f"echo $TMPDIR > {tmp_path}/tmp; sleep 300"]
    )
    while not (tmp_path / "tmp").exists() or not (tmp_path / "tmp").read_text():
        time.sleep(0.02)
    process.kill()
    process.wait()
    [left] = (Path(worker.uri) / ".work").iterdir()
    elsewhere = [path.readlink() for path in left.glob(".elsewhere-*")]
    assert Path((tmp_path / "tmp").read_text().strip()) in elsewhere
    assert all(os.path.lexists(path) for path in elsewhere)
    os.utime(left, (0, 0))
    worker.run("true")
    assert not list((Path(worker.uri) / ".work").iterdir())
    assert not any(os.path.lexists(path) for path in elsewhere)


def test_old_workspaces_of_dead_workers_are_swept(worker) -> None:
    base = Path(worker.uri) / ".work"
    for name in ("old", "young"):
        (base / name / "tmp").mkdir(parents=True)
    os.utime(base / "old", (0, 0))
    worker.run("true")
    assert [path.name for path in base.iterdir()] == ["young"]
