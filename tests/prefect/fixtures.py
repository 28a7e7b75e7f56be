"""Provide a real Prefect server for the whole session, and pipelines that run against it in this process."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    temporary_settings,
)

from tests.prefect.support import compiled, flow_of
from translator.shim.embedded import database

START_SECONDS = 300
RETRIES = 9
"""How often a client asks again, each time after twice as long; a server on SQLite says 503 while that is locked."""


@dataclass(frozen=True)
class Server:
    """A running server: its API, and the environment in which Prefect's commands talk to it."""

    api: str
    environment: Mapping[str, str]

    def command(self, *arguments: str, timeout: float = 600, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Run ``prefect ...``."""
        return subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **kwargs,
        )


@dataclass(frozen=True)
class Ran:
    """A run that has ended: Prefect's state of the flow, and our record."""

    state: Any
    record: dict[str, Any]
    store: Path

    @property
    def nodes(self) -> dict[str, str]:
        return {name: node["state"] for name, node in self.record["nodes"].items()}

    def executions(self, node: str) -> list[str]:
        return [execution["state"] for execution in self.record["nodes"][node]["executions"]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TRANSLATOR_"))}
    environment = {
        **plain,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_CLIENT_MAX_RETRIES": str(RETRIES),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        # Without these, task runs are recorded one by one, a minute late. Whole seconds: Prefect rounds the interval
        # down, and writes in a loop that takes a whole core if it is 0.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    }
    database.prepare(home / "prefect.db", "prefect", [f"prefect=={version('prefect')}"], lambda: _migrate(environment))
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_it_listens(process, port, home / "server.log")
        with temporary_settings(
            {
                PREFECT_API_URL: api,
                PREFECT_CLIENT_MAX_RETRIES: RETRIES,
                PREFECT_HOME: str(home),
                PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            }
        ):
            yield Server(api, environment)
            # What is still on its way to the server would be tried again and again once it is gone.
            APILogWorker.drain_all(timeout=60)
            EventsWorker.drain_all(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _migrate(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env=environment, check=True)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the Prefect server did not start:\n{log.read_text()}")


@pytest.fixture
def run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Compile a YAML text with one pipeline, run it in this process, and tell how it ended."""
    monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)

    def run_it(text: str, **parameters: Any) -> Ran:
        store = tmp_path / "store"
        monkeypatch.setenv("TRANSLATOR_STORE", str(store))
        monkeypatch.setenv("TRANSLATOR_RUN", "run")
        flow = flow_of(compiled(text, tmp_path))
        state = flow(**parameters, return_state=True)
        (record,) = store.glob("*/run/run.json")
        return Ran(state, json.loads(record.read_text()), record.parent)

    return run_it


@pytest.fixture(scope="session")
def worker(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Make a history of a class, on a worker that runs for all of them."""
    from tests.prefect.dataflow.histories import POOL

    folder = tmp_path_factory.mktemp("histories")
    made = server.command("work-pool", "create", POOL, "--type", "process")
    assert made.returncode == 0, made.stdout + made.stderr
    environment = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    numbers = itertools.count(1)
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield lambda of, kind: of(f"history {(number := next(numbers))}", folder / str(number), kind, {})
    process.terminate()
    process.wait(120)
