"""Start a container engine for tests: Podman, which serves the Docker Engine API, with storage that ends with it.

Its images are made of this machine's own files, in about three seconds and without a network: ``PYTHON_IMAGE`` has
``sh``, a few programs and this Python with its standard library, ``SH_IMAGE`` has ``sh`` and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.installed import refuse, require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PYTHON_IMAGE = "localhost/tests/python:1"
SH_IMAGE = "localhost/tests/sh:1"

_PROGRAMS = (
    *("cat", "chmod", "chown", "cp", "dirname", "env", "head", "id", "ln", "ls", "mkdir", "mv", "rm", "seq", "setsid"),
    *("sleep", "touch", "wc"),
)
# Of the standard library, what no test needs and what makes the image twice as large.
_LEFT_OUT = frozenset({"__pycache__", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tkinter"})
# With the network of the host, as another one needs plugins, and without changing limits, which a container may not.
_SETTINGS = """\
[containers]
netns = "host"
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 10
lock_type = "file"
tmp_dir = "{tmp}"
"""
_STARTING = 60.0


@dataclass(slots=True)
class Podman:
    """A running engine: its socket, and how to call its command line."""

    folder: Path
    registry: int
    """The port of this machine on which it trusts a registry without TLS."""
    service: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def settings(self) -> str:
        """The translator.toml that runs all steps in its containers."""
        return f'[defaults]\nrunner = "docker"\nrunners.docker = {{ host = "{self.url}", pull = "never" }}\n'

    @property
    def environment(self) -> dict[str, str]:
        files = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_REGISTRIES_CONF": "registries.conf"}
        return {**os.environ, **{name: str(self.folder / file) for name, file in files.items()}}

    def command(self, *arguments: str) -> list[str]:
        return ["podman", "--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"), *arguments]

    def run(self, *arguments: str, content: bytes | None = None) -> str:
        """Run ``podman``; fail with what it prints if it fails."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, input=content, capture_output=True, check=False
        )
        if done.returncode:
            raise PodmanError(f"podman {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode()

    def start(self) -> None:
        """Start to serve the API."""
        self.service = subprocess.Popen(
            self.command("system", "service", "--time", "0", self.url),
            cwd=self.folder,  # a file called oom is left there if memory runs out
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "service.log").open("wb"),
            start_new_session=True,
        )
        deadline = time.monotonic() + _STARTING
        while self.service.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.socket))
                return
            time.sleep(0.05)
        raise PodmanError(f"podman system service does not start: {(self.folder / 'service.log').read_text()}")

    def stop(self) -> None:
        """Stop to serve the API; containers run on."""
        if self.service is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.service.pid, signal.SIGTERM)
            self.service.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def containers(self) -> list[str]:
        """Return the ids of all containers, running or not."""
        return self.run("ps", "--all", "--quiet", "--no-trunc").split()

    def empty(self, within: float = 60.0) -> bool:
        """Return whether there are no containers any more; those that have ended are removed a moment later."""
        deadline = time.monotonic() + within
        while self.containers():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


class PodmanError(Exception):
    """Podman does not do what it is told; the message is its own."""


@contextlib.contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Serve the Docker Engine API with the two images, and end all of it.

    Args:
        folder: an empty directory, whose path is short enough for a socket.
    """
    require("podman", "runc", "ldd")
    (folder / "containers.conf").write_text(_SETTINGS.format(tmp=folder / "tmp"))
    engine = Podman(folder, _free_port())
    (folder / "registries.conf").write_text(
        f'[[registry]]\nlocation = "127.0.0.1:{engine.registry}"\ninsecure = true\n'
    )
    try:
        try:
            for name, programs, libraries in ((PYTHON_IMAGE, ("sh", *_PROGRAMS), True), (SH_IMAGE, ("sh",), False)):
                engine.run("import", "-", name, content=_image(programs, python=libraries))
            engine.run("run", "--rm", SH_IMAGE, "/bin/sh", "-c", ":")
        except PodmanError as error:
            refuse(f"podman cannot run containers here: {error}")
        engine.start()
        yield engine
    finally:
        with contextlib.suppress(PodmanError):
            engine.run("rm", "--all", "--force", "--time", "0")
        engine.stop()
        _end_monitors(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _end_monitors(folder: Path) -> None:
    """End what Podman leaves running for some time after a container has ended."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def _image(programs: Iterable[str], *, python: bool) -> bytes:
    """Return the files of an image as a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        binaries = {f"bin/{name}": Path(shutil.which(name) or name).resolve() for name in programs}
        modules: list[Path] = []
        if python:
            binaries |= {f"usr/local/bin/{name}": Path(sys.executable).resolve() for name in ("python3", "python")}
            library = Path(sysconfig.get_path("stdlib"))
            archive.add(library, f"usr/local/lib/{library.name}", filter=_wanted)
            modules = [file for file in (library / "lib-dynload").glob("*.so") if not file.name.startswith("_tkinter")]
        for name, path in binaries.items():
            archive.add(path, name)
        for path in _libraries([*binaries.values(), *modules]):
            archive.add(path.resolve(), str(path))
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
        users = b"root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n"
        accounts = tarfile.TarInfo("etc/passwd")
        accounts.size = len(users)
        archive.addfile(accounts, io.BytesIO(users))
    return content.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT & set(member.name.split("/")) else member


def _libraries(binaries: Iterable[Path]) -> list[Path]:
    """Return the shared libraries that programs and modules load, among them the loader."""
    printed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    words = {word for line in printed.splitlines() if line.startswith("\t") for word in line.split()}
    return sorted(Path(word) for word in words if word.startswith("/"))
