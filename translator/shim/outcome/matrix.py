"""Summarise the runs of a pipeline that differ in the values of parameters."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETE = "complete"
NO_RECORD = "no record"
"""The state of a run that has left no ``run.json``."""


def label(values: Mapping[str, object]) -> str:
    """Return the values of a run as people write them: ``lr=0.1, layers=[4, 8]``."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in values.items())


def value_text(value: object) -> str:
    """Return a value of a parameter as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def metrics(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last numbers that nodes with one complete execution printed, by ``NODE.KEY``.

    Args:
        document: the ``run.json`` of a run.
    """
    found: dict[str, Any] = {}
    for name, node in document["nodes"].items():
        for execution in node.get("executions", ()) if node.get("kind") == "execution" else ():
            numbers = execution["metadata"].items() if execution["state"] == COMPLETE else ()
            found |= {f"{name}.{key}": value for key, value in numbers if isinstance(value, (int, float))}
    return found


def summary(values: Mapping[str, object], run: str | None, document: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the summary of several runs says of one.

    Args:
        values: its values of the parameters in which the runs differ.
        run: its name, if it has started.
        document: its ``run.json``, if it has left one.
    """
    return {
        "parameters": dict(values),
        "run": run,
        "state": str(document["state"]) if document is not None else NO_RECORD,
        "seconds": _seconds(document) if document is not None else None,
        "metrics": metrics(document) if document is not None else {},
    }


def lines(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each run of a summary, and one that counts those that are complete."""
    complete = sum(one["state"] == COMPLETE for one in runs)
    return [*map(_line, runs), f"{complete} of {len(runs)} runs are complete"]


def _line(run: Mapping[str, Any]) -> str:
    seconds = f" after {run['seconds']:.1f} s" if run["seconds"] is not None else ""
    numbers = "".join(f", {name} {value_text(value)}" for name, value in run["metrics"].items())
    name = f" (run {run['run']})" if run["run"] else ""
    return f"{label(run['parameters'])}: {run['state']}{seconds}{numbers}{name}"


def _seconds(document: Mapping[str, Any]) -> float | None:
    try:
        began, ended = (datetime.fromisoformat(str(document[key])) for key in ("started", "ended"))
    except (KeyError, ValueError):
        return None
    return max(0.0, (ended - began).total_seconds())
