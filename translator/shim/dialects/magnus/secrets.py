"""Look up the secrets of one execution, answer requests for them, and mask them in texts.

A value comes from the worker's environment, else from the engine's own store (``Context.secret``). It is handed to the
step's process in memory only: in its environment, or over a socket that user code asks (``magnus.get_secret``).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.masking import Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WHERE = "set the environment variable of that name on the worker, or store it as a secret in the engine"
_REQUEST = 1 << 20


@dataclass(slots=True)
class Secrets:
    """The secrets that an execution has read so far; ``lookup`` searches the engine's store."""

    lookup: Callable[[str], str | None]
    _mask: Mask = field(default_factory=Mask)

    def value(self, name: str) -> str | None:
        """Return the value of the secret ``name``, masked from now on, or None if it is not defined."""
        secret = os.environ[name] if name in os.environ else self.lookup(name)
        if secret is not None:
            self.remember(secret)
        return secret

    def values(self, names: Sequence[str], step: str) -> dict[str, str]:
        """Return the values of all secrets that a step lists.

        Raises:
            ValueError: some have no value.
        """
        found = {name: self.value(name) for name in names}
        absent = ", ".join(name for name, value in found.items() if value is None)
        if absent:
            raise ValueError(f"step {step!r} needs secrets that are not set on this worker: {absent}; {WHERE}")
        return {name: value for name, value in found.items() if value is not None}

    def remember(self, value: str) -> None:
        """Mask ``value`` from now on."""
        self._mask.remember(value)

    def hide(self, text: str) -> str:
        """Return ``text`` without values of secrets."""
        return self._mask.hide(text)

    @contextlib.contextmanager
    def answering(self, folder: Path) -> Iterator[Path]:
        """Answer requests for secrets on a socket while the context is open, in ``folder`` if possible."""
        with ExitStack() as ends:
            server = ends.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            path = _bound(server, folder, ends)
            path.chmod(0o600)
            server.listen()
            context = copy_context()  # the engines store the id of the run in it
            thread = threading.Thread(target=context.run, args=(self._answer, server), name="secrets", daemon=True)
            thread.start()
            try:
                yield path
            finally:
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                path.unlink(missing_ok=True)

    def _answer(self, server: socket.socket) -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            with one, contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                request = json.loads(one.makefile("rb").readline(_REQUEST))
                one.sendall(json.dumps(self._answered(request["name"], request["value"])).encode())

    def _answered(self, name: str, own: str | None) -> dict[str, str | None]:
        """Return the answer to a step that asks for ``name`` and has ``own`` in its environment."""
        if own is not None:
            self.remember(own)
            return {"value": own}
        try:
            return {"value": self.value(name)}
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            return {"problem": f"{type(error).__name__}: {error}"}


def _bound(server: socket.socket, folder: Path, ends: ExitStack) -> Path:
    """Bind a socket in a directory, else among the temporary files, else in ``/tmp``; return its path.

    Raises:
        OSError: there is no place whose name is short enough for a socket.
    """
    path = folder / f"secrets-{os.urandom(6).hex()}"
    for elsewhere in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - in a directory of this user's own
        try:
            server.bind(str(path))
        except OSError:  # such as a name that is too long
            place = ends.enter_context(tempfile.TemporaryDirectory(prefix="translator-", dir=elsewhere))
            path = Path(place) / "secrets"
        else:
            return path
    server.bind(str(path))
    return path
