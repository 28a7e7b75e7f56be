"""Read task blueprints, and compute the values of each parameter.

The platform computes the values of ``linear`` and ``logspace`` itself and does not publish how. Here ``linear`` runs
from ``start`` by ``step`` up to and including ``end``; ``logspace`` has ``count`` values ``base ** x`` with ``x``
evenly from ``start`` to ``end``, both included, and base 10 if it is not given. ``random`` has ``count`` numbers from
``min`` to ``max`` in a grid, and one for each execution in a random search (docs/semantics.md).
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.diagnostics import Severity
from translator.dialects.valohai.distributed import group
from translator.dialects.valohai.ledger import account, refuse
from translator.dialects.valohai.steps import stop_condition
from translator.dialects.valohai.values import value_of
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.source import Located

MAX_VALUES = 100_000
"""More values of one parameter than this are considered a mistake."""

_TYPES = ("grid_search", "manual_search", "random_search", "bayesian_tpe", "distributed")
_SEARCHES = {"random_search": ir.GridKind.RANDOM, "bayesian_tpe": ir.GridKind.OPTIMISER}
BATCH_SIZE = 5
"""The size of a batch of a Bayesian search that does not say it: Valohai's own default is not documented."""
DISTRIBUTED = "distributed"
_RULES = {
    "single": ("value",),
    "multiple": ("items", "integerify"),
    "linear": ("start", "end", "min", "max", "step", "integerify"),
    "logspace": ("start", "end", "min", "max", "count", "base", "integerify"),
    "random": ("start", "end", "min", "max", "count", "distribution", "integerify", "seed"),
}


def kind_of(task: Located) -> str:
    """Return the type of a task blueprint in the vendor's spelling ("Grid-Search" is "grid_search")."""
    task_type = task.get("type")
    return str(task_type.value or "grid_search").lower().replace("-", "_") if task_type else "grid_search"


def read_grid(task: Located, step: ir.Step, seed: str, diagnostics: Diagnostics) -> ir.Grid | None:
    """Read the grid of a task blueprint for a step.

    Args:
        task: the blueprint, valid by its schema and for the vendor's parser.
        step: the step as the node runs it.
        seed: that of random values whose rules have none.
        diagnostics: receives what is refused or wrong.

    Returns:
        The grid; None if it is refused or wrong.
    """
    account(task, "task", diagnostics)
    kind = kind_of(task)
    known = len(diagnostics.found)
    stop_condition(task, diagnostics)
    parameters = {parameter.name: parameter for parameter in step.parameters}
    searches = kind in _SEARCHES
    space: dict[str, ir.Distribution] = {}
    axes: list[ir.Axis] = []
    for variant in task.list("parameters"):
        read = _axis(variant, parameters, step, seed, diagnostics, draws=searches)
        if isinstance(read, ir.Axis):
            axes.append(read)
        elif read is not None:
            space[str(variant.value["name"])] = read
    points = [_point(point, parameters, step, diagnostics) for point in task.list("parameter-sets") if point.entries]
    grid = _manual(axes, points, task, diagnostics) if kind == "manual_search" else _product(axes, points, task)
    if kind == DISTRIBUTED:
        grid = group(grid, task, diagnostics)
    elif searches:
        count = _execution_count(task, diagnostics)
        objective = _objective(task, diagnostics) if kind == "bayesian_tpe" else None
        _check_seeds(task, kind, diagnostics)
        search = ir.Search(count, seed, MappingProxyType(space), objective)
        grid = replace(grid, kind=_SEARCHES[kind], search=search)
    elif task.get("execution-count") is not None:
        message = "'execution-count' is ignored: only searches have a number of executions"
        diagnostics.note("ignored-execution-count", message, task.key_span("execution-count"))
    return None if any(d.severity is Severity.ERROR for d in diagnostics.found[known:]) else grid


def _product(axes: Sequence[ir.Axis], points: Sequence[Mapping[str, ir.Value]], task: Located) -> ir.Grid:
    """Return a grid search; parameter sets become axes there (``Task.serialize_to_template`` of the vendor)."""
    collected: dict[str, list[ir.Value]] = {}
    for point in points:
        for name, value in point.items():
            collected.setdefault(name, []).append(value)
    span = task.key_span("parameter-sets")
    by_name = {axis.parameter: axis for axis in axes}
    by_name |= {name: ir.Axis(name, tuple(values), span) for name, values in collected.items()}
    return ir.Grid(ir.GridKind.PRODUCT, tuple(by_name.values()), (), task.span)


def _manual(
    axes: Sequence[ir.Axis], points: Sequence[Mapping[str, ir.Value]], task: Located, diagnostics: Diagnostics
) -> ir.Grid:
    """Return a manual search with one execution per set; a single value goes into each set."""
    lengths = {len(axis.values) for axis in axes} | ({len(points)} if points else set())
    width = max(lengths, default=0)
    uneven = [axis for axis in axes if len(axis.values) not in (1, width)]
    if uneven:
        what = "a manual search with lists of different lengths"
        refuse("uneven-search", what, uneven[0].span, diagnostics)
    elif points and len(points) not in (1, width):
        refuse("uneven-search", "a manual search with lists of different lengths", task.span, diagnostics)
    if len({frozenset(point) for point in points}) > 1:
        place = task.key_span("parameter-sets")
        message = "the parameter sets have different parameters; missing ones keep their defaults"
        diagnostics.warning("uneven-parameter-sets", message, place)
    rows: list[dict[str, ir.Value]] = [{} for _ in range(width)]
    for axis in axes:
        for index, row in enumerate(rows):
            row[axis.parameter] = axis.values[index if len(axis.values) == width else 0] if axis.values else None
    if points:
        rows = [{**row, **points[index if len(points) == width else 0]} for index, row in enumerate(rows)]
    return ir.Grid(ir.GridKind.ZIP, (), tuple(rows), task.span)


def _point(
    point: Located, parameters: Mapping[str, ir.Parameter], step: ir.Step, diagnostics: Diagnostics
) -> dict[str, ir.Value]:
    row: dict[str, ir.Value] = {}
    for name, value in (point.entries or {}).items():
        parameter = parameters.get(name)
        if parameter is None:
            _unknown(name, point.key_span(name), step, diagnostics)
            continue
        read = value_of(value, f"parameter {name!r} of a parameter set", diagnostics)
        row[name] = _typed(parameter, read, value, diagnostics)
    return row


def _axis(  # noqa: PLR0913 - all that is known of a parameter's values
    variant: Located,
    parameters: Mapping[str, ir.Parameter],
    step: ir.Step,
    seed: str,
    diagnostics: Diagnostics,
    *,
    draws: bool,
) -> ir.Axis | ir.Distribution | None:
    """Read the values of a parameter; ``draws``: a search draws its random numbers, one for each execution."""
    account(variant, "variant-param", diagnostics)
    name, style, rules = str(variant.value["name"]), str(variant.value["style"]), variant.get("rules")
    parameter = parameters.get(name)
    if parameter is None:
        _unknown(name, variant.value_span("name"), step, diagnostics)
        return None
    if rules is None:
        return None
    account(rules, "variant-param-rule-item", diagnostics)
    for key in rules.entries or {}:
        if key not in (*_RULES[style], "numberify"):
            message = f"{key!r} is ignored with style {style!r}"
            hint = did_you_mean(key, _RULES[style], f"rules of {style!r}")
            diagnostics.warning("ignored-rule", message, rules.key_span(key), hint=hint)
    try:
        if style == "random":
            distribution = _distribution(rules, parameter)
            if draws:
                _check_ends(distribution, parameter, rules, diagnostics)
                return distribution
            placed_values = _drawn(distribution, name, seed, rules)
        else:
            placed_values = _STYLES[style](rules)
    except _RuleError as error:
        diagnostics.error("bad-rules", f"parameter {name!r}: {error}", rules.value_span(error.key))
        return None
    if rules.value.get("integerify"):
        placed_values = [(_integer(value), place) for value, place in placed_values]
        placed_values = list({value: (value, place) for value, place in reversed(placed_values)}.values())[::-1]
    values = tuple(_typed(parameter, value, place, diagnostics) for value, place in placed_values)
    return ir.Axis(name, values, variant.span)


def _unknown(name: str, place: Any, step: ir.Step, diagnostics: Diagnostics) -> None:
    known = [parameter.name for parameter in step.parameters]
    hint = did_you_mean(name, known, "its parameters")
    diagnostics.error("unknown-parameter", f"step {step.name!r} has no parameter {name!r}", place, hint=hint)


def _typed(parameter: ir.Parameter, value: ir.Value, place: Located, diagnostics: Diagnostics) -> ir.Value:
    """Convert a value of a grid to the type of its parameter, or report an error."""
    from translator.runtime import coerced
    from translator.shim.parameters import ParameterError

    try:
        return coerced(parameter, value)
    except ParameterError as error:
        diagnostics.error("bad-value", str(error), place.span)
        return value


class _RuleError(ValueError):
    """Rules that give no values; ``key`` is the rule at fault."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


_Values = list[tuple["ir.Value", "Located"]]


def _single(rules: Located) -> _Values:
    value = rules.get("value")
    if value is None:
        raise _RuleError("value", "style 'single' needs 'value'")
    return [(value.value, value)]


def _multiple(rules: Located) -> _Values:
    items = rules.get("items")
    if items is None:
        raise _RuleError("items", "style 'multiple' needs 'items'")
    return [(item.value, item) for item in items.items or ()]


def _linear(rules: Located) -> _Values:
    start, end = _bound(rules, "start", "min"), _bound(rules, "end", "max")
    step = _number(rules, "step") if rules.get("step") else Decimal(1)
    if step == 0 or (end - start) * step < 0:
        raise _RuleError("step", f"'step' {step} never reaches {end} from {start}")
    # The last value may miss the end by a rounding error.
    count = _few((end - start) / step + Decimal("1e-9"), "step") + 1
    return _computed((start + index * step for index in range(count)), rules)


def _logspace(rules: Located) -> _Values:
    start, end = _bound(rules, "start", "min"), _bound(rules, "end", "max")
    base = float(_number(rules, "base")) if rules.get("base") else 10.0
    many = _count(rules, "logspace")
    exponents = [float(start + (end - start) * index / max(many - 1, 1)) for index in range(many)]
    try:
        powers = [base**exponent for exponent in exponents]
    except (OverflowError, ZeroDivisionError):
        raise _RuleError("base", f"{base} ** x is too large for x from {start} to {end}") from None
    if any(isinstance(power, complex) for power in powers):
        raise _RuleError("base", f"'base' must be positive, not {base}")
    return [(power, rules) for power in powers]


_LARGEST = 1e300
"""The highest absolute value of an end of a distribution: the distance of two must be a floating-point number."""


def _distribution(rules: Located, parameter: ir.Parameter) -> ir.Distribution:
    """Read the distribution of random numbers; those of an integer parameter are integers."""
    low, high = (_plain(_bound(rules, *keys)) for keys in (("min", "start"), ("max", "end")))
    named = str(rules.value.get("distribution") or "uniform")
    kind = named.lower().replace("-", "").replace("_", "")
    if kind not in set(ir.DistributionKind):
        raise _RuleError("distribution", f"unknown distribution {named!r}; there are {_DISTRIBUTIONS}")
    place = "max" if rules.get("max") is not None else "end"
    if max(abs(low), abs(high)) > _LARGEST:
        larger = place if abs(high) > _LARGEST else "min" if rules.get("min") is not None else "start"
        raise _RuleError(larger, "random numbers are at most 1e+300")
    if high < low:
        raise _RuleError(place, f"the maximum {high:g} is less than the minimum {low:g}")
    if kind == ir.DistributionKind.LOGUNIFORM and low <= 0:
        raise _RuleError("min" if rules.get("min") is not None else "start", "'loguniform' needs a positive minimum")
    integers = bool(rules.value.get("integerify")) or parameter.type is ir.ParameterType.INTEGER
    if integers and math.floor(high) < math.ceil(low):
        raise _RuleError(place, f"there is no integer from {low:g} to {high:g}")
    seed = _plain(_number(rules, "seed")) if rules.get("seed") is not None else None
    if seed is not None and abs(seed) > _LARGEST:
        raise _RuleError("seed", "the seed is at most 1e+300")
    return ir.Distribution(low, high, ir.DistributionKind(kind), integers, seed)


def _check_ends(
    distribution: ir.Distribution, parameter: ir.Parameter, rules: Located, diagnostics: Diagnostics
) -> None:
    """Report a distribution whose numbers the parameter does not accept."""
    for end, key, other in ((distribution.minimum, "min", "start"), (distribution.maximum, "max", "end")):
        place = rules.get(key) or rules.get(other) or rules
        number = min(max(round(end), math.ceil(distribution.minimum)), math.floor(distribution.maximum))
        _typed(parameter, number if distribution.integers else end, place, diagnostics)


def _drawn(distribution: ir.Distribution, name: str, seed: str, rules: Located) -> _Values:
    """Return the random values of a parameter in a grid, without repetitions."""
    from translator.runtime import lower_distribution
    from translator.shim.parameters.search import numbers

    count = _count(rules, "random")
    drawn = numbers(lower_distribution(distribution), name, seed, count)
    return [(number, rules) for number in dict.fromkeys(drawn)]


def _execution_count(task: Located, diagnostics: Diagnostics) -> int:
    """Return the number of executions of a search."""
    located = task.get("execution-count")
    count = located.value if located is not None else None
    if located is None or count is None:
        message = f"a {kind_of(task).replace('_', ' ')} needs 'execution-count', the number of its executions"
        diagnostics.error("bad-search", message, task.value_span("type"))
        return 0
    if not 1 <= count <= MAX_VALUES:
        message = f"'execution-count' must be from 1 to {MAX_VALUES:,}, not {count}"
        diagnostics.error("bad-search", message, located.span)
        return 0
    return int(count)


def _objective(task: Located, diagnostics: Diagnostics) -> ir.Objective | None:
    """Return the aim of a Bayesian search; None if it lacks one or has a wrong one."""
    metric, target = task.get("optimization-target-metric"), task.get("optimization-target-value")
    missing = [
        key
        for key, located in (("optimization-target-metric", metric), ("optimization-target-value", target))
        if located is None or located.value in (None, "")
    ]
    if missing or metric is None or target is None:
        message = f"a Bayesian search needs {' and '.join(map(repr, missing))}: the metadata to optimise, and its goal"
        diagnostics.error("bad-search", message, task.value_span("type"))
        return None
    size = task.get("execution-batch-size")
    if size is None or size.value is None:
        message = f"the search runs {BATCH_SIZE} executions at a time: it has no 'execution-batch-size'"
        diagnostics.note("assumed-batch-size", message, task.value_span("type"))
    elif not 1 <= size.value <= MAX_VALUES:
        message = f"'execution-batch-size' must be from 1 to {MAX_VALUES:,}, not {size.value}"
        diagnostics.error("bad-search", message, size.span)
    engine = task.get("engine")
    if engine is not None and str(engine.value or "optuna").lower() != "optuna":
        message = f"Optuna chooses the values of the search, not {str(engine.value)!r}"
        diagnostics.warning("other-optimiser", message, engine.span, hint="both use the same method, TPE")
    if not math.isfinite(target.value):
        message = f"'optimization-target-value' must be a finite number, not {target.value}"
        diagnostics.error("bad-search", message, target.span)
    batch_size = int(size.value) if size is not None and size.value else BATCH_SIZE
    return ir.Objective(str(metric.value), float(target.value), batch_size)


def _check_seeds(task: Located, kind: str, diagnostics: Diagnostics) -> None:
    """Report seeds of parameters in a Bayesian search, whose values are chosen together."""
    for variant in task.list("parameters") if kind == "bayesian_tpe" else ():
        rules = variant.get("rules")
        if rules is not None and rules.get("seed") is not None:
            message = "'seed' is ignored: a Bayesian search chooses the values of all parameters together"
            diagnostics.warning("ignored-rule", message, rules.key_span("seed"))


_DISTRIBUTIONS = " and ".join(repr(kind.value) for kind in ir.DistributionKind)
_STYLES = {"single": _single, "multiple": _multiple, "linear": _linear, "logspace": _logspace}


def _computed(values: Iterable[Decimal], rules: Located) -> _Values:
    exact = list(values)
    whole = all(value == value.to_integral_value() for value in exact)
    return [(int(value) if whole else float(value), rules) for value in exact]


def _count(rules: Located, style: str) -> int:
    if rules.get("count") is None:
        raise _RuleError("count", f"style {style!r} needs 'count'")
    count = _number(rules, "count")
    many = _few(count, "count")
    if count != many or many < 1:
        raise _RuleError("count", f"'count' must be a positive integer, not {count}")
    return many


def _few(count: Decimal, key: str) -> int:
    if count > MAX_VALUES:
        raise _RuleError(key, f"more than {MAX_VALUES:,} values")
    return int(count)


def _bound(rules: Located, key: str, other: str) -> Decimal:
    """Return the start or the end of a range; the vendor's documents call them min and max, too."""
    if rules.get(key) is None and rules.get(other) is None:
        raise _RuleError(key, f"the rules need {key!r}")
    return _number(rules, key if rules.get(key) is not None else other)


def _number(rules: Located, key: str) -> Decimal:
    number = Decimal(str(rules.value[key]))
    if not number.is_finite():
        raise _RuleError(key, f"{key!r} must be a finite number")
    return number


def _plain(number: Decimal) -> float:
    """Return a number as the file writes it: an integer if it is whole."""
    return int(number) if number == number.to_integral_value() else float(number)


def _integer(value: ir.Value) -> ir.Value:
    """Round a number to the next integer; ``integerify`` leaves strings unchanged."""
    return round(value) if isinstance(value, float) and abs(value) < float("inf") else value
