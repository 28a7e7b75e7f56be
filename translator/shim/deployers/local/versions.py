"""Make, start and remove versions, and move aliases."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.shim.clock import now
from translator.shim.deployers import DeployError
from translator.shim.deployers.local import environment, health, ports
from translator.shim.deployers.local.server import REPOSITORY
from translator.shim.deployers.local.serving import ENDED, tail
from translator.shim.deployers.local.state import ENDPOINTS, HEALTHY, Endpoint, State, Version, locked, private, write
from translator.shim.deployers.local.supervisor import program_of
from translator.shim.files.paths import relative
from translator.shim.workspace import working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from translator.shim import contract
    from translator.shim.deployers import Request
    from translator.shim.deployers.local.settings import Settings
    from translator.shim.deployers.local.supervisor import Supervisor

LOG = "log.txt"
_REQUIREMENTS = ("requirements-deployment.txt", "requirements.txt")
"""The files of the packages that servers need, of which the first that is there counts, as on Valohai."""
_PAUSE = 0.1
_REPORT_EVERY = 10.0


def program_name(deployment: str, number: int, endpoint: str) -> str:
    """Return the name of the program of a server; no part of it has a dot."""
    return f"{deployment}.{number}.{endpoint}"


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a directory of deployments."""

    settings: Settings
    state: State
    supervisor: Supervisor

    def make(self, request: Request) -> tuple[Version, Sequence[str]]:
        """Make a version, start its servers, wait until they are healthy, and let its aliases point to it.

        An alias that points to a newer version, which another run has made meanwhile, stays there.

        Returns:
            the version, and the aliases that point to it.

        Raises:
            DeployError: that cannot be done; nothing of the version remains, and no alias has moved.
        """
        deployment = request.deployment.name
        folder = self.state.folder(deployment)
        private(folder)
        with ExitStack() as ends:
            with locked(folder, request.pulse):
                for number in self.state.abandoned(deployment):
                    request.note(f"removing version {number}, whose deployment was interrupted")
                    self.remove(deployment, number)
                number = self.state.next_number(deployment)
                ends.enter_context(locked(self.state.folder(deployment, number), request.pulse))
            try:
                request.note(f"version {number} of {deployment}")
                version = self._prepared(request, number)
                self.start(version)
                self.wait(version, request.note, request.pulse)
                newer = self.commit(version, request.deployment.aliases, request.pulse)
            except BaseException:
                if number not in self.state.aliases(deployment).values():
                    self.remove(deployment, number)
                raise
        for alias, other in newer.items():
            request.note(f"alias {alias} stays at version {other}, which is newer")
        return version, [alias for alias in request.deployment.aliases if alias not in newer]

    def _prepared(self, request: Request, number: int) -> Version:
        """Copy the code and the files of a version, and write down what its servers are."""
        folder = self.state.folder(request.deployment.name, number)
        listed = working_copy.listing(request.project, request.without, request.pulse)
        (folder / ENDPOINTS).mkdir(mode=0o700)
        for endpoint in request.deployment.endpoints:
            place = self.state.endpoint(request.deployment.name, number, endpoint.name)
            place.mkdir(mode=0o700)
            repository = place / REPOSITORY
            working_copy.copy(request.project, repository, listed, request.pulse)
            for path, staged in request.files.get(endpoint.name, {}).items():
                place_file(staged, repository, relative(path))
        python = self._python(request, folder)
        with locked(self.settings.directory, request.pulse):
            taken = self.state.ports()
            endpoints: dict[str, Endpoint] = {}
            for endpoint in request.deployment.endpoints:
                port = ports.free_port(taken)
                taken.add(port)
                endpoints[endpoint.name] = _server(endpoint, port)
            run = f"{request.id.pipeline}/{request.id.run}/{request.id.node}"
            version = Version(
                request.deployment.name,
                number,
                now(),
                run,
                endpoints,
                dict(request.environment),
                python=python,
                health=self.settings.health,
                inherited=environment.inherited(request.inherited),
            )
            self.state.record(version)
        return version

    def _python(self, request: Request, folder: Path) -> str:
        """Install the packages that servers need into an environment of the version, and return it, if there are any.

        Raises:
            DeployError: they cannot be installed.
        """
        listed = next((name for name in _REQUIREMENTS if (request.project / name).is_file()), None)
        if listed is None or not self.settings.requirements or not _has_lines(request.project / listed):
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

    def start(self, version: Version) -> None:
        """Start the servers of a version, now and whenever the daemon starts.

        Raises:
            DeployError: the daemon refuses one.
        """
        folder = self.state.folder(version.deployment, version.number)
        for endpoint in version.endpoints:
            command = program_of("translator.shim.deployers.local.server", str(folder), endpoint)
            name = program_name(version.deployment, version.number, endpoint)
            self.supervisor.add(name, command, folder / ENDPOINTS / endpoint / LOG)

    def wait(self, version: Version, note: Callable[[str], None], pulse: Callable[[], None]) -> None:
        """Wait until the servers of a version are healthy.

        Raises:
            DeployError: one ended, or is not healthy in time.
        """
        start = reported = time.monotonic()
        waiting = list(version.endpoints)
        while waiting:
            pulse()
            for endpoint in list(waiting):
                answer = self.ask(version, endpoint)
                problem = answer.problem
                if problem is None:
                    waiting.remove(endpoint)
                    note(f"endpoint {endpoint} is healthy (status {answer.status})")
                    continue
                state, _ = self.supervisor.state(program_name(version.deployment, version.number, endpoint))
                log = self.state.endpoint(version.deployment, version.number, endpoint) / LOG
                if state in ENDED:
                    raise DeployError(f"the server of endpoint {endpoint!r} ended while it started{tail(log)}")
                if time.monotonic() > start + self.settings.timeout:
                    raise DeployError(
                        f"endpoint {endpoint!r} is not healthy after {self.settings.timeout:g} s: {problem}; "
                        f"a server must listen on the port in the environment variable VALOHAI_PORT{tail(log)}"
                    )
                if time.monotonic() > reported + _REPORT_EVERY:
                    reported = time.monotonic()
                    note(f"waiting for endpoint {endpoint}: {problem}")
            if waiting:
                time.sleep(_PAUSE)

    def ask(self, version: Version, endpoint: str) -> health.Answer:
        """Ask a server whether it is healthy.

        Raises:
            DeployError: its version was stopped meanwhile.
        """
        name = program_name(version.deployment, version.number, endpoint)
        current = self.current(version)
        state, _ = self.supervisor.state(name)
        if state != "running":
            return health.Answer(f"its program is {state}")
        prefix, port = version.prefix(endpoint), current.endpoints[endpoint].port
        path = f"{prefix}{version.health or '/'}"
        answer = health.ask(port, path, prefix=prefix, succeeds=version.health is not None)
        if answer.problem is None and self.supervisor.is_foreign(name, port):
            return health.Answer(f"another program listens on its port {port}")
        return answer

    def current(self, version: Version) -> Version:
        """Return a version as its file has it now.

        Raises:
            DeployError: it was stopped.
        """
        current = self.state.version(version.deployment, version.number)
        if current is None:
            raise DeployError(f"version {version.number} of {version.deployment} was stopped")
        return current

    def commit(
        self, version: Version, aliases: Iterable[str], pulse: Callable[[], None], *, back: bool = False
    ) -> Mapping[str, int]:
        """Keep a version that is healthy, and let aliases point to it, all in one step.

        Args:
            version: the version.
            aliases: the aliases.
            pulse: called while another process changes the deployment.
            back: whether aliases also move from newer versions.

        Returns:
            the aliases that stay at newer versions, with their numbers.

        Raises:
            DeployError: the version was stopped.
        """
        folder = self.state.folder(version.deployment)
        with locked(folder, pulse):
            self.current(version)
            write(folder / str(version.number) / HEALTHY, f"{now()}\n")
            known = self.state.aliases(version.deployment)
            newer = {alias: known[alias] for alias in aliases if known.get(alias, 0) > version.number and not back}
            moved = {**known, **dict.fromkeys(aliases, version.number), **newer}
            if moved != known:
                self.state.set_aliases(version.deployment, moved)
        return newer

    def retire(self, deployment: str, note: Callable[[str], None], pulse: Callable[[], None]) -> None:
        """Stop and remove the versions that no alias points to, except the newest."""
        with locked(self.state.folder(deployment), pulse):
            pointed_to = set(self.state.aliases(deployment).values())
            free = [number for number in self.state.healthy(deployment) if number not in pointed_to]
            newest = max(self.state.healthy(deployment), default=0)
            for number in [one for one in free if one != newest][: -self.settings.keep]:
                note(f"version {number} is stopped and removed: no alias points to it, and newer ones are kept")
                self.remove(deployment, number)

    def remove(self, deployment: str, number: int) -> None:
        """Stop the servers of a version, and remove its files."""
        version = self.state.version(deployment, number)
        for endpoint in version.endpoints if version is not None else ():
            self.supervisor.remove(program_name(deployment, number, endpoint))
        self.state.remove(deployment, number)


def _server(endpoint: contract.Endpoint, port: int) -> Endpoint:
    command = endpoint.server_command
    listed = [command] if isinstance(command, str) else list(command)
    return Endpoint(port, endpoint.port, endpoint.wsgi, listed)


def place_file(staged: Path, repository: Path, path: str) -> None:
    """Put a file below the working directory of a server, in place of what the project has there.

    Raises:
        DeployError: a link of the project leads out of it.
    """
    target = repository / path
    if not target.parent.resolve().is_relative_to(repository.resolve()):
        raise DeployError(f"the file {path!r} would be outside the working directory, where a link leads")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    working_copy.copy_file(str(staged.resolve()), str(target), staged.stat())


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
