"""Make steps that run in pods of the tests' cluster, and workers that can be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from translator.shim.contract import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster import Cluster
    from tests.shim.conftest import Worker

WITHIN = 240.0
_PROGRAM = """
import json, sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Runner, Step
from translator.shim.execution import execute

uri, project, commands, settings, image, node, attempt = json.loads(sys.argv[1])
identity = ExecutionId("Training Pipeline", "manual__2026-11-21T08:00:00+00:00", node, 0, attempt)
context = Context(identity, uri, Path(project), "prefect", lambda line: print(line, flush=True))
execute(Step("step", commands, runner=Runner("kubernetes", settings), image=image), context)
"""


class InPod(Protocol):
    def __call__(self, *commands: str, settings: dict[str, Any] | None = None, **fields: Any) -> Step: ...


@pytest.fixture
def in_pod(cluster: Cluster) -> InPod:
    """Make a step that runs in a pod."""

    def make(*commands: str, settings: dict[str, Any] | None = None, **fields: Any) -> Step:
        return Step(
            "step", commands, **{"image": cluster.step_image, "runner": cluster.runner(**settings or {}), **fields}
        )

    return make


@dataclass
class Driver:
    """A worker in its own process, which can be killed."""

    process: subprocess.Popen[str]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(worker: Worker) -> Iterator[Callable[..., Driver]]:
    """Start a worker that runs a step."""
    drivers: list[Driver] = []

    def begin(step: Step, node: str = "train", attempt: int = 1) -> Driver:
        assert step.runner is not None
        request = [
            worker.uri,
            str(worker.project),
            list(step.command),
            dict(step.runner.settings),
            step.image,
            node,
            attempt,
        ]
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(request)], stdout=subprocess.PIPE, text=True
        )
        drivers.append(Driver(process))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.kill()
        if driver.process.stdout is not None:
            driver.process.stdout.close()


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that no test leaves a pod."""
    if "cluster" not in request.fixturenames:
        yield
        return
    cluster = request.getfixturevalue("cluster")
    before = {pod["metadata"]["name"] for pod in cluster.pods()}
    yield
    assert cluster.empty(without=before)


def waited(condition: Callable[[], Any], within: float = WITHIN) -> Any:
    """Wait until a condition holds, and return what it returns then."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return value
