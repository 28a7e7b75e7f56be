"""Read the settings of the deployer ``kubernetes``."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.shim.deployers import DeployError
from translator.shim.deployers.local import settings as local
from translator.shim.runners.kubernetes.settings import READERS, SecretKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Json
    from translator.shim.runners.settings import Pull

_OF_RUNNER = (
    *("connection", "context", "namespace", "service_account", "image_pull_secrets", "pull", "secrets", "labels"),
    "annotations",
)
_OF_LOCAL = ("keep", "timeout", "health")
_REPLICAS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the deployer; those of the kubernetes runner mean the same here.

    ``keep``, ``timeout`` and ``health`` are as for the deployer ``local``. ``replicas`` is how many pods serve an
    endpoint, ``manifests`` the directory on the worker to which the manifests of versions are written for review.
    """

    connection: str | None = None
    context: str | None = None
    namespace: str | None = None
    service_account: str | None = None
    image_pull_secrets: Sequence[str] = ()
    pull: Pull = "missing"
    secrets: Mapping[str, SecretKey] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    keep: int = 2
    timeout: float = 300
    health: str | None = None
    replicas: int = 1
    manifests: str | None = None


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings; none of them is required."""
    return [problem for key, value in settings.items() if (problem := _problem(key, value)) is not None]


def _problem(key: str, value: Json) -> str | None:
    if key in _OF_RUNNER:
        try:
            READERS[key](value)
        except ValueError as error:
            return f"{key}: {error}"
        return None
    if key in _OF_LOCAL:
        return next(iter(local.check({key: value})), None)
    if key == "replicas":
        fine = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _REPLICAS
        return None if fine else f"'replicas' must be an integer from 1 to {_REPLICAS}"
    if key == "manifests":
        return None if isinstance(value, str) and value.startswith("/") else "'manifests' must be an absolute path"
    known = ", ".join(sorted((*_OF_RUNNER, *_OF_LOCAL, "manifests", "replicas")))
    return f"the deployer 'kubernetes' has no setting {key!r}; it has {known}"


def read(settings: Mapping[str, Json]) -> Settings:
    """Return the settings.

    Raises:
        DeployError: one is wrong.
    """
    if problems := check(settings):
        raise DeployError("; ".join(problems))
    values: dict[str, Any] = {key: READERS[key](one) if key in READERS else one for key, one in settings.items()}
    return Settings(**values)
