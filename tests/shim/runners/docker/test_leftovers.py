"""End the containers that nobody follows any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.podman import PYTHON_IMAGE
from translator.shim.contract import ExecutionId
from translator.shim.runners.docker import labels, leftovers
from translator.shim.runners.docker.engine import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.podman import Podman
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer

ROOT = Path(__file__).resolve().parents[4]
WORKER = """
import os, signal, sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Step, runner
from translator.shim.execution import execute

url, store, project, image = sys.argv[1:5]
step = Step("step", ["echo started; while :; do sleep 0.1; done"], image=image,
            runner=runner("docker", host=url, pull="never"))

def log(line):
    print(line, flush=True)
    if line == "started" and "--watchdog-too" in sys.argv:
        from translator.shim.runners.docker import watchdog
        os.killpg(watchdog.containers.shell.pid, signal.SIGKILL)
    if line == "started":
        os.kill(os.getpid(), signal.SIGKILL)

context = Context(ExecutionId("Training Pipeline", "manual__2026-11-21T08:00:00+00:00", "train"), store, Path(project),
                  "prefect", log)
execute(step, context)
"""


def killed_worker(worker: Worker, podman: Podman, *options: str) -> None:
    """Run a worker that is killed while its container runs."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WORKER), podman.url, worker.uri, str(worker.project), PYTHON_IMAGE,
         *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.splitlines()[-1] == "started"


def until(condition: Callable[[], bool], within: float = 60.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_the_watchdog_ends_the_containers_of_a_killed_worker(worker: Worker, podman: Podman) -> None:
    killed_worker(worker, podman)
    assert until(lambda: not podman.containers())


def test_the_next_attempt_ends_what_the_one_before_left(
    worker: Worker, podman: Podman, in_container: InContainer
) -> None:
    killed_worker(worker, podman, "--watchdog-too")
    (left,) = podman.containers()
    manifest = worker.run(in_container("echo again"), attempt=2)
    assert manifest.state == "complete"
    assert f"ended the container {left[:12]}, which an earlier attempt" in worker.notes
    assert worker.output == ["again"]


def test_the_next_execution_ends_those_of_workers_that_are_gone(
    worker: Worker, podman: Podman, in_container: InContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_worker(worker, podman, "--watchdog-too")
    monkeypatch.setattr(leftovers, "_next_look", {})
    assert worker.run(in_container("true"), node="evaluate").state == "complete"
    assert podman.empty()
    # Asked once a minute only.
    assert Address(podman.url) in leftovers._next_look


def test_containers_of_living_workers_and_other_deployments_stay(
    worker: Worker, podman: Podman, in_container: InContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_next_look", {})
    identity = worker.context().id
    theirs = labels.of_attempt(identity, "another store")
    of_other_machine = {**theirs, labels.WORKER: f"boot:pid[1]:{os.getpid()}:1"}
    of_living_worker = labels.of_attempt(replace(identity, node="other"), f"{worker.uri}\n{worker.project}")
    kept = []
    for wanted in (theirs, of_other_machine, of_living_worker):
        named = [part for key, value in wanted.items() for part in ("--label", f"{key}={value}")]
        kept.append(podman.run("run", "--detach", *named, PYTHON_IMAGE, "/bin/sleep", "600").strip())
    try:
        assert worker.run(in_container("echo beside")).state == "complete"
        assert until(lambda: sorted(podman.containers()) == sorted(kept))
    finally:
        podman.run("rm", "--force", "--time", "0", *kept)


def test_a_worker_is_gone_when_its_process_is() -> None:
    ours = labels.of_attempt(ExecutionId("p", "r", "n"), "store")
    assert not labels.is_gone(ours)
    machine = ours[labels.WORKER].rsplit(":", 2)[0]
    child = subprocess.Popen(["sleep", "0"])
    child.wait()
    assert labels.is_gone({labels.WORKER: f"{machine}:{child.pid}:1"})
    # Another process has its number now.
    assert labels.is_gone({labels.WORKER: f"{machine}:{os.getpid()}:1"})
    assert not labels.is_gone({labels.WORKER: f"elsewhere:{child.pid}:1"})
    assert not labels.is_gone({})
