"""Make, start and remove versions, and move aliases."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.shim.clock import now
from translator.shim.deployers import DeployError
from translator.shim.deployers.local import health, ports
from translator.shim.deployers.local.servers import ENDED
from translator.shim.deployers.local.state import HEALTHY, Endpoint, State, Version, locked, private, write
from translator.shim.runners import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.shim import contract
    from translator.shim.deployers import Request
    from translator.shim.deployers.local.servers import Servers
    from translator.shim.deployers.local.settings import Settings

_PAUSE = 0.1
_REPORT_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a directory of deployments."""

    settings: Settings
    state: State
    servers: Servers

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
                    self._try_to_remove(deployment, number, request.note)
                number = self.state.next_number(deployment)
                ends.enter_context(locked(self.state.folder(deployment, number), request.pulse))
            try:
                request.note(f"version {number} of {deployment}")
                version = self._prepared(request, number)
                self.servers.start(request, version)
                self.wait(version, request.note, request.pulse)
                newer = self.commit(version, request.deployment.aliases, request.pulse)
            except BaseException:
                if number not in self.state.aliases(deployment).values():
                    self._try_to_remove(deployment, number, request.note)
                raise
        for alias, other in newer.items():
            request.note(f"alias {alias} stays at version {other}, which is newer")
        return version, [alias for alias in request.deployment.aliases if alias not in newer]

    def _prepared(self, request: Request, number: int) -> Version:
        """Provide what the servers of a version need, give them ports, and write down what they are."""
        run = f"{request.id.pipeline}/{request.id.run}/{request.id.node}"
        version = self.servers.prepare(
            request,
            Version(
                request.deployment.name,
                number,
                now(),
                run,
                {endpoint.name: _server(endpoint) for endpoint in request.deployment.endpoints},
                dict(request.environment),
                health=self.settings.health,
            ),
        )
        with locked(self.settings.directory, request.pulse):
            taken = self.state.ports()
            endpoints: dict[str, Endpoint] = {}
            for name, endpoint in version.endpoints.items():
                port = ports.free_port(taken)
                taken.add(port)
                endpoints[name] = replace(endpoint, port=port)
            version = replace(version, endpoints=endpoints)
            self.state.record(version)
        return version

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
                state, _ = self.servers.state(version, endpoint)
                if state in ENDED:
                    tail = self.servers.tail(version, endpoint)
                    raise DeployError(f"the server of endpoint {endpoint!r} ended while it started{tail}")
                if time.monotonic() > start + self.settings.timeout:
                    raise DeployError(
                        f"endpoint {endpoint!r} is not healthy after {self.settings.timeout:g} s: {problem}; "
                        f"a server must listen on the port in the environment variable VALOHAI_PORT"
                        f"{self.servers.tail(version, endpoint)}"
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
        current = self.current(version)
        state, _ = self.servers.state(current, endpoint)
        if state != "running":
            return health.Answer(f"its server is {state}")
        prefix, port = version.prefix(endpoint), current.endpoints[endpoint].port
        path = f"{prefix}{version.health or '/'}"
        answer = health.ask(port, path, host=current.host, prefix=prefix, succeeds=version.health is not None)
        if answer.problem is None and self.servers.is_foreign(current, endpoint):
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
                self._try_to_remove(deployment, number, note)

    def _try_to_remove(self, deployment: str, number: int, note: Callable[[str], None]) -> None:
        """Remove a version; if what runs its servers does not answer, leave it and say so."""
        try:
            self.remove(deployment, number)
        except RunnerError as error:
            note(f"version {number} is not removed: {error}; translate deployments stop {deployment} {number} does it")

    def remove(self, deployment: str, number: int) -> None:
        """Stop the servers of a version, and remove its files."""
        version = self.state.version(deployment, number)
        if version is not None:
            self.servers.remove(version)
        self.state.remove(deployment, number)


def _server(endpoint: contract.Endpoint) -> Endpoint:
    """Return a server that has no port of this machine yet."""
    command = endpoint.server_command
    listed = [command] if isinstance(command, str) else list(command)
    return Endpoint(0, endpoint.port, endpoint.wsgi, listed)
