"""Convert scopes of control-flow graphs to and from JSON."""

from __future__ import annotations

import math
from typing import Any

from translator.shim.contract import Pickle, Scope
from translator.shim.store import records

_FLOAT, _DICT = "$float", "$dict"
_MARKS = (Pickle.MARK, _FLOAT, _DICT)


def to_json(scope: Scope, root: str) -> dict[str, object]:
    """Return the JSON document of ``scope``; ``root`` is the URI of the store."""
    return {
        "inherited": {name: _encoded(value) for name, value in scope.inherited.items()},
        "written": {name: _encoded(value) for name, value in scope.written.items()},
        "found": [records.to_json(file, root) for file in scope.found.values()],
        "put": [records.to_json(file, root) for file in scope.put.values()],
        "items": {name: _encoded(value) for name, value in scope.items.items()},
        "loops": dict(scope.loops),
    }


def from_json(document: Any, root: str) -> Scope:
    """Return the scope that ``to_json`` wrote.

    Raises:
        KeyError, TypeError, AttributeError: the document is not a scope.
    """
    catalogue = [records.from_json(file, root) for file in document["found"]]
    put = [records.from_json(file, root) for file in document["put"]]
    return Scope(
        inherited={name: _read(value) for name, value in document["inherited"].items()},
        written={name: _read(value) for name, value in document["written"].items()},
        found={file.path: file for file in catalogue},
        put={file.path: file for file in put},
        items={name: _read(value) for name, value in document["items"].items()},
        loops=dict(document["loops"]),
    )


def _encoded(value: Any) -> Any:
    """Return a JSON document that marks NaN, infinity, pickles, and dictionaries that look like such a mark."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, (list, tuple)):
        return [_encoded(item) for item in value]
    if isinstance(value, Pickle):
        return dict(value)
    if isinstance(value, dict):
        found = {key: _encoded(item) for key, item in value.items()}
        return {_DICT: found} if len(found) == 1 and next(iter(found)) in _MARKS else found
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((mark, marked),) = value.items()
        if mark == _FLOAT:
            return float(marked)
        if mark == Pickle.MARK:
            return Pickle.at(marked)
        if mark == _DICT:
            return {key: _read(item) for key, item in marked.items()}
    return {key: _read(item) for key, item in value.items()}
