"""Start what serves a directory of deployments: the daemon with all its servers, and the front."""

from __future__ import annotations

import errno
import socket
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from translator.shim.deployers import DeployError
from translator.shim.deployers.local import environment, health
from translator.shim.deployers.local.servers import ENDED
from translator.shim.deployers.local.settings import address
from translator.shim.deployers.local.state import State, locked, private, write
from translator.shim.deployers.local.supervisor import FRONT, Supervisor, program_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from translator.shim.deployers.local.settings import Settings

HEALTH = "/-/health"
"""The path at which a front says that it serves a directory: another one may have the port."""
ADDRESS = "front.txt"
"""The file with the host and the port of the front."""
LINES = 10
"""How many of the last lines of a server a message has."""
_OWNER = "deployer.txt"
_LOCAL = ("127.0.0.1", "::1", "localhost")
_STARTING = 30.0
_TAIL_BYTES = 20_000


def serve(settings: Settings, inherited: Mapping[str, str], pulse: Callable[[], None]) -> Supervisor:
    """Start the daemon and the front, unless they run.

    Args:
        settings: the directory, and the address of the front.
        inherited: the environment of this process, of which the daemon gets what servers inherit.
        pulse: called while this waits.

    Raises:
        DeployError: something cannot be started.
    """
    private(settings.directory)
    private(State(settings.directory).deployments)
    claim(settings, pulse)
    supervisor = Supervisor(settings.directory)
    supervisor.ensure(environment.inherited(inherited), pulse)
    wanted = f"{settings.host} {settings.port}"
    file, log = settings.directory / ADDRESS, settings.directory / "front.log"
    with locked(settings.directory, pulse):
        served = file.read_text(encoding="utf-8").strip() if file.exists() else wanted
        if served != wanted:
            raise DeployError(
                f"the front of {settings.directory} serves at {address(*served.split())}, not at "
                f"{address(settings.host, settings.port)}: set 'host' and 'port' to that, or 'directory' to another one"
            )
        if (problem := _problem(settings, supervisor)) is None:
            return supervisor
        module = "translator.shim.deployers.local.front"
        supervisor.add(FRONT, program_of(module, str(settings.directory), settings.host, str(settings.port)), log)
        deadline = time.monotonic() + _STARTING
        while (problem := _problem(settings, supervisor)) is not None:
            pulse()
            if time.monotonic() > deadline or supervisor.state(FRONT)[0] in ENDED:
                supervisor.remove(FRONT)
                reason = _port_problem(settings.host, settings.port) or f"{problem}{tail(log)}"
                raise DeployError(f"the front cannot serve at {address(settings.host, settings.port)}: {reason}")
            time.sleep(0.05)
        write(file, f"{wanted}\n")
    return supervisor


def claim(settings: Settings, pulse: Callable[[], None]) -> None:
    """Let a directory belong to a deployer, for good.

    Raises:
        DeployError: it belongs to another one.
    """
    with locked(settings.directory, pulse):
        check_owner(settings)
        file = settings.directory / _OWNER
        if not file.exists():
            write(file, f"{settings.deployer}\n")


def check_owner(settings: Settings) -> None:
    """Check that a directory does not belong to another deployer.

    Raises:
        DeployError: it does.
    """
    try:
        owner = (settings.directory / _OWNER).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        # The deployer `local` has not always written its name.
        owner = "local" if State(settings.directory).names() else settings.deployer
    if owner != settings.deployer:
        raise DeployError(
            f"{settings.directory} has deployments of the deployer {owner!r}: "
            f"set 'directory' of the deployer {settings.deployer!r} to another one"
        )


def _problem(settings: Settings, supervisor: Supervisor) -> str | None:
    """Return why the front does not serve; None if it does."""
    state, _ = supervisor.state(FRONT)
    if state != "running":
        return f"its program is {state}"
    path = f"{HEALTH}?{urlencode({'directory': settings.directory})}"
    host = health.reachable(settings.host)
    problem = health.ask(settings.port, path, host=host, succeeds=True).problem
    if problem is None and host in _LOCAL and supervisor.is_foreign(FRONT, settings.port):
        return f"another program listens on port {settings.port}"
    return problem


def _port_problem(host: str, port: int) -> str | None:
    """Return why no program can listen at an address, and what to do; None if one can."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "another program listens there; set 'port' of the deployer to another one, or end that program"
        return f"{error.strerror or error}; set 'host' and 'port' of the deployer to an address of this machine"
    return None


def tail(log: Path) -> str:
    """Return the last lines of a log for a message; empty if there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return last_lines(lines)


def last_lines(lines: Iterable[str]) -> str:
    """Return the last of some lines for the end of a message; empty if there are none."""
    last = deque((line for line in lines if line.strip()), maxlen=LINES)
    return "; its last lines:\n" + "\n".join(last) if last else ""
