"""Start the private server of a run, and notice at once if it ends instead.

Prefect starts it with the first request of a flow, and only looks whether it has ended when its patience does.
"""

from __future__ import annotations

import threading

from translator.shim.errors import TranslatorError

_PORT_TAKEN = 3
"""The exit status with which the server ends if its port is taken; Prefect starts it again on another."""
_PAUSE = 0.1


class ServerError(TranslatorError):
    """The private server ended while it started; the message is for the user."""


def start() -> None:
    """Start the server that flows of this process use.

    Raises:
        ServerError: it ended.
        RuntimeError: it does not answer in time.
    """
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()  # the same object for all flows of this process
    problems: list[Exception] = []

    def work() -> None:
        try:
            server.start()
        except Exception as error:  # noqa: BLE001 - raised in the other thread
            problems.append(error)

    starting = threading.Thread(target=work, name="private server", daemon=True)
    starting.start()
    while starting.is_alive():
        process = server.server_process
        status = process.poll() if process is not None else None
        if status not in (None, _PORT_TAKEN):
            server.stop()  # which also ends the thread
            raise ServerError(
                f"the private Prefect server ended with exit status {status} before it answered",
                "see the last lines of its log",
            )
        starting.join(_PAUSE)
    if problems:
        raise problems[0]
