"""Start the server of an endpoint in place of this process.

It runs as ``python -m translator.shim.deployers.local.server DIRECTORY ENDPOINT``; the directory is that of a version.
The server runs in its endpoint's own copy of the project, listens on the port of this machine that the version has for
it, and learns what Valohai's servers learn: ``VALOHAI_PORT`` and ``VH_DEFAULT_PREFIX``. If another program has taken
that port while the server was down, the version gets another one.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.deployers.local.ports import HOST, is_free
from translator.shim.deployers.local.state import State
from translator.shim.files.digest import no_pulse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.shim.deployers.local.state import Endpoint, Version

REPOSITORY = "repository"
_EVERYWHERE = re.compile(r"(?<![\w.])0\.0\.0\.0(?![\w.])")


def localised(command: str, declared: int, port: int, host: str = HOST) -> str:
    """Return a command that listens where this version shall, instead of where it would in its own container.

    Args:
        command: the command of the endpoint.
        declared: the port that the endpoint declares: a whole word of the command that is this number is replaced.
        port: the port of the version.
        host: the address at which it listens, in place of all addresses.
    """
    command = _EVERYWHERE.sub(host, command)
    return re.sub(rf"(?<![\w.-]){declared}(?![\w.-])", str(port), command)


def arguments_of(endpoint: Endpoint, python: str) -> list[str]:
    """Return the program of a server with its arguments.

    Args:
        endpoint: the endpoint.
        python: the interpreter that serves WSGI applications.
    """
    if endpoint.wsgi is not None:
        bind = f"{HOST}:{endpoint.port}"
        return [python, "-m", "gunicorn", "--bind", bind, "--worker-tmp-dir", _memory(), "--", endpoint.wsgi]
    return ["/bin/sh", "-c", localised(joined(endpoint.server_command), endpoint.declared_port, endpoint.port)]


def joined(commands: Sequence[str]) -> str:
    """Return the commands of a server as one, of which each runs if the one before has succeeded."""
    return " && ".join(one.strip() for one in commands if one.strip())


def _memory() -> str:
    """Return where workers of gunicorn show that they are alive: memory, because a slow disk would look like death."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"  # noqa: S108 - gunicorn makes its own file


def _listening(state: State, version: Version, name: str) -> Endpoint:
    """Return an endpoint with a port that no other program has."""
    endpoint = version.endpoints[name]
    if is_free(endpoint.port):
        return endpoint
    current = state.move_port(version, name, no_pulse)
    if current is None:
        raise SystemExit(f"version {version.number} of {version.deployment} was removed")
    moved = current.endpoints[name]
    _log(f"port {endpoint.port} is in use, so the server of {name} gets port {moved.port}")
    return moved


def _log(line: str) -> None:
    """Write a line into the log of the server."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """Replace this process by the server."""
    folder, name = Path(arguments[0]), arguments[1]
    state = State(folder.parent.parent.parent)
    version = state.version(folder.parent.name, int(folder.name))
    if version is None or name not in version.endpoints:
        raise SystemExit(f"there is no endpoint {name!r} in {folder}")
    endpoint, python = _listening(state, version, name), sys.executable
    environment = {**os.environ, **version.inherited}
    if version.python:
        from translator.shim.runners.process import interpreter, layer

        environment = layer.environment(Path(version.python), interpreter.current(), environment)
        python = f"{version.python}/bin/python"
    environment |= {"PYTHONUNBUFFERED": "1", **version.environment}
    environment |= {
        "PORT": str(endpoint.port),
        "VALOHAI_PORT": str(endpoint.port),
        "VH_DEFAULT_PREFIX": version.prefix(name),
    }
    os.chdir(state.endpoint(version.deployment, version.number, name) / REPOSITORY)
    program = arguments_of(endpoint, python)
    if endpoint.wsgi is None and program[-1] != joined(endpoint.server_command):
        _log(f"running: {program[-1]}")
    os.execve(program[0], program, environment)  # noqa: S606 - no shell


if __name__ == "__main__":
    main(sys.argv[1:])
