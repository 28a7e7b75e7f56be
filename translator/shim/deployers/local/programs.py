"""Run the servers of versions as programs of Supervisor."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.shim.deployers import DeployError
from translator.shim.deployers.archive import place_file
from translator.shim.deployers.local import environment
from translator.shim.deployers.local.server import REPOSITORY
from translator.shim.deployers.local.serving import tail
from translator.shim.deployers.local.state import ENDPOINTS, State, Version
from translator.shim.deployers.local.supervisor import program_of
from translator.shim.files.paths import relative
from translator.shim.workspace import working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from translator.shim.deployers import Request
    from translator.shim.deployers.local.supervisor import Supervisor

LOG = "log.txt"
_REQUIREMENTS = ("requirements-deployment.txt", "requirements.txt")
"""The files of the packages that servers need, of which the first that is there counts, as on Valohai."""


def program_name(deployment: str, number: int, endpoint: str) -> str:
    """Return the name of the program of a server; no part of it has a dot."""
    return f"{deployment}.{number}.{endpoint}"


@dataclass(frozen=True, slots=True)
class Programs:
    """The servers of a directory of deployments as programs; see ``translator.shim.deployers.local.servers``."""

    state_files: State
    supervisor: Supervisor
    requirements: bool

    def prepare(self, request: Request, version: Version) -> Version:
        """Copy the code and the files of a version, and install its packages."""
        folder = self.state_files.folder(version.deployment, version.number)
        listed = working_copy.listing(request.project, request.without, request.pulse)
        (folder / ENDPOINTS).mkdir(mode=0o700)
        for endpoint in version.endpoints:
            place = self.state_files.endpoint(version.deployment, version.number, endpoint)
            place.mkdir(mode=0o700)
            repository = place / REPOSITORY
            working_copy.copy(request.project, repository, listed, request.pulse)
            for path, staged in request.files.get(endpoint, {}).items():
                place_file(staged, repository, relative(path))
        python = self._python(request, folder)
        return replace(version, python=python, inherited=environment.inherited(request.inherited))

    def _python(self, request: Request, folder: Path) -> str:
        """Install the packages that servers need into an environment of the version, and return it, if there are any.

        Raises:
            DeployError: they cannot be installed.
        """
        listed = next((name for name in _REQUIREMENTS if (request.project / name).is_file()), None)
        if listed is None or not self.requirements or not _has_lines(request.project / listed):
            return ""
        from translator.shim.runners.process import interpreter, layer

        current = interpreter.current()
        path = request.inherited.get("PATH", os.defpath)
        layer.make(folder / "python", current, path)
        variables = layer.environment(folder / "python", current, request.inherited)
        request.note(f"installing {listed}")
        installed = _run_with_pulse(
            [str(folder / "python" / "bin" / "pip"), "install", "--quiet", "-r", listed],
            request.project,
            variables,
            folder / "install.txt",
            request.pulse,
        )
        if installed != 0:
            raise DeployError(f"the packages of {listed} cannot be installed{tail(folder / 'install.txt')}")
        return str(folder / "python")

    def start(self, request: Request, version: Version) -> None:  # noqa: ARG002 - prepared before
        """Start the programs of a version, now and whenever the daemon starts."""
        folder = self.state_files.folder(version.deployment, version.number)
        for endpoint in version.endpoints:
            command = program_of("translator.shim.deployers.local.server", str(folder), endpoint)
            self.supervisor.add(_name(version, endpoint), command, self._log(version, endpoint))

    def ensure(self, version: Version) -> None:
        """Do nothing: the daemon starts all its programs."""

    def state(self, version: Version, endpoint: str) -> tuple[str, str]:
        """Return what Supervisor says of a program."""
        return self.supervisor.state(_name(version, endpoint))

    def is_foreign(self, version: Version, endpoint: str) -> bool:
        """Return whether processes of another program listen on the port."""
        return self.supervisor.is_foreign(_name(version, endpoint), version.endpoints[endpoint].port)

    def lines(self, version: Version, endpoint: str) -> Iterator[str]:
        """Yield the lines of the log, if there is one."""
        try:
            with self._log(version, endpoint).open(encoding="utf-8", errors="replace") as file:
                yield from (line.rstrip() for line in file)
        except FileNotFoundError:
            return

    def tail(self, version: Version, endpoint: str) -> str:
        """Return the last lines of the log."""
        return tail(self._log(version, endpoint))

    def remove(self, version: Version) -> None:
        """Stop the programs of a version."""
        for endpoint in version.endpoints:
            self.supervisor.remove(_name(version, endpoint))

    def remove_all(self) -> None:
        """Do nothing: they end with the daemon."""

    def _log(self, version: Version, endpoint: str) -> Path:
        return self.state_files.endpoint(version.deployment, version.number, endpoint) / LOG


def _name(version: Version, endpoint: str) -> str:
    return program_name(version.deployment, version.number, endpoint)


def _has_lines(requirements: Path) -> bool:
    lines = requirements.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _run_with_pulse(
    command: list[str], folder: Path, environment: dict[str, str], log: Path, pulse: Callable[[], None]
) -> int:
    """Run a command to its end, unless the pulse ends it; return its exit status."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while True:
                try:
                    return process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    pulse()
        except BaseException:
            process.kill()
            process.wait()
            raise
