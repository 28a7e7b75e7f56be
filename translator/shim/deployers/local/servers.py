"""Say what a directory of deployments asks of the servers of its versions, whatever runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.shim.deployers import Request
    from translator.shim.deployers.local.state import Version

ENDED = ("backoff", "exited", "fatal")
"""The states of a server that has ended on its own."""


class Servers(Protocol):
    """The servers of versions. All methods raise ``RunnerError``, for the user, if they cannot do it."""

    def prepare(self, request: Request, version: Version) -> Version:
        """Provide what the servers of a version need before they have ports, and return what is to be recorded."""

    def start(self, request: Request, version: Version) -> None:
        """Start the servers of a version, now and whenever this machine starts them again."""

    def ensure(self, version: Version) -> None:
        """Start those servers of a version that people or the machine have stopped."""

    def state(self, version: Version, endpoint: str) -> tuple[str, str]:
        """Return the state of a server in one word, and a description; ``down`` if nothing is known of it."""

    def is_foreign(self, version: Version, endpoint: str) -> bool:
        """Return whether something else than a server listens on its port."""

    def lines(self, version: Version, endpoint: str) -> Iterator[str]:
        """Yield the lines that a server printed."""

    def tail(self, version: Version, endpoint: str) -> str:
        """Return the last lines that a server printed, for the end of a message; empty if there are none."""

    def remove(self, version: Version) -> None:
        """Stop the servers of a version, and forget them."""

    def remove_all(self) -> None:
        """Stop all servers of the directory, and forget them."""
