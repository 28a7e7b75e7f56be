"""Mark pods, so that people and later attempts know whose they are."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import ExecutionId

PREFIX = "pipeline-translator/"
EXECUTION = f"{PREFIX}execution"
MANAGED_BY = {"app.kubernetes.io/managed-by": "pipeline-translator"}
_NOT_IN_VALUES = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 63


def execution(identity: ExecutionId, store: str) -> str:
    """Return what all attempts of one execution have in common, and no other execution; any worker says the same."""
    parts = (store, identity.pipeline, identity.run, identity.node, str(identity.index))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def of_attempt(identity: ExecutionId, store: str) -> dict[str, str]:
    """Return the labels of an attempt's pod; names are shortened to what labels may be."""
    return {
        **MANAGED_BY,
        EXECUTION: execution(identity, store),
        f"{PREFIX}pipeline": _value(identity.pipeline),
        f"{PREFIX}run": _value(identity.run),
        f"{PREFIX}node": _value(identity.node),
        f"{PREFIX}index": str(identity.index),
        f"{PREFIX}attempt": str(identity.attempt),
    }


def describe(identity: ExecutionId, log: str) -> Mapping[str, str]:
    """Return the annotations of an attempt's pod: whole names, and the container whose log ``kubectl logs`` shows."""
    names = {"pipeline": identity.pipeline, "run": identity.run, "node": identity.node}
    return {
        **{f"{PREFIX}{key}": name.encode("utf-8", "replace").decode() for key, name in names.items()},
        "kubectl.kubernetes.io/default-container": log,
    }


def _value(name: str) -> str:
    return _NOT_IN_VALUES.sub("-", name)[:_LONGEST].strip("-_.")
