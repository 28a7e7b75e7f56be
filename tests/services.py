"""Start the servers that tests of several workers need, PostgreSQL and Redis, with files of their own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.installed import refuse, require

if TYPE_CHECKING:
    from collections.abc import Iterator

_STARTING = 120.0
_PROGRAMS = ("initdb", "postgres", "createdb", "pg_dump", "psql")
# What is lost with the machine does not matter here, and waiting for a disk takes long.
_IN_A_HURRY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A server with one database, ``airflow`` of the user ``airflow``; ``programs`` is where its programs are."""

    programs: Path
    port: int

    @property
    def address(self) -> str:
        """What follows the scheme in the URL of the database."""
        return f"airflow@127.0.0.1:{self.port}/airflow"

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of PostgreSQL for the database; return what it prints."""
        done = subprocess.run(self.command(program, *arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def connection(self) -> Any:
        """Return a connection of psycopg2, in which each statement sees what was committed before it."""
        import psycopg2

        made = psycopg2.connect(f"postgresql://{self.address}")
        made.autocommit = True
        return made

    def command(self, program: str, *arguments: str) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--username", "airflow"]
        return [str(self.programs / program), *where, *arguments, "airflow"]


def has_postgresql() -> bool:
    """Return whether PostgreSQL can be started here."""
    return _programs_of_postgresql() is not None and (os.geteuid() != 0 or _user() is not None)


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Start PostgreSQL with an empty database."""
    programs = _programs_of_postgresql()
    if programs is None:
        refuse("not installed here: postgresql (make packages installs it)")
    folder = Path(tempfile.mkdtemp(prefix="translator-postgresql-"))
    own = _as_another_user(folder)
    data, port = folder / "data", free_port()
    try:
        how = ("--username", "airflow", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        subprocess.run([*own, programs / "initdb", "--pgdata", data, *how], cwd=folder, capture_output=True, check=True)
        where = ("-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder)
        settings = [word for setting in _IN_A_HURRY for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*own, programs / "postgres", *where, *settings],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            server = PostgreSQL(programs, port)
            _retry(server.command("createdb"), process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _version_of_programs(path: Path) -> list[int]:
    """Return the version in a path such as ``/usr/lib/postgresql/9.6/bin``."""
    return [int(part) for part in path.parent.name.split(".") if part.isdecimal()]


def _programs_of_postgresql() -> Path | None:
    """Return the directory of the programs of the server, which Debian does not have on PATH; None if it has none."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of_programs, reverse=True)
    return next((path for path in found if all((path / name).exists() for name in _PROGRAMS)), None)


def _user() -> str | None:
    """Return the user of PostgreSQL, which refuses to run as root."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


def _as_another_user(folder: Path) -> tuple[str, ...]:
    """Give a directory to the user of PostgreSQL, if need be; return what starts a command as that user."""
    if os.geteuid() != 0:
        return ()
    require("setpriv")
    if (user := _user()) is None:
        refuse("PostgreSQL does not run as root, and there is no user postgres")
    shutil.chown(folder, user)
    return ("setpriv", "--reuid", user, "--clear-groups")


def _retry(command: list[str], server: subprocess.Popen[bytes], log: Path) -> None:
    """Run a command until it succeeds, because the server has started."""
    deadline = time.monotonic() + _STARTING
    while subprocess.run(command, capture_output=True, check=False).returncode:
        assert server.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.2)


@dataclass(slots=True)
class Redis:
    """A Redis server, which keeps each message in a file."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        where = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        kept = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *where, *kept],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STARTING
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None

    def forget(self) -> None:
        """Remove the messages of a killed server."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "log":
                path.unlink()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(b"PING\r\n")
                return client.recv(16) == b"+PONG\r\n"
        except OSError:
            return False


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    """Start Redis."""
    require("redis-server")
    folder = Path(tempfile.mkdtemp(prefix="translator-redis-"))
    server = Redis(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
