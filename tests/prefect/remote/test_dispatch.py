"""Test how executions on a task runner of the user's choice are followed, with task runners of the tests."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pickle
import signal
import sys
import threading
import types
import uuid
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect")

import httpx
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.states import Completed
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_plugin.remote.dispatch import Dispatch
from prefect_plugin.tasks.futures import await_end, ended_state
from tests.prefect.support import task_runs
from translator.shim.store import StoreError

TEXT = """
- step:
    name: train
    image: none
    command: sleep 0.2 && test {parameter-value:n} -lt 10
    parameters: [{name: n, type: integer}]
- task:
    name: grid
    step: train
    type: grid_search
    parameters: [{name: n, style: multiple, rules: {items: POINTS}}]
- pipeline:
    name: Dispatched
    nodes: [{name: train, type: task, task: grid, on-error: POLICY}]
    edges: []
"""


class Counting(ThreadPoolTaskRunner[Any]):
    """Remembers how many executions were in flight at once."""

    running, peak = 0, 0
    _guard = threading.Lock()

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(*args, **kwargs)
        kind = type(self)
        with self._guard:
            kind.running += 1
            kind.peak = max(kind.peak, kind.running)
        future.add_done_callback(lambda _: self._ended())
        return future

    def _ended(self) -> None:
        with self._guard:
            type(self).running -= 1


class Losing(Counting):
    """Loses the execution with index 1, as a cluster does whose workers were all killed."""

    def submit(self, task: Any, parameters: Any, *more: Any, **kwargs: Any) -> Any:
        if parameters["point"].index != 1:
            return super().submit(task, parameters, *more, **kwargs)
        lost: concurrent.futures.Future[Any] = concurrent.futures.Future()
        lost.set_exception(RuntimeError("all its workers were killed"))
        return PrefectConcurrentFuture(task_run_id=uuid.uuid4(), wrapped_future=lost)


class Unreachable(Counting):
    """Its futures ask the API how an execution ended, which does not answer for the execution with index 1."""

    def submit(self, task: Any, parameters: Any, *more: Any, **kwargs: Any) -> Any:
        if parameters["point"].index != 1:
            return super().submit(task, parameters, *more, **kwargs)
        there = pickle.loads(pickle.dumps(parameters))  # noqa: S301 - as to another machine
        return Asking(super().submit(task, there, *more, **kwargs))


class Asking(PrefectFuture[Any]):
    """A future whose state only the API knows."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def task_run_id(self) -> uuid.UUID:
        return self.inner.task_run_id

    @property
    def state(self) -> Any:
        raise httpx.ConnectError("all connection attempts failed")

    def wait(self, timeout: float | None = None) -> None:
        self.inner.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        return self.inner.result(timeout, raise_on_failure)

    def add_done_callback(self, fn: Any) -> None:
        self.inner.add_done_callback(fn)


class Refusing(Counting):
    """Refuses the execution with index 1, as if something in it could not be pickled."""

    def submit(self, task: Any, parameters: Any, *more: Any, **kwargs: Any) -> Any:
        if parameters["point"].index == 1:
            raise TypeError("cannot pickle it")
        return super().submit(task, parameters, *more, **kwargs)


@pytest.fixture
def dispatched(run, tmp_path, monkeypatch):
    """Run a pipeline on a task runner; the settings name its class, or an object of it."""

    def dispatched_on(runner, points="[0, 1, 2, 3]", policy="continue", settings=""):
        module = types.ModuleType("runners_of_tests")
        module.chosen = runner
        monkeypatch.setitem(sys.modules, module.__name__, module)
        toml = f'[defaults.prefect]\ntask_runner = "{module.__name__}.chosen"\n{settings}'
        (tmp_path / "translator.toml").write_text(toml)
        return run(TEXT.replace("POINTS", points).replace("POLICY", policy))

    return dispatched_on


def test_as_many_run_at_once_as_settings_say(dispatched):
    Counting.peak = 0
    ran = dispatched(Counting, settings="max_workers = 2")
    assert ran.executions("train") == ["complete"] * 4
    assert Counting.peak == 2


def test_a_lost_execution_fails_with_the_reason_of_its_task_runner(dispatched, monkeypatch):
    monkeypatch.setattr("prefect_plugin.recovery.repair.PATIENCE_SECONDS", 0.1)  # the API never hears of it
    ran = dispatched(Losing(max_workers=4))
    assert ran.nodes == {"train": "complete"}
    assert ran.executions("train") == ["complete", "error", "complete", "complete"]
    lost = ran.record["nodes"]["train"]["executions"][1]
    assert lost["reason"] == "RuntimeError: all its workers were killed"
    assert lost["tries"] == 0


def test_an_execution_whose_end_the_server_cannot_tell_is_found_in_the_store(dispatched):
    ran = dispatched(Unreachable)
    assert ran.nodes == {"train": "complete"}
    assert ran.executions("train") == ["complete"] * 4


def test_lost_executions_fail_alone_if_the_store_does_not_answer(dispatched, monkeypatch):
    asked = []

    def unreadable(_):
        asked.append(1)
        raise StoreError("the store does not answer")

    monkeypatch.setattr("prefect_plugin.recovery.repair.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(Dispatch, "tries", unreadable)
    ran = dispatched(Losing)
    assert ran.executions("train") == ["complete", "error", "complete", "complete"]
    assert asked
    assert ran.record["nodes"]["train"]["executions"][1]["reason"] == "RuntimeError: all its workers were killed"


def test_a_future_of_a_pool_of_processes_is_awaited():
    class Unpickling(concurrent.futures.Future[Any]):
        """Passes all on to another future, as Prefect's does, and so has no condition to wait for."""

        def __init__(self, inner: concurrent.futures.Future[Any]) -> None:
            self.done, self.cancelled, self.exception = inner.done, inner.cancelled, inner.exception
            self.result, self.add_done_callback = inner.result, inner.add_done_callback

    inner: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future = PrefectConcurrentFuture(task_run_id=uuid.uuid4(), wrapped_future=Unpickling(inner))
    await_end(future, 0.01)
    assert ended_state(future) is None
    threading.Timer(0.1, inner.set_result, [Completed()]).start()
    await_end(future, 60)
    assert ended_state(future).is_completed()


@pytest.fixture
def ending_servers(monkeypatch):
    """End the temporary servers of Prefect that this test starts: that of a process of a pool outlives it."""
    mark = f"TRANSLATOR_TESTS_MARK={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))
    yield
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_server = entry.name.isdecimal() and b"prefect.server" in (entry / "cmdline").read_bytes()
            if is_server and mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


@pytest.mark.skipif(os.environ.get("TRANSLATOR_DASK") != "all", reason="takes half a minute: make dask")
def test_executions_run_in_a_pool_of_processes(ending_servers, dispatched):
    ran = dispatched(ProcessPoolTaskRunner(max_workers=2), points="[0, 1, 10]")
    assert ran.nodes == {"train": "complete"}
    assert ran.executions("train") == ["complete", "complete", "error"]


def test_a_lost_execution_stops_the_others(dispatched, monkeypatch):
    monkeypatch.setattr("prefect_plugin.recovery.repair.PATIENCE_SECONDS", 0.1)
    ran = dispatched(Losing, policy="stop-all", settings="max_workers = 2")
    assert ran.nodes == {"train": "error"}
    states = ran.executions("train")
    assert states[1] == "error"
    assert states[3] == "stopped"


def test_executions_that_nobody_began_are_recalled(dispatched, monkeypatch):
    """A failed execution stops those in the queue of a cluster without the cluster."""
    monkeypatch.setattr("prefect_plugin.remote.dispatch.RECALL_SECONDS", 0.1)

    class Stuck(Counting):
        def submit(self, task: Any, parameters: Any, *more: Any, **kwargs: Any) -> Any:
            if parameters["point"].index == 0:
                return super().submit(task, parameters, *more, **kwargs)
            return PrefectConcurrentFuture(task_run_id=uuid.uuid4(), wrapped_future=concurrent.futures.Future())

    ran = dispatched(Stuck, points="[10, 1, 2]", policy="stop-all")
    assert ran.executions("train") == ["error", "stopped", "stopped"]
    shown = task_runs(ran.state.state_details.flow_run_id, 4)
    assert {name: one.state.name for name, one in shown.items()} == {
        "train": "Failed",
        "train[n=10]": "Failed",
        "train[n=1]": "Stopped",
        "train[n=2]": "Stopped",
    }


def test_executions_that_cannot_be_submitted_fail(dispatched):
    ran = dispatched(Refusing, settings="max_workers = 1")
    assert ran.nodes == {"train": "complete"}
    assert ran.executions("train") == ["complete", "error", "error", "error"]
    reasons = {execution["reason"] for execution in ran.record["nodes"]["train"]["executions"][1:]}
    assert reasons == {"TypeError: cannot pickle it"}


def test_a_run_with_a_password_in_an_address_submits_nothing(dispatched, monkeypatch):
    Counting.peak = 0
    monkeypatch.setattr("prefect_plugin.remote.remote_node.has_secret", lambda _: True)
    ran = dispatched(Counting)
    assert ran.nodes == {"train": "error"}
    assert "contains a password" in json.dumps(ran.record["nodes"]["train"])
    assert Counting.peak == 0


def test_a_task_runner_is_duplicated_for_each_run():
    node = types.SimpleNamespace(run=None, name="train", kind="task")
    runner = Counting(max_workers=3)
    assert Dispatch(node, runner, None, str, print).duplicate() is not runner
