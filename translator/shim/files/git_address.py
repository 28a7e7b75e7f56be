"""Define the addresses of Git repositories that are accepted: none runs a program, as ``ext::`` does."""

from __future__ import annotations

ADDRESS = (
    r"(https://(?![^/]*@)[A-Za-z0-9][^\s#]*|ssh://([A-Za-z0-9_.-]+@)?[A-Za-z0-9][^\s#@]*|file:///[^\s#]*"
    r"|[A-Za-z0-9_.-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9/~_][^\s#]*)(#[^\s#]+)?"
)
"""A pattern of addresses; what follows ``#`` is the directory of the project in the repository."""


def address(remote: str) -> str:
    """Return the address of a repository, without the directory of the project."""
    return remote.partition("#")[0]


def directory(remote: str) -> str | None:
    """Return the directory of the project in the repository, if the address names one."""
    return remote.partition("#")[2].strip("/") or None
