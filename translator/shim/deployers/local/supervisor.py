"""Run the servers, and the front before them, under one ``supervisord`` per directory of deployments.

Supervisor (the package) starts servers, starts those again that ended, after longer and longer pauses, and keeps their
logs. It is a separate daemon, so servers survive the run, and the worker that started it. Its configuration only has
paths and names that are checked: what a server runs stands in ``version.json``, which its program reads.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from translator.shim.deployers import DeployError
from translator.shim.deployers.local import ports
from translator.shim.deployers.local.state import locked, write
from translator.shim.process import group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FRONT = "front"
MARK = "TRANSLATOR_DEPLOYMENTS_IN"
"""The environment variable that marks the daemon of a directory, and all that it starts."""
_STARTING = 30.0
_ENDING = 60.0
_RETRIES = 1_000_000
"""How often a server is started again; the pauses between grow by a second each time."""
_ALREADY_ADDED, _BAD_NAME, _NOT_RUNNING, _STILL_RUNNING = 90, 10, 70, 91
_LOG = 10_000_000

_DAEMON = """\
; Written by pipeline-translator. The programs are in programs/.
[unix_http_server]
file=%(here)s/s.sock
chmod=0700

[supervisord]
logfile=%(here)s/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=%(here)s/supervisord.pid
directory=%(here)s
umask=077
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = %(here)s/programs/*.conf
"""
_PROGRAM = """\
[program:{name}]
command={command}
autostart=true
autorestart=true
startsecs=1
startretries={retries}
stopasgroup=true
environment={mark}="{marked}"
killasgroup=true
stopwaitsecs=35
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes={size}
stdout_logfile_backups=1
"""


def installed(deployer: str = "local") -> None:
    """Check that the packages of a deployer are installed.

    Raises:
        DeployError: one of them is not.
    """
    from importlib.util import find_spec

    needed = ("aiohttp", "gunicorn", "supervisor") if deployer == "local" else ("aiohttp", "supervisor")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise DeployError(
            f"the deployer {deployer!r} needs {', '.join(missing)} on this machine: "
            "pip install 'pipeline-translator[deployments]'"
        )


class Supervisor:
    """The daemon of a directory of deployments."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def ensure(self, environment: Mapping[str, str], pulse: Callable[[], None]) -> None:
        """Start the daemon unless it runs.

        Args:
            environment: what all servers inherit.
            pulse: called while another process starts it.

        Raises:
            DeployError: it cannot be started.
        """
        with locked(self.directory, pulse):
            if self.is_alive():
                return
            self._end_orphans()
            (self.directory / "programs").mkdir(mode=0o700, exist_ok=True)
            configuration = self.directory / "supervisord.conf"
            write(configuration, _DAEMON)
            started = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**environment, MARK: str(self.directory)},
                umask=0o077,
                cwd="/",
                check=False,
                timeout=_STARTING,
            )
            deadline = time.monotonic() + _STARTING
            while started.returncode == 0 and time.monotonic() < deadline:
                if self.is_alive():
                    return
                pulse()
                time.sleep(0.05)
            reason = started.stdout.decode(errors="replace").strip() or "it does not answer"
            raise DeployError(f"supervisord of {self.directory} cannot be started: {reason[-1000:]}")

    def _end_orphans(self) -> None:
        """End what a daemon that was killed has left running: the next one needs the ports of its servers."""
        _end_marked(f"{MARK}={self.directory}")

    def is_alive(self) -> bool:
        """Return whether the daemon answers, perhaps that it is ending."""
        from xmlrpc.client import Fault

        try:
            return bool(self._rpc().getState())
        except Fault:
            return True
        except OSError:
            return False

    def add(self, name: str, command: list[str], log: Path) -> None:
        """Start a program, now and whenever the daemon starts.

        Raises:
            DeployError: the daemon refuses it.
        """
        text = _PROGRAM.format(
            name=name,
            command=" ".join(shlex.quote(word).replace("%", "%%") for word in command),
            retries=_RETRIES,
            log=str(log).replace("%", "%%"),
            size=_LOG,
            mark=group.MARK,
            marked=self._mark(name),
        )
        write(self._configuration(name), text)
        self._call(lambda rpc: rpc.reloadConfig())
        self._call(lambda rpc: rpc.addProcessGroup(name), _ALREADY_ADDED)

    def remove(self, name: str) -> None:
        """Stop a program, and forget it, even if the daemon that started it has been killed."""
        self._configuration(name).unlink(missing_ok=True)
        if not self.is_alive():
            _end_marked(f"{MARK}={self.directory}", f"{group.MARK}={self._mark(name)}")
            return
        self._call(lambda rpc: rpc.stopProcess(name), _BAD_NAME, _NOT_RUNNING)
        self._call(lambda rpc: rpc.removeProcessGroup(name), _BAD_NAME, _STILL_RUNNING)
        self._call(lambda rpc: rpc.reloadConfig())

    def state(self, name: str) -> tuple[str, str]:
        """Return the state of a program in one word, and a description; ``down`` if the daemon does not run."""
        from xmlrpc.client import Fault

        try:
            info = self._rpc().getProcessInfo(name)
        except (OSError, Fault):
            return "down", ""
        return str(info["statename"]).lower(), str(info.get("spawnerr") or info.get("description") or "")

    def is_foreign(self, name: str, port: int) -> bool:
        """Return whether something else than a program listens on its port."""
        from xmlrpc.client import Fault

        try:
            pid = int(self._rpc().getProcessInfo(name)["pid"])
        except (OSError, Fault):
            return True
        return pid == 0 or ports.is_foreign(port, pid, self._mark(name))

    def shut_down(self) -> None:
        """Stop the daemon with everything that it runs."""
        self._call(lambda rpc: rpc.shutdown())

    def end(self, pulse: Callable[[], None]) -> None:
        """End the daemon with everything that it runs, or that an earlier one has left; forget all programs.

        Raises:
            DeployError: it does not end.
        """
        with locked(self.directory, pulse):
            if self.is_alive():
                self.shut_down()
            deadline = time.monotonic() + _ENDING
            while self.is_alive():
                pulse()
                if time.monotonic() > deadline:
                    raise DeployError(f"supervisord of {self.directory} does not end within {_ENDING:g} s")
                time.sleep(0.05)
            self._end_orphans()
            for configuration in (self.directory / "programs").glob("*.conf"):
                configuration.unlink(missing_ok=True)

    def _mark(self, name: str) -> str:
        """Return the mark that the processes of a program carry."""
        return f"{self.directory}/{name}"

    def _configuration(self, name: str) -> Path:
        return self.directory / "programs" / f"{name}.conf"

    def _call(self, call: Callable[[Any], object], *fine: int) -> None:
        """Ask the daemon for something; faults in ``fine`` say that it is so already."""
        from xmlrpc.client import Fault

        try:
            call(self._rpc())
        except Fault as fault:
            if fault.faultCode not in fine:
                raise DeployError(f"supervisord of {self.directory}: {fault.faultString}") from fault
        except OSError as error:
            raise DeployError(f"supervisord of {self.directory} does not answer: {error}") from error

    def _rpc(self) -> Any:
        from xmlrpc.client import ServerProxy

        from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # it has no type hints

        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.directory}/s.sock")
        return cast("Any", ServerProxy("http://127.0.0.1", transport=transport)).supervisor


def _end_marked(*variables: str) -> None:
    """End all processes that were started with some environment variables, each as ``NAME=VALUE``."""
    wanted = {variable.encode() for variable in variables}
    for number in (signal.SIGTERM, signal.SIGKILL):
        marked = [int(pid) for pid in group.pids() if wanted <= group.environment_of(pid)]
        for pid in marked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        group.wait(marked, group.GRACE)


def program_of(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of our programs with the Python of this process."""
    return [sys.executable, "-P", "-m", module, *arguments]
