"""Start a real Airflow in its own home: API server, scheduler and DAG processor.

Its database is PostgreSQL, if that is installed: with SQLite, Airflow's API server can block itself. It then waits, in
the loop that all its requests need, to log a call (``log_action``), while another request has written, holds the lock
of the whole database, and needs the loop to commit. That ends with an error when SQLite gives up, so it must not wait
long there.

By default, it has the LocalExecutor. No triggerer, for nothing of ours is deferred.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_plugin import embedded
from tests import services
from translator.shim.embedded import database as cached
from translator.shim.files.cache import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.services import PostgreSQL

BIN = Path(sys.executable).parent
ENDED = ("success", "failed")
DONE_BEFORE = {("POST", HTTPStatus.CONFLICT), ("DELETE", HTTPStatus.NOT_FOUND)}
"""What the API says of a call that is made again although the first one did it."""
PATIENCE = 600
"""Seconds to wait for anything: a machine may be ten times slower than when nothing else runs."""


@dataclass
class Airflow:
    """A running Airflow. ``store`` is its artifact store, ``dags`` its DAGs folder."""

    home: Path
    port: int
    environment: dict[str, str]
    log: Path
    database: PostgreSQL | None = None
    """Its server; None if it is SQLite."""
    reader: Any = None
    """What reads in that database."""
    token: str = ""
    folder: Path | None = None
    """The working directory of its processes."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """Its processes by their commands; the workers of the LocalExecutor are children of the scheduler."""

    @property
    def dags(self) -> Path:
        return self.home / "dags"

    @property
    def store(self) -> Path:
        return self.home / "artifacts"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an ``airflow`` command in this home."""
        return subprocess.run(
            [str(BIN / "airflow"), *arguments], env=self.environment, capture_output=True, text=True, check=False
        )

    def start(self, part: str) -> None:
        """Start one of its processes: ``api-server``, ``scheduler`` or ``dag-processor``."""
        own = {}
        if part == "api-server" and self.database is None:
            own = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _sqlite(self.home, 5)}
        with self.log.open("a") as log:
            self.processes[part] = subprocess.Popen(
                [str(BIN / "airflow"), part],
                cwd=self.folder,
                env=self.environment | own,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, part: str) -> None:
        """Kill one of its processes, with all that it started."""
        _end([self.processes.pop(part)])

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the REST API; returns the document.

        Where SQLite is locked, the API server says 500 or nothing for long: it is asked again.
        """
        request = urllib.request.Request(
            f"http://localhost:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        for patience in (30, 60, 120):
            try:
                with urllib.request.urlopen(request, timeout=patience) as answer:
                    return json.loads(answer.read() or "null")
            except urllib.error.HTTPError as error:
                if patience > 30 and (method, error.code) in DONE_BEFORE:
                    return None  # the call before has done it after all
                if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                failed: Exception = error
            except TimeoutError as error:
                failed = error
            time.sleep(1)
        raise failed

    def listed(self) -> dict[str, Any]:
        """Return the DAGs that it has imported, by id; a page of the API holds 50 by default."""
        return {dag["dag_id"]: dag for dag in self.api("GET", "/api/v2/dags?limit=100")["dags"]}

    def wait_for_dags(self, *names: str, seconds: float = PATIENCE) -> None:
        """Wait until it has imported DAGs; by their ids."""
        wait_until(lambda: set(names) <= self.imported(), seconds)

    def imported(self) -> set[str]:
        if self.database is None:
            return set(self.listed())
        return {dag_id for (dag_id,) in self._read("SELECT dag_id FROM serialized_dag")}

    def _read(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement of SQL; the API takes much longer, and it is the tested processes' time."""
        assert self.database is not None
        if self.reader is None:
            self.reader = self.database.connection()
        with self.reader.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def delete(self, path: str) -> None:
        """Delete what is at a path of the REST API."""
        self.api("DELETE", path)

    def log_in(self, user: str = "admin") -> str:
        """Return a token of a user, whose password is the user's name."""
        if self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True":
            return str(self.api("GET", "/auth/token")["access_token"])
        return str(self.api("POST", "/auth/token", {"username": user, "password": user})["access_token"])

    def trigger(self, dag_id: str, run: str, conf: dict[str, Any] | None = None) -> None:
        """Unpause a DAG and start a run of it."""
        self.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        self.api(
            "POST",
            f"/api/v2/dags/{dag_id}/dagRuns",
            {"dag_run_id": run, "conf": conf or {}, "logical_date": None},
        )

    def state(self, dag_id: str, run: str) -> str:
        """Return a run's state; the API would read all of its tasks for each answer."""
        if self.database is None:
            return str(self.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run}")["state"])
        ((found,),) = self._read("SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s", dag_id, run)
        return str(found)

    def tasks(self, dag_id: str, run: str) -> dict[tuple[str, int], dict[str, Any]]:
        """Return the task instances of a run, by task id and map index."""
        found = self.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances?limit=500")
        return {(ti["task_id"], ti["map_index"]): ti for ti in found["task_instances"]}

    def wait(
        self, dag_id: str, run: str, seconds: float = PATIENCE, meanwhile: Callable[[], None] = lambda: None
    ) -> str:
        """Wait until a run has ended, and do something again and again meanwhile; returns its state."""
        deadline = time.monotonic() + seconds
        while (state := self.state(dag_id, run)) not in ENDED:
            meanwhile()
            assert time.monotonic() < deadline, f"{dag_id}/{run} is {state}: {self.tasks(dag_id, run)}\n{self.tail()}"
            time.sleep(0.3)
        return state

    def record(self, run: str, store: Path | None = None) -> dict[str, Any]:
        """Return the run's ``run.json``."""
        (path,) = (store or self.store).glob(f"*/{run}/run.json")
        return json.loads(path.read_text())

    def let_be_old(self, run: str) -> None:
        """Change the database, so that a run has started two hours ago."""
        ago = "datetime('now', '-2 hours')" if self.database is None else "now() - interval '2 hours'"
        change = f"UPDATE dag_run SET start_date = {ago} WHERE run_id = '{run}'"  # noqa: S608 - a name of the tests
        if self.database is not None:
            assert self.database.run("psql", "--command", change) == "UPDATE 1\n"
            return
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db", timeout=60)) as database, database:
            assert database.execute(change).rowcount == 1

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


def alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def task_runner(pid: int) -> int:
    """Return Airflow's process that runs the task of a process: its first ancestor in another session."""
    here = pid
    while True:
        above = int(Path(f"/proc/{here}/stat").read_text().rpartition(")")[2].split()[1])
        if b"airflow" in Path(f"/proc/{above}/cmdline").read_bytes():
            return above
        here = above


def wait_until(what: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.2)


@contextlib.contextmanager
def running(home: Path, more: Mapping[str, str] | None = None, folder: Path | None = None) -> Iterator[Airflow]:
    """Start Airflow, and end all of its processes afterwards.

    Args:
        home: its directory, for everything.
        more: environment variables that it has as well.
        folder: the working directory of its processes.
    """
    with services.postgresql() if _speaks_postgresql() else contextlib.nullcontext() as database:
        yield from _running(home, more or {}, folder, database)


def _speaks_postgresql() -> bool:
    return services.has_postgresql() and all(importlib.util.find_spec(name) for name in ("psycopg2", "asyncpg"))


def _running(
    home: Path, more: Mapping[str, str], folder: Path | None, database: PostgreSQL | None
) -> Iterator[Airflow]:
    (home / "dags").mkdir(parents=True, exist_ok=True)
    port = _free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {
        "TESTS_HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "6",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(b"a".ljust(32)).decode(),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": "known to all processes".ljust(64),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": "known to all processes".ljust(64),
        "AIRFLOW__API__BASE_URL": f"http://localhost:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
            _sqlite(home, 60) if database is None else f"postgresql+psycopg2://{database.address}"
        ),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # of files that have not changed
        # A DAG that changes within half a minute would not be stored until its file is read for the next time.
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__PIPELINE_TRANSLATOR__STORE": str(home / "artifacts"),
        # By default a second; each look takes some hundredths of a second of CPU while a run is running.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.4",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # SQLite on a busy machine keeps the API server waiting for long, and a worker that gives up loses its task.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
        **more,
    }
    airflow = Airflow(home, port, environment, home / "all.log", database, folder=folder)
    (home / "airflow.cfg").touch()  # else each process writes one, with other secrets
    if database is None:
        cached.prepare(home / "airflow.db", "airflow", embedded._packages(), lambda: _migrate(airflow))
    else:
        _fill(database, lambda: _migrate(airflow))
    for part in ("api-server", "scheduler", "dag-processor"):
        airflow.start(part)
    try:
        _wait_until_healthy(airflow)
        yield airflow
    finally:
        _end(list(airflow.processes.values()))


def _sqlite(home: Path, seconds: int) -> str:
    """Return the URL of a database in SQLite, which waits so long for a lock."""
    return f"sqlite:///{home / 'airflow.db'}?timeout={seconds}"


def _fill(database: PostgreSQL, migrate: Callable[[], None]) -> None:
    """Create Airflow's tables as they were created before, because to migrate a database takes seconds."""
    directory = cache_directory()
    key = hashlib.sha256("\n".join(sorted(embedded._packages())).encode()).hexdigest()[:16]
    dump = directory / f"tests-airflow-{key}.sql" if directory is not None else None
    if dump is not None and dump.exists():
        database.run("psql", "--quiet", "--output", os.devnull, "--set", "ON_ERROR_STOP=1", "--file", str(dump))
        return
    migrate()
    if dump is not None:
        beside = dump.with_name(f".{dump.name}.{os.getpid()}")
        beside.write_text(database.run("pg_dump"))
        beside.replace(dump)


def _migrate(airflow: Airflow) -> None:
    done = airflow.command("db", "migrate")
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_until_healthy(airflow: Airflow) -> None:
    deadline = time.monotonic() + 600
    while True:
        ended = [part for part, process in airflow.processes.items() if process.poll() is not None]
        assert not ended, f"{ended} ended:\n{airflow.tail()}"
        assert time.monotonic() < deadline, f"Airflow does not get healthy:\n{airflow.tail()}"
        try:
            health = airflow.api("GET", "/api/v2/monitor/health")
            if all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                airflow.token = airflow.log_in()
                return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.5)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Kill the sessions that Airflow runs in: to end in order takes seconds of CPU, and nobody reads its database."""
    deadline = time.monotonic() + 120
    leaders = {process.pid for process in processes}
    while (members := _sessions(leaders)) and time.monotonic() < deadline:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in processes:
            process.poll()
        time.sleep(0.1)
    for process in processes:
        process.wait(10)


def _sessions(leaders: set[int]) -> list[int]:
    """Return the living processes of sessions, and those that they started in others."""
    found = []
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] in "ZX":
            continue
        parents[int(entry.name)] = int(fields[1])
        if int(fields[3]) in leaders:
            found.append(int(entry.name))
    grown = set(found)
    while more := {pid for pid, parent in parents.items() if parent in grown} - grown:
        grown |= more
    return sorted(grown)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
