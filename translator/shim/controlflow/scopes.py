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
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from translator.shim import run_contract
from translator.shim.contract import Scope
from translator.shim.json_values import thawed
from translator.shim.json_values.depth import TOO_DEEP, DepthError, parse, too_deep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.shim.contract import Dialect, FileRecord, Json


def initial(dialect: Dialect, parameters: Mapping[str, Json], environ: Mapping[str, str]) -> Scope:
    """Return the scope of the first node of a run, without the parameters that ``refusal`` names.

    Args:
        dialect: the source language.
        parameters: those of the run, from the parameters file and the user.
        environ: the worker's environment; a variable whose name begins with the dialect's prefix sets the
            parameter of that name, in lower case, to its JSON value or else to its text.
    """
    values = {name: thawed(value) for name, value in parameters.items() if not too_deep(value)}
    for name, text in _in_environment(dialect, environ):
        try:
            values[name] = read(text)
        except DepthError:
            values.pop(name, None)
    return Scope(inherited=values)


def resume(earlier: Scope, own: Scope) -> Scope:
    """Return the scope with which a part of a graph starts: that of an earlier run, and the parameters of this run."""
    return Scope(inherited={**earlier.parameters, **own.parameters}, found=earlier.catalog)


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
        items={**scope.items, **{name: thawed(value) for name, value in (item or {}).items()}},
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
