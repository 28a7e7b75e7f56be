"""Scopes: what a node of a routed graph (Magnus, runnable) sees, and how it goes from node to node.

How an engine hands scopes on::

    scope = scopes.initial(dialect, parameters, os.environ)         # the first node of the root graph
    manifest = run.execute(step, context, scope=scope)              # any step
    scope = manifest.scope                                          # the node after it, on either outcome

    inner = scopes.enter(scope)                                     # the first node of a branch of a parallel, a choice
    inner = scopes.enter(scope, item={"chunk": item})               # ... of a map, for one item
    inner = scopes.enter(scope, loop={"index": 0})                  # ... of a loop's first iteration
    inner = scopes.enter(ended, loop={"index": 1})                  # ... of the next, from the scope the last one left

and at the composite's fan-in ``translator.shim.fan.join``. A node reads through to what the graph around it held when
the branch began; what a branch writes is seen by nobody else until the fan-in.

A value that is no JSON (runnable's ``kind: object``) lies in the catalog as a pickle; its parameter is
``{"$object": "<path in the catalog>"}``.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from translator.shim import records
from translator.shim.contract import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Dialect, FileRecord, Json

PREFIXES: Mapping[str, str] = {"magnus": "MAGNUS_PRM_", "runnable": "RUNNABLE_PRM_"}
"""By dialect, what the names of environment variables that hold parameters begin with."""
OBJECT = "$object"
_FLOAT = "$float"
_FLOATS = ("nan", "inf", "-inf")


def initial(dialect: Dialect, parameters: Mapping[str, Json], environ: Mapping[str, str]) -> Scope:
    """The scope of the first node of a run.

    Args:
        dialect: ``magnus`` or ``runnable``.
        parameters: those of the run: the parameters file's and what the user gave.
        environ: the worker's environment; ``MAGNUS_PRM_x`` or ``RUNNABLE_PRM_x`` sets the parameter ``x``, in lower
            case, to its JSON value or else to its text.
    """
    prefix = PREFIXES[dialect]
    values = {name: plain(value) for name, value in parameters.items()}
    for name, text in environ.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            values[name[len(prefix) :].lower()] = decoded(text)
    return Scope(inherited=values)


def enter(scope: Scope, *, item: Mapping[str, Json] | None = None, loop: Mapping[str, int] | None = None) -> Scope:
    """The scope of the first node of a branch.

    Args:
        scope: the composite node's, as it found it; for a later iteration of a loop, the one that the last node of the
            iteration before left.
        item: of a map, the item by its name.
        loop: of a loop, the number of the iteration by its environment variable.
    """
    return Scope(
        inherited=scope.parameters,
        found=scope.catalog,
        items={**scope.items, **{name: plain(value) for name, value in (item or {}).items()}},
        loops={**scope.loops, **(loop or {})},
    )


def after(scope: Scope, written: Mapping[str, Json], put: Mapping[str, FileRecord]) -> Scope:
    """The scope that a node leaves which found ``scope`` and wrote."""
    return replace(scope, written={**scope.written, **written}, put={**scope.put, **put})


def decoded(text: str) -> Json:
    """The JSON value of ``text``, or the text itself."""
    try:
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return text


def plain(value: Json) -> Json:
    """``value`` as ``json.loads`` would give it: lists and dicts, and no other sequences and mappings."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in cast("Mapping[str, Json]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def pickled(value: Json) -> str | None:
    """The path in the catalog of the pickle that ``value`` stands for, or None if it is a value itself."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(path := value.get(OBJECT), str):
        return path
    return None


def to_json(scope: Scope, root: str) -> dict[str, object]:
    """The JSON document of ``scope``; ``root`` is the URI of the store."""
    return {
        "inherited": _written(scope.inherited),
        "written": _written(scope.written),
        "found": [records.to_json(file, root) for file in scope.found.values()],
        "put": [records.to_json(file, root) for file in scope.put.values()],
        "items": _written(scope.items),
        "loops": dict(scope.loops),
    }


def from_json(document: Any, root: str) -> Scope:
    """The scope that ``to_json`` wrote.

    Raises:
        KeyError, TypeError, AttributeError: the document is no scope.
    """
    found = [records.from_json(file, root) for file in document["found"]]
    put = [records.from_json(file, root) for file in document["put"]]
    return Scope(
        inherited=_read(document["inherited"]),
        written=_read(document["written"]),
        found={file.path: file for file in found},
        put={file.path: file for file in put},
        items=_read(document["items"]),
        loops=dict(document["loops"]),
    )


def _written(value: Any) -> Any:
    """JSON has no NaN and no infinity; a parameter may be one, and must come out of the store as it went in."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1 and value.get(_FLOAT) in _FLOATS:
            return float(value[_FLOAT])
        return {key: _read(item) for key, item in value.items()}
    return value
