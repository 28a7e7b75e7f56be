"""Start the private server of a run beside the process of its flow, and notice at once if it ends.

Prefect can start such a server itself, but only when the flow begins, and it then loads the whole server into the
process of the flow, too. Here both load at the same time.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

from translator.shim.errors import TranslatorError

_PATIENCE = 900
"""The seconds that it may take to start: it needs three of one core, which are minutes on a busy machine."""
_LOOK = 5
"""The seconds after which a server that has not answered yet is looked after."""


class ServerError(TranslatorError):
    """The private server ended while it started; the message is for the user."""


@dataclass(frozen=True, slots=True)
class PrivateServer:
    """A server that is starting or has started, and the URL of its API."""

    process: subprocess.Popen[bytes]
    url: str

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServerError: it ended, or does not answer.
        """
        deadline = time.monotonic() + _PATIENCE
        # No proxy: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            status = self.process.poll()
            if status is not None:
                raise ServerError(
                    f"the private Prefect server ended with exit status {status} before it answered",
                    "see the last lines of its log",
                )
            try:
                # A request waits in the queue of the socket until the server takes it.
                with opener.open(f"{self.url}/health", timeout=_LOOK):
                    return
            except (OSError, HTTPException) as error:
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"the private Prefect server does not answer after {_PATIENCE} s: {error}",
                        "see the last lines of its log",
                    ) from error
                if not isinstance(error, TimeoutError):
                    time.sleep(0.1)


@functools.cache
def start() -> PrivateServer:
    """Start the server of all flows of this process, with Prefect's settings in its environment; do not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.serving", str(listening.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
            env=os.environ | {"PREFECT_UI_ENABLED": "0"},
        )
    atexit.register(_end, process)
    return PrivateServer(process, f"http://127.0.0.1:{port}/api")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the server; nobody reads its database any more."""
    process.kill()
    process.wait()
