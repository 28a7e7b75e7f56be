"""Provide a worker that runs executions as an engine would: a project, a store, a log."""

from __future__ import annotations

import os
import textwrap
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import seaweedfs
from translator.shim.contract import Connection, Context, ExecutionId, InputFiles, Manifest, Step, Value
from translator.shim.execution import execute
from translator.shim.store import MANIFEST, Store, key_of, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass
class Worker:
    project: Path
    uri: str
    log: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] | None = None
    should_stop: Callable[[], str | None] = lambda: None
    connections: dict[str, Connection] = field(default_factory=dict)
    """What the engine has, by name."""
    input_connections: dict[str, str] = field(default_factory=dict)
    """The names of those for inputs, by the start of addresses."""
    catalogue: Path | None = None
    git_remote: str | None = None

    @property
    def store(self) -> Store:
        return open_store(self.uri)

    @property
    def output(self) -> list[str]:
        """The command's own lines."""
        return [line for line in self.log if not line.startswith("[shim] ")]

    @property
    def told(self) -> str:
        """Everything, as a test that fails shows it: pytest shortens a list, not a text."""
        return "\n".join(self.log)

    @property
    def notes(self) -> str:
        return "\n".join(line for line in self.log if line.startswith("[shim] "))

    def script(self, name: str, text: str) -> None:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def context(self, node: str = "train", index: int = 0, attempt: int = 1, kind: str = "execution") -> Context:
        def log(line: str) -> None:
            self.log.append(line)
            if self.on_line is not None:
                self.on_line(line)

        return Context(
            ExecutionId("Training Pipeline", "manual__2026-11-21T08:00:00+00:00", node, index, attempt, kind),
            self.uri,
            self.project,
            "prefect",
            log,
            self.should_stop,
            connection=self.connections.get,
            input_connections=self.input_connections,
            catalogue=self.catalogue,
            git_remote=self.git_remote,
        )

    def run(
        self,
        step: Step | str | Sequence[str],
        *,
        parameters: Mapping[str, Value] | None = None,
        inputs: Mapping[str, InputFiles] | None = None,
        node: str = "train",
        index: int = 0,
        attempt: int = 1,
        kind: str = "execution",
    ) -> Manifest:
        if not isinstance(step, Step):
            step = Step("step", [step] if isinstance(step, str) else list(step))
        return execute(step, self.context(node, index, attempt, kind), parameters=parameters or {}, inputs=inputs or {})

    def manifests(self) -> list[Manifest]:
        """Read the manifest of the last try of each execution that left one, in the order of node and index."""
        store, run = self.store, self.context().id
        left = {
            (node, index): [attempt for attempt, files in tries.items() if MANIFEST in files]
            for (node, index), tries in store.tries(run.pipeline, run.run).items()
        }
        keys = [key_of(run.pipeline, run.run, *of, whole[-1], MANIFEST) for of, whole in left.items() if whole]
        return [store.manifest(store.uri(key)) for key in keys]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    project = tmp_path / "project"
    project.mkdir()
    return Worker(project, str(tmp_path / "store"))


def alive(pid: int) -> bool:
    """Return whether the process still runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def gone(pids: Sequence[int], within: float = 120.0) -> bool:
    """Return whether all processes have ended, within ``within`` seconds."""
    deadline = time.monotonic() + within
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def pids_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Return the process ids that commands have written to ``$PIDS/*.pid``.

    There is no namespace of processes: its end would end them all, and nothing else would be tested. What ends in one
    is tested against every runner, by ``tests.shim.runners.test_contract``.
    """
    folder = tmp_path / "pids"
    folder.mkdir()
    monkeypatch.setenv("PIDS", str(folder))
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")

    def read() -> list[int]:
        return [int(path.read_text()) for path in sorted(folder.glob("*.pid")) if path.read_text().strip()]

    return read


@pytest.fixture
def processes() -> Callable[..., bool]:
    return gone


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Return the address of a bucket in moto's server, or in the one that ``make s3`` has started."""
    pytest.importorskip("s3fs")
    with ExitStack() as ends:
        settings = {
            "AWS_ENDPOINT_URL": os.environ.get(seaweedfs.VARIABLE) or ends.enter_context(_moto()),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        patch = ends.enter_context(pytest.MonkeyPatch.context())
        for name, value in settings.items():
            patch.setenv(name, value)
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().makedirs("bucket", exist_ok=True)  # both servers keep their state
        yield f"s3://bucket/some/where-{os.urandom(4).hex()}"
        s3fs.S3FileSystem.clear_instance_cache()


@contextmanager
def _moto() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def pytest_configure() -> None:
    os.environ.pop("TRANSLATOR_EVENTS", None)
