"""Compute scopes: the parameters that nodes of a control-flow graph (Magnus, runnable) see and pass on.

How an engine hands scopes on::

    scope = scopes.initial(dialect, parameters, os.environ)         # the first node of the root graph
    manifest = run.execute(step, context, scope=scope)              # any step
    scope = manifest.scope                                          # the node after it, on either outcome

    inner = scopes.enter(scope)                                     # the first node of a branch of a parallel, a choice
    inner = scopes.enter(scope, item={"chunk": item})               # ... of a map, for one item
    inner = scopes.enter(scope, loop={"index": 0})                  # ... of a loop's first iteration
    inner = scopes.enter(ended, loop={"index": 1})                  # ... of the next, from the scope the last one left

and at the composite's fan-in ``translator.shim.controlflow.fan.join``. A node reads through to what the graph around it
had when the branch began; other branches do not see what it writes until the fan-in.

A value that is not JSON (runnable's ``kind: object``) is a pickle in the catalog; its parameter is a ``Pickle``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from translator.shim import run_contract
from translator.shim.contract import Scope
from translator.shim.json_values.depth import TOO_DEEP, DepthError, parse, too_deep
from translator.shim.store import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.shim.contract import Dialect, FileRecord, Json

_OBJECT, _FLOAT, _DICT = _MARKS = ("$object", "$float", "$dict")


class Pickle(dict[str, "Json"]):
    """A parameter whose value is a pickle in the catalog; shown as ``{"$object": "<path in the catalog>"}``.

    It has its own type, so that a parameter with such a dictionary as its value stays a dictionary.
    """

    @classmethod
    def at(cls, path: str) -> Pickle:
        """Return the parameter whose pickle is at ``path`` in the catalog."""
        return cls({_OBJECT: path})


def initial(dialect: Dialect, parameters: Mapping[str, Json], environ: Mapping[str, str]) -> Scope:
    """Return the scope of the first node of a run, without the parameters that ``refusal`` names.

    Args:
        dialect: the source language.
        parameters: those of the run, from the parameters file and the user.
        environ: the worker's environment; a variable whose name begins with the dialect's prefix sets the
            parameter of that name, in lower case, to its JSON value or else to its text.
    """
    values = {name: plain(value) for name, value in parameters.items() if not too_deep(value)}
    for name, text in _in_environment(dialect, environ):
        try:
            values[name] = read(text)
        except DepthError:
            values.pop(name, None)
    return Scope(inherited=values)


def refusal(dialect: Dialect, parameters: Mapping[str, Json], environ: Mapping[str, str]) -> str | None:
    """Return why a run cannot begin with its parameters, or None; arguments as for ``initial``."""
    deep = {name for name, value in parameters.items() if too_deep(value)}
    for name, text in _in_environment(dialect, environ):
        try:
            read(text)
        except DepthError:
            deep.add(name)
    return "; ".join(f"parameter {name!r} cannot be used: {TOO_DEEP}" for name in sorted(deep)) or None


def enter(scope: Scope, *, item: Mapping[str, Json] | None = None, loop: Mapping[str, int] | None = None) -> Scope:
    """Return the scope of the first node of a branch.

    Args:
        scope: what the composite node sees; for a later iteration of a loop, the scope after the previous iteration.
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
    """Return the scope after a node that started with ``scope`` and wrote parameters."""
    return replace(scope, written={**scope.written, **written}, put={**scope.put, **put})


def decoded(text: str) -> Json:
    """Return the JSON value of ``text``, or the text itself if it is not JSON or nested too deep."""
    try:
        return read(text)
    except DepthError:
        return text


def read(text: str) -> Json:
    """Return the JSON value of ``text``, or the text itself.

    Raises:
        DepthError: the value is nested too deep to pass on.
    """
    try:
        return cast("Json", parse(text))
    except DepthError:
        raise
    except ValueError:
        return text


def _in_environment(dialect: Dialect, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the parameters in an environment."""
    prefix = run_contract.scoping(dialect).prefix
    for name, text in environ.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            yield name[len(prefix) :].lower(), text


def plain(value: Json) -> Json:
    """Return ``value`` as ``json.loads`` would: lists and dictionaries instead of other sequences and mappings."""
    if isinstance(value, Pickle):
        return value
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in cast("Mapping[str, Json]", value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def pickled(value: Json) -> str | None:
    """Return the path in the catalog of the pickle that ``value`` represents, or None if it is a plain value."""
    return str(value[_OBJECT]) if isinstance(value, Pickle) else None


def to_json(scope: Scope, root: str) -> dict[str, object]:
    """Return the JSON document of ``scope``; ``root`` is the URI of the store."""
    return {
        "inherited": {name: _written(value) for name, value in scope.inherited.items()},
        "written": {name: _written(value) for name, value in scope.written.items()},
        "found": [records.to_json(file, root) for file in scope.found.values()],
        "put": [records.to_json(file, root) for file in scope.put.values()],
        "items": {name: _written(value) for name, value in scope.items.items()},
        "loops": dict(scope.loops),
    }


def from_json(document: Any, root: str) -> Scope:
    """Return the scope that ``to_json`` wrote.

    Raises:
        KeyError, TypeError, AttributeError: the document is not a scope.
    """
    found = [records.from_json(file, root) for file in document["found"]]
    put = [records.from_json(file, root) for file in document["put"]]
    return Scope(
        inherited={name: _read(value) for name, value in document["inherited"].items()},
        written={name: _read(value) for name, value in document["written"].items()},
        found={file.path: file for file in found},
        put={file.path: file for file in put},
        items={name: _read(value) for name, value in document["items"].items()},
        loops=dict(document["loops"]),
    )


def _written(value: Any) -> Any:
    """Return a JSON document that marks NaN, infinity, pickles, and dictionaries that look like such a mark."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    if isinstance(value, Pickle):
        return dict(value)
    if isinstance(value, dict):
        found = {key: _written(item) for key, item in value.items()}
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
        if mark == _OBJECT:
            return Pickle.at(marked)
        if mark == _DICT:
            return {key: _read(item) for key, item in marked.items()}
    return {key: _read(item) for key, item in value.items()}
