"""Read the manifest of a pod that pods are based on, and say what is wrong with it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.shim.runners import UnfitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EMPTY: Mapping[str, Any] = MappingProxyType({"metadata": {}, "spec": {"containers": []}})
"""The manifest of pods without a template."""

_FORBIDDEN = ("hostPID", "shareProcessNamespace")
"""What would let signals to all processes of the command reach others."""
_CONTAINERS = ("initContainers", "containers")
_OBJECTS_OF_CONTAINER = ("resources", "securityContext", "lifecycle")
_LISTS_OF_CONTAINER = ("env", "envFrom", "volumeMounts")
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")
_UNITS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{unit: 1000.0 ** (power + 1) for power, unit in enumerate(("k", "M", "G", "T", "P", "E"))},
    **{unit: 1024.0 ** (power + 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
}


class TemplateError(UnfitError):
    """A manifest that cannot be used."""


def read(path: Path) -> Mapping[str, Any]:
    """Return the manifest of a file; ``metadata`` and ``spec`` are objects, and their lists are never None.

    Raises:
        UnfitError: the file cannot be read, or its manifest cannot be used.
    """
    import yaml

    try:
        documents = [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UnfitError(f"the pod template {path} cannot be read: {error}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict) or documents[0].get("kind") != "Pod":
        raise UnfitError(f"the pod template {path} must have one document of kind Pod")
    try:
        return _checked(documents[0])
    except TemplateError as error:
        raise UnfitError(f"the pod template {path} cannot be used: {error}") from error


def amount(quantity: object) -> float:
    """Return a quantity of Kubernetes (``500m``, ``1Gi``) as a number.

    Raises:
        UnfitError: it is not a quantity.
    """
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None:
        raise UnfitError(f"the pod template has {quantity!r} where a quantity is expected, as 500m or 1Gi")
    number, exponent, unit = match.groups()
    return float(f"{number}e{exponent}") if exponent else float(number) * _UNITS[unit or ""]


def _checked(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a manifest whose parts have their types.

    Raises:
        TemplateError: a part has another type, or must not be there.
    """
    metadata = _object(pod.get("metadata"), "metadata")
    for key in ("labels", "annotations"):
        pairs = _object(metadata.get(key), f"metadata.{key}")
        if not all(isinstance(item, str) for pair in pairs.items() for item in pair):
            raise TemplateError(f"metadata.{key} must be an object of strings; quote its numbers")
        metadata[key] = pairs
    spec = _object(pod.get("spec"), "spec")
    for key in _FORBIDDEN:
        if spec.get(key):
            raise TemplateError(f"it must not set {key}: the step's processes could end others")
    for key in ("nodeSelector", "securityContext"):
        spec[key] = _object(spec.get(key), f"spec.{key}")
    for key in (*_CONTAINERS, "volumes", "tolerations", "imagePullSecrets"):
        spec[key] = _objects(spec.get(key), f"spec.{key}")
    for key in _CONTAINERS:
        spec[key] = [_container(one, f"spec.{key}[{number}]") for number, one in enumerate(spec[key])]
    names = [one["name"] for key in _CONTAINERS for one in spec[key]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TemplateError(f"two containers have the name {twice[0]!r}")
    kept = {key: value for key, value in spec.items() if value not in (None, [], {}) or key == "containers"}
    return {**pod, "metadata": metadata, "spec": kept}


def _container(container: Mapping[str, Any], where: str) -> dict[str, Any]:
    name = container.get("name")
    if not isinstance(name, str) or not name:
        raise TemplateError(f"{where} must have a name")
    own = dict(container)
    for key in _OBJECTS_OF_CONTAINER:
        if key in own:
            own[key] = _object(own[key], f"{key} of the container {name!r}")
    for key in _LISTS_OF_CONTAINER:
        if key in own:
            own[key] = _objects(own[key], f"{key} of the container {name!r}")
    resources = own.get("resources", {})
    for key in ("limits", "requests"):
        if key in resources:
            resources[key] = _object(resources[key], f"resources.{key} of the container {name!r}")
    return own


def _object(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TemplateError(f"{where} must be an object, not {value!r}")
    return dict(value)


def _objects(value: object, where: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TemplateError(f"{where} must be a list of objects, not {value!r}")
    return [dict(one) for one in value]
