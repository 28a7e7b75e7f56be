"""Say what of a deployment does not exist or cannot be removed, in the same words for each deployer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.deployers import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterable


def no_deployment(deployment: str, names: Iterable[str]) -> DeployError:
    """Return the error for a name that none of the deployments ``names`` has."""
    return DeployError(f"there is no deployment {deployment!r}; there are: {_listed(names)}")


def no_version(deployment: str, name: str, numbers: Iterable[object]) -> DeployError:
    """Return the error for a number or an alias that leads to none of the versions ``numbers``."""
    return DeployError(f"{deployment} has no version {name!r}; it has: {_listed(numbers)}")


def no_alias(deployment: str, alias: str, aliases: Iterable[str]) -> DeployError:
    """Return the error for an alias that is not among ``aliases``."""
    return DeployError(f"{deployment} has no alias {alias!r}; it has: {_listed(aliases)}")


def no_endpoint(deployment: str, number: int, endpoint: str, endpoints: Iterable[str]) -> DeployError:
    """Return the error for an endpoint that is not among those of a version."""
    return DeployError(f"version {number} of {deployment} has no endpoint {endpoint!r}; it has: {_listed(endpoints)}")


def serving(deployment: str, number: int, aliases: Iterable[str]) -> DeployError:
    """Return the error for the removal of a version that ``aliases`` point to."""
    return DeployError(
        f"version {number} of {deployment} serves as {_listed(aliases)}: "
        "move the alias to another version first, or stop the whole deployment"
    )


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
