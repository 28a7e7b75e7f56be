"""Start Airflow with the CeleryExecutor and two workers that share nothing but a store in S3 and the DAGs.

Each worker is a machine as far as Linux has such a thing for everyone: with a host name, processes, a home and
temporary files of its own, and without sight of the directories of the others, of the scheduler and of the projects.
It has no access to Airflow's database, but to the table of Celery's results.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import datasets, services
from tests.airflow.scheduler import BIN, Airflow, running, wait_until
from tests.datasets import BUCKET, KEY
from tests.installed import refuse, require
from tests.shim.workspace.test_commits import commit, git
from translator.code.commit import commit_of
from translator.code.snapshot import take
from translator.load import load
from translator.shim.contract import StoreAddress
from translator.shim.store import OUTPUTS, RUN, key_of, open_store
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from signal import Signals

    from tests.services import Redis
    from translator.shim.store import Store

NAMES = ("one", "two")
SLOTS = 3
"""The tasks that a worker runs at once."""
SILENT = 30
"""The seconds without a sign of life after which Airflow gives up a task; by default 300."""
STUCK = 30
"""The seconds after which Airflow sends a queued task again; by default 600."""
STORE = f"s3://{BUCKET}/celery"
BUNDLE = "pipelines"
"""The Git bundle of DAG files, beside the directory of DAG files."""
CONNECTION = "artifacts"
_SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__PARALLELISM": "32",
    # By default, Airflow stores a version of a DAG only 30 s after the one before.
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENT),
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": str(STUCK),
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "2",
}
# Process 1 of the machine must wait for the children of others that have ended, as the shell does.
_MACHINE = """\
set -e
hostname "$1" && shift
while [ "$1" != -- ]; do mount -t tmpfs none "$1" && shift; done
shift
"$@"
exit $?
"""


@dataclass(slots=True)
class Worker:
    """A machine with a Celery worker; ``hidden`` are directories that are empty there."""

    name: str
    folder: Path
    hidden: tuple[Path, ...]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def dags(self) -> Path:
        return self.folder / "airflow" / "dags"

    def start(self) -> None:
        self.starts += 1
        command = [
            str(BIN / "airflow"),
            "celery",
            "worker",
            "--skip-serve-logs",
            "--without-mingle",
            "--without-gossip",
        ]
        machine = ["sh", "-c", _MACHINE, "machine", self.name, *map(str, self.hidden), "--", *command]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_unshare(), *machine],
                cwd=self.home,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Let the machine go down: all its processes end at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None

    def signal(self, number: Signals) -> None:
        """Send a signal to all processes of the machine."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def processes(self) -> dict[int, str]:
        """Return the commands of all processes of the machine by their numbers."""
        assert self.process is not None
        space = Path(f"/proc/{self.process.pid}/ns/pid_for_children").readlink()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "ns" / "pid_for_children").readlink() == space and int(entry.name) != self.process.pid:
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def ready(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.tail()
        return (self.folder / "log").read_text(errors="replace").count(" ready.") >= self.starts

    def tail(self) -> str:
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-40:])


@dataclass(slots=True)
class Celery:
    """A running Airflow with two workers."""

    airflow: Airflow
    redis: Redis
    workers: tuple[Worker, ...]
    projects: Path
    options: Mapping[str, Any]
    repository: Path
    """The repository of the Git bundle, which has an empty directory for DAG files; nobody works in its files."""
    dags: dict[str, str] = field(default_factory=dict)
    """The ids of DAGs, and what their files contain."""

    @property
    def store(self) -> Store:
        return open_store(StoreAddress(STORE, self.options))

    def worker(self, name: str) -> Worker:
        return next(worker for worker in self.workers if worker.name == name)

    def deploy(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        settings: str = "",
        remote: str | None = None,
        everywhere: bool = True,
    ) -> str:
        """Translate the pipeline of a project, and give the file to the scheduler and to all workers.

        Args:
            name: of the project.
            files: its files, among them ``valohai.yaml``.
            settings: further lines of its ``translator.toml``.
            remote: the address of its repository, in which its commit is (default: it travels as a snapshot).
            everywhere: if not, only the workers get the file.

        Returns:
            The id of the DAG, which Airflow has imported.
        """
        project = self.projects / name
        project.mkdir(exist_ok=True)
        for path, text in files.items():
            (project / path).write_text(text)
        lines = f'[defaults]\nstore = "{STORE}"\nairflow.dag.store_connection = "{CONNECTION}"\n'
        (project / "translator.toml").write_text(lines + settings)
        pipeline = load(project / "valohai.yaml").choose()
        fetched = commit_of(project, remote).name if remote else take(project, self.store).name
        file = airflow.file_name(pipeline)
        text = airflow.generate(pipeline, GenerateOptions(project=".", fetched=fetched))
        folders = [*(worker.dags for worker in self.workers), *([self.airflow.dags] if everywhere else [])]
        for folder in folders:
            (folder / f".{file}").write_text(text)
            (folder / f".{file}").replace(folder / file)
        dag = Path(file).stem
        if everywhere:
            wait_until(lambda: self._source(dag) == text)
        self.dags[dag] = text
        return dag

    def _source(self, dag: str) -> str | None:
        """Return the file of a DAG as Airflow has imported it last."""
        if dag not in self.airflow.imported():
            return None
        return str(self.airflow.api("GET", f"/api/v2/dagSources/{dag}")["content"])

    def hosts(self, dag: str, run: str, task: str) -> list[str]:
        """Return where the instances of a task ran last."""
        return [ti["hostname"] for (name, _), ti in self.airflow.tasks(dag, run).items() if name == task]

    def record(self, pipeline: str, run: str) -> dict[str, Any]:
        """Return ``run.json``."""
        return dict(self.store.read_json(key_of(pipeline, run, name=RUN)))

    def output(self, pipeline: str, run: str, node: str, name: str, attempt: int = 1) -> str:
        """Return the text of an output."""
        return self.store.read(f"{key_of(pipeline, run, node, 0, attempt, OUTPUTS)}/{name}").decode()

    def logs(self) -> str:
        return "\n".join([self.airflow.tail(), *(worker.tail() for worker in self.workers)])


@contextlib.contextmanager
def celery() -> Iterator[Celery]:
    """Start everything, and end all of it."""
    _require()
    # Not pytest's own directory, which other users cannot enter.
    root = Path(tempfile.mkdtemp(prefix="translator-celery-"))
    for part in ("control", "projects", *NAMES):
        (root / part).mkdir()
    workers: tuple[Worker, ...] = ()
    try:
        with datasets.s3() as endpoint, services.redis() as broker:
            repository = _repository(root)
            settings = {**_SETTINGS, **_bundles(repository), "AIRFLOW__CELERY__BROKER_URL": broker.url}
            with running(root / "control" / "home", settings, root / "control") as started:
                workers = tuple(_worker(root, name, started) for name in NAMES)
                for worker in workers:
                    worker.start()
                options = {"key": KEY, "secret": KEY, "endpoint_url": endpoint}
                connection = {"conn_type": "aws", "login": KEY, "password": KEY}
                extra = json.dumps({"endpoint_url": endpoint})
                started.api("POST", "/api/v2/connections", {"connection_id": CONNECTION, **connection, "extra": extra})
                for worker in workers:
                    wait_until(worker.ready)
                yield Celery(started, broker, workers, root / "projects", options, repository)
    finally:
        for worker in workers:
            worker.kill()
        shutil.rmtree(root, ignore_errors=True)


def _repository(root: Path) -> Path:
    """Make a repository with a directory for DAG files; it takes what is pushed to its branch."""
    repository = root / "repository"
    (repository / "dags").mkdir(parents=True)
    (repository / "dags" / ".airflowignore").touch()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    commit(repository)
    return repository


def _bundles(repository: Path) -> dict[str, str]:
    """Return the settings of Airflow with both bundles of DAG files."""
    directory = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {},
    }
    arguments = {"repo_url": str(repository), "tracking_ref": "main", "subdir": "dags", "refresh_interval": 3}
    versions = {"name": BUNDLE, "classpath": "airflow.providers.git.bundles.git.GitDagBundle", "kwargs": arguments}
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([directory, versions])}


def _worker(root: Path, name: str, airflow: Airflow) -> Worker:
    folder = root / name
    for part in ("home", "tmp", "airflow", "airflow/dags"):
        (folder / part).mkdir(mode=0o700)
    (folder / "airflow" / "airflow.cfg").touch()
    shared = {key: value for key, value in airflow.environment.items() if not key.startswith(("TESTS_", "XDG_"))}
    environment = {
        **shared,
        # All that it gets of the database; its scheduler puts results there by default.
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{airflow.environment['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
        "AIRFLOW__PIPELINE_TRANSLATOR__STORE": "/nonexistent",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "WORKER_HOME": str(folder / "home"),
    }
    hidden = (root / "control", root / "projects", *(root / other for other in NAMES if other != name))
    return Worker(name, folder, hidden, environment)


def _require() -> None:
    """Skip if this machine lacks something, before anything is started."""
    require("git", "unshare", "mount", "hostname", "redis-server")
    if not services.has_postgresql():
        refuse("not installed here: postgresql (make packages installs it)")
    for package in ("airflow.providers.celery", "airflow.providers.git", "asyncpg", "psycopg2", "s3fs"):
        if subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, check=False).returncode:
            refuse(f"the environment of Airflow lacks {package}")
    machine = ["sh", "-c", _MACHINE, "machine", "probe", "/mnt", "--", "true"]
    if subprocess.run([*_unshare(), *machine], capture_output=True, check=False).returncode:
        refuse("this machine lets nobody make namespaces of mounts, processes and host names")


def _unshare() -> list[str]:
    """Return what gives a command its own machine, which ends with it."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
