"""Load what runs the servers of deployments: one ``Deployer`` per name, on first use.

A deployer makes a new version of a deployment, waits until its endpoints are healthy, and then moves the aliases in one
atomic step; a version that fails leaves no trace, and the aliases where they are. A deployer is the ``DEPLOYER`` of a
module: in this package the module named like the deployer, of other packages the one that they register under the
entry point ``translator.deployers``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from translator.shim import extensions
from translator.shim.runners import RunnerError, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import Connection, Deployment, ExecutionId, Json

Lookup: TypeAlias = "Callable[[str], Connection | None]"
"""A function that asks an engine for a connection by its name."""
GROUP = "translator.deployers"
DEFAULT = "local"
"""The deployer of a deployment that names none."""


class DeployError(UnfitError):
    """A version that cannot be deployed; the message, for the user, says why and what to do."""


class NotInstalledError(RunnerError):
    """A deployer that this machine does not have."""


_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
"""A name that is a part of a URL, of a path and of the names of processes, whatever runs the servers."""
_LONGEST = 60


def bad_name(name: str, what: str) -> str | None:
    """Return why something cannot be the name of a deployment or an alias; None if it can."""
    if _NAME.fullmatch(name) and len(name) <= _LONGEST:
        return None
    return (
        f"{name!r} cannot be the name of {what}, which is a part of a URL: "
        f"use at most {_LONGEST} letters, digits, dashes and underscores"
    )


def bad_alias(alias: str) -> str | None:
    """Return why something cannot be an alias; None if it can."""
    if alias.isdecimal():
        return f"the alias {alias!r} could not be told from the number of a version: add a letter"
    return bad_name(alias, "an alias")


def without_image(deployment: Deployment, deployer: str) -> Sequence[str]:
    """Return why a deployer that runs containers cannot run some endpoints."""
    return [
        f"endpoint {one.name!r} needs an image, which the deployer {deployer!r} runs"
        for one in deployment.endpoints
        if not one.image
    ]


def bad_endpoint(name: str) -> str | None:
    """Return why an endpoint cannot have a name; None if it can. The schema says which characters it may have."""
    if len(name) <= _LONGEST:
        return None
    return f"the name of endpoint {name[:20]}... has {len(name)} characters: use at most {_LONGEST}"


@dataclass(frozen=True, slots=True)
class Request:
    """A version to deploy.

    Args:
        deployment: its endpoints and the aliases to move.
        id: the execution that deploys it.
        project: the directory with the code of the servers.
        without: a directory in the project that is not code: the artifact store, if it is there.
        files: by endpoint, the files to put below its working directory, by their paths there.
        settings: the deployer's, as the step has them.
        environment: environment variables of the servers besides those of the deployer.
        inherited: the worker's environment without variables of the engine.
        note: tells the user something in the execution's log.
        pulse: called about every second while the deployer waits; what it raises ends the work.
        connection: asks the engine for a connection by its name.
    """

    deployment: Deployment
    id: ExecutionId
    project: Path
    without: Path | None
    files: Mapping[str, Mapping[str, Path]]
    settings: Mapping[str, Json]
    environment: Mapping[str, str]
    inherited: Mapping[str, str]
    note: Callable[[str], None]
    pulse: Callable[[], None]
    connection: Lookup


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version that serves: the ids of its deployment and of itself, and its addresses by endpoint."""

    id: str
    version: str
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """An endpoint of a version: its state in one word, its address, and details for people."""

    endpoint: str
    state: str
    url: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a deployment: when and by which run it was made, the aliases that point to it, its servers."""

    deployment: str
    version: str
    created: str
    run: str
    aliases: Sequence[str]
    servers: Sequence[Server]


class Administration(Protocol):
    """A way to list and change versions. All methods raise ``DeployError`` if that cannot be done."""

    def versions(self) -> Sequence[Version]:
        """Return all versions, the oldest first."""

    def logs(self, deployment: str, version: str, endpoint: str | None) -> Iterator[str]:
        """Yield the lines that the servers of a version printed."""

    def move(self, deployment: str, alias: str, version: str) -> None:
        """Let an alias point to a version, which must be healthy."""

    def remove_alias(self, deployment: str, alias: str) -> None:
        """Remove an alias."""

    def stop(self, deployment: str, version: str | None) -> Sequence[str]:
        """Stop and remove a version without aliases, or all versions; return what was stopped."""

    def stop_all(self) -> Sequence[str]:
        """Stop and remove everything, with what serves it; return the deployments."""


def _no_problems(settings: Mapping[str, Json]) -> Sequence[str]:  # noqa: ARG001 - as the deployer has it
    return ()


def _all_kept(deployment: Deployment) -> Sequence[tuple[str, str]]:  # noqa: ARG001 - as the deployer has it
    return ()


def _lacks_nothing(settings: Mapping[str, Json], deployment: Deployment) -> Sequence[str]:  # noqa: ARG001
    return ()


@dataclass(frozen=True, slots=True)
class Deployer:
    """A way to run servers.

    Args:
        deploy: makes a version and moves the aliases. It raises ``DeployError`` if it cannot, or ``OSError``.
        check: ``check(settings)``: returns what is wrong with settings, for the user. It may be asked of a part of
            them.
        ignores: ``ignores(deployment)``: returns the keys of endpoints that have no effect, each with the endpoint.
        administration: ``administration(settings, connection)``: returns what manages the versions; ``connection``
            asks an engine for connections. None if there is nothing like that.
        lacks: ``lacks(settings, deployment)``: returns why a deployment cannot be made with all its settings, as far as
            that is known before.
    """

    deploy: Callable[[Request], Deployed]
    check: Callable[[Mapping[str, Json]], Sequence[str]] = field(default=_no_problems)
    ignores: Callable[[Deployment], Sequence[tuple[str, str]]] = field(default=_all_kept)
    administration: Callable[[Mapping[str, Json], Lookup], Administration] | None = None
    lacks: Callable[[Mapping[str, Json], Deployment], Sequence[str]] = field(default=_lacks_nothing)


@cache
def load(name: str) -> Deployer:
    """Load a deployer.

    Raises:
        NotInstalledError: there is none of that name.
    """
    module = extensions.load(__name__, GROUP, name)
    if module is None:
        known = ", ".join(names())
        raise NotInstalledError(
            f"there is no deployer {name!r} on this machine (it has: {known}): install the package that registers it"
        )
    return cast("Deployer", module.DEPLOYER)


def names() -> tuple[str, ...]:
    """Return the names of all deployers that are installed here."""
    return extensions.names(__name__, GROUP)
