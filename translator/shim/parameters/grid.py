"""Compute the points of a task node's grid, and their labels."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, cast

from translator.shim.errors import TranslatorError
from translator.shim.parameters import ParameterError, coerce
from translator.shim.parameters.bayesian import OptunaMissingError, next_points
from translator.shim.parameters.search import points as drawn_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Parameter, Search, Step, Trial, Value

LABEL_LENGTH = 200
_VALUE_LENGTH = 40


class GridError(TranslatorError, ValueError):
    """A grid without points, or with invalid values; the message is for the user."""


def points(
    step: Step,
    axes: Mapping[str, Sequence[Value] | Value],
    sets: Sequence[Mapping[str, Value]] | None = None,
    search: Search | None = None,
    trials: Sequence[Trial] | None = None,
) -> list[dict[str, Value]]:
    """Compute the points of a grid.

    The points are the product of the axes in the order of the step's parameters, the last axis fastest. With explicit
    sets there is a point per set (a key that a set lacks takes the parameter's default), combined with the axes if
    there are any, which win over the sets. A search has as many points as it says, and draws a value of each axis for
    each.

    Args:
        step: the step whose parameters span the grid.
        axes: by parameter the values it takes; a single value is an axis of one.
        sets: the parameter sets of a manual search.
        search: the search.
        trials: for a search with an objective, the results of all executions so far, in grid order; the points are
            those of the next batch.

    Returns:
        Per execution, in grid order, the values of the parameters that the grid sets; one empty point without any.

    Raises:
        GridError: an axis or the list of sets is empty, a value is bad, the step lacks a parameter, or Optuna is
            missing.
    """
    try:
        return _points(step, axes, sets, search, trials)
    except (GridError, OptunaMissingError) as error:
        raise GridError(step.located(str(error))) from None


def _points(
    step: Step,
    axes: Mapping[str, Sequence[Value] | Value],
    sets: Sequence[Mapping[str, Value]] | None,
    search: Search | None,
    trials: Sequence[Trial] | None,
) -> list[dict[str, Value]]:
    known = {parameter.name: parameter for parameter in step.parameters}
    names = set(axes).union(*(point.keys() for point in sets or ()), search.space if search is not None else ())
    problems = [f"step {step.name!r} has no parameter {name!r}" for name in sorted(names - known.keys())]
    if problems:
        raise GridError("\n".join(problems))
    if sets is not None and not sets:
        raise GridError("the grid has no points: its list of parameter sets is empty")
    spread = {
        parameter.name: _axis(parameter, axes[parameter.name], problems)
        for parameter in step.parameters
        if parameter.name in axes
    }
    if search is not None and not problems:
        rows = [
            {name: _value(known[name], value, problems) for name, value in row.items()}
            for row in _drawn(search, spread, list(known), trials)
        ]
        if not problems:
            return rows
        problems = list(dict.fromkeys(problems))
    rows = [
        {
            parameter.name: _value(parameter, row.get(parameter.name, parameter.default), problems)
            for parameter in step.parameters
            if parameter.name in names and parameter.name not in spread
        }
        for row in (sets if sets is not None else [{}])
    ]
    if problems:
        raise GridError("\n".join(problems))
    return [
        {name: {**row, **dict(zip(spread, combination, strict=True))}[name] for name in known if name in names}
        for row in rows
        for combination in itertools.product(*spread.values())
    ]


def _drawn(
    search: Search, axes: Mapping[str, Sequence[Value]], parameters: Sequence[str], trials: Sequence[Trial] | None
) -> list[dict[str, Value]]:
    if search.objective is None:
        return drawn_points(search, axes, parameters)
    if trials is None:
        raise GridError("a search with an objective has no grid: its points follow from results, batch by batch")
    return next_points(search, axes, parameters, trials)


def label(point: Mapping[str, Value]) -> str:
    """Return a label for an execution, ``lr=0.1, batch=32``: one line of at most ``LABEL_LENGTH`` characters."""
    text = ", ".join(f"{name}={_value_text(value)}" for name, value in point.items() if value is not None)
    return text if len(text) <= LABEL_LENGTH else f"{text[: LABEL_LENGTH - 1]}…"


def labels(rows: Sequence[Mapping[str, Value]]) -> list[str]:
    """Return unique labels of the executions of a grid, made of the values in which they differ."""
    differing = {name for row in rows for name, value in row.items() if value != rows[0].get(name)}
    differing |= {name for row in rows for name in rows[0] if name not in row}
    shown = [label({name: value for name, value in row.items() if name in differing}) for row in rows]
    count = Counter(shown)
    alike = [f"{text} #{index}" if text else str(index) for index, text in enumerate(shown)]
    return [text if text and count[text] == 1 else alike[index] for index, text in enumerate(shown)]


def spread(values: Sequence[Value] | Value) -> Sequence[Value]:
    """Return the values of an axis: a single value is an axis of one."""
    if isinstance(values, (list, tuple)):
        return values
    return [cast("Value", values)]


def _axis(parameter: Parameter, values: Sequence[Value] | Value, problems: list[str]) -> list[Value]:
    values = spread(values)
    if not values:
        problems.append(f"the grid has no points: parameter {parameter.name!r} has no values")
    return [_value(parameter, value, problems) for value in values]


def _value(parameter: Parameter, value: object, problems: list[str]) -> Value:
    try:
        return coerce(parameter, value)
    except ParameterError as error:
        problems.append(str(error))
        return None


def _value_text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        text = "[" + ", ".join(_value_text(item) for item in value) + "]"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = " ".join(str(value).split())
    if len(text) <= _VALUE_LENGTH:
        return text
    # Long values, such as paths, often begin alike.
    return f"{text[: _VALUE_LENGTH // 2]}…{text[1 - _VALUE_LENGTH // 2 :]}"
