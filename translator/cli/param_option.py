"""Parse the values of a run: ``--param NAME=VALUE`` and ``--param NODE.PARAMETER=VALUE,VALUE``.

The parameter decides the type of its value. Commas separate values only where a list is possible: for an axis of a
task node's grid, a ``multiple`` parameter, or a pipeline parameter whose default is a list. There, quote a value that
contains a comma with double quotes, or write the list as JSON.

Parameters of a control-flow graph are untyped: a value is JSON, or else the text unchanged, as these engines read
their environment. Any name is allowed, because steps may read parameters that no file declares.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from translator import ir
from translator.checks.values import scalars, unfit
from translator.names import did_you_mean
from translator.nodes import step_nodes
from translator.shim.json_values import frozen
from translator.shim.json_values.depth import DepthError, parse

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Collection, Iterable, Mapping

    from translator.diagnostics import Diagnostics
    from translator.ir import Value

CODE = "bad-parameter"


@dataclass(frozen=True, slots=True)
class _Slot:
    """A parameter that can be set: what it sets, and whether it holds a list of values.

    ``singly`` is the parameter of a node that takes only one value, if it sets such a parameter.
    A parameter that only gates nodes has the type of its default.
    """

    parameters: tuple[ir.Parameter, ...]
    spreads: bool
    many: bool
    singly: str | None = None

    @property
    def lists(self) -> bool:
        """Whether its values are a list, even if there is only one."""
        return (self.spreads or self.many) and self.singly is None


def add_argument(parser: ArgumentParser) -> None:
    """Declare ``--param``."""
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE | NODE.PARAM=VALUE[,VALUE...]",
        help="set a parameter for this run (repeatable)",
    )


def values(
    pipeline: ir.Pipeline, texts: Iterable[str], diagnostics: Diagnostics, *, option: str = "--param"
) -> dict[str, Value]:
    """Read the values of ``--param``.

    Args:
        pipeline: the pipeline to run.
        texts: the arguments of ``--param``.
        diagnostics: where to report unknown names and bad values.
        option: the option that messages name.

    Returns:
        Values by ``NAME`` or ``NODE.PARAMETER``; lists as tuples.
    """
    slots = _slots(pipeline)
    whole_names = only_node(pipeline, slots)
    slots |= {name: slots[whole] for name, whole in whole_names.items()}
    controlflow = pipeline.graph.start is not None
    hidden = {
        f"{target.node}.{target.parameter}": parameter.name
        for parameter in pipeline.parameters
        for target in parameter.targets
    }
    values_by_name: dict[str, Value] = {}
    for text in texts:
        name, equals, value = split(text, slots)
        name = whole_names.get(name, name)
        if not equals:
            diagnostics.error(CODE, f"{option} {text}: expected NAME=VALUE or NODE.PARAMETER=VALUE", None)
        elif name in values_by_name:
            diagnostics.error(CODE, f"{option} {name} is set twice", None, hint="separate values with commas")
        elif name in hidden and name not in slots:
            message = f"{option} {name}: the pipeline parameter {hidden[name]!r} sets this parameter"
            diagnostics.error(CODE, message, None, hint=f"use {option} {hidden[name]}=...")
        elif controlflow and name:
            try:
                values_by_name[name] = cast("Value", _json(value))
            except DepthError as error:
                diagnostics.error(CODE, f"{option} {name}: {error}", None)
            else:
                _check_scalars(name, values_by_name[name], pipeline, diagnostics, option)
        elif name not in slots:
            diagnostics.error(
                CODE,
                f"{option} {name}: there is no parameter {name!r}",
                None,
                hint=did_you_mean(name, slots, "parameters"),
            )
        else:
            try:
                values_by_name[name] = _value(slots[name], value)
            except ValueError as error:
                diagnostics.error(CODE, f"{option} {name}: {error}", None)
    return values_by_name


def names(pipeline: ir.Pipeline) -> Collection[str]:
    """Return the parameters that can be set, by ``NAME`` or ``NODE.PARAMETER``."""
    return _slots(pipeline).keys()


def axis_items(pipeline: ir.Pipeline, text: str) -> tuple[str, list[str]]:
    """Split ``NAME=VALUE,VALUE`` into the name and one text per value, as ``values`` reads it.

    Raises:
        ValueError: the values begin like a JSON list and are none.
    """
    slots = _slots(pipeline)
    slots |= {name: slots[whole] for name, whole in only_node(pipeline, slots).items()}
    name, _, value = split(text, slots)
    slot = slots.get(name)
    several = slot is not None and slot.lists
    return name, [_as_text(item, several=several) for item in _items(value)]


def _as_text(item: object, *, several: bool) -> str:
    """Return a value as ``values`` reads it: for a parameter that holds a list, as a list."""
    if isinstance(item, str) and not several:
        return item
    return json.dumps(item if isinstance(item, list) or not several else [item])


def _check_scalars(name: str, value: Value, pipeline: ir.Pipeline, diagnostics: Diagnostics, option: str) -> None:
    """Report what the engines cannot store: these values become part of the generated file."""
    for scalar, _ in scalars((name, value), pipeline.span):
        reason = unfit(scalar)
        if reason is not None:
            diagnostics.error(CODE, f"{option} {name}: {reason[1]}", None)


def declare(pipeline: ir.Pipeline, values: Mapping[str, Value]) -> ir.Pipeline:
    """Declare the parameters of a control-flow graph that have a value here and no declaration."""
    known = {parameter.name for parameter in pipeline.parameters}
    if pipeline.graph.start is None or values.keys() <= known:
        return pipeline
    new = (ir.PipelineParameter(name, pipeline.span, value) for name, value in values.items() if name not in known)
    return dataclasses.replace(pipeline, parameters=(*pipeline.parameters, *new))


def _json(text: str) -> ir.Json:
    try:
        value: ir.Json = frozen(parse(text))
    except DepthError:
        raise
    except ValueError:
        return text
    return value


def split(text: str, known: Iterable[str]) -> tuple[str, str, str]:
    """Split ``NAME=VALUE``; the known names decide where a name ends, because it may contain equals signs."""
    name = max((name for name in known if text.startswith(f"{name}=")), key=len, default=None)
    return (name, "=", text[len(name) + 1 :]) if name else text.partition("=")


def only_node(pipeline: ir.Pipeline, names: Iterable[str]) -> dict[str, str]:
    """Return ``NODE.NAME`` by ``NAME`` if the pipeline has only one node, whose name people need not write then.

    Args:
        pipeline: the pipeline.
        names: what can be set; a name that is there already keeps its meaning.
    """
    known = set(names)
    nodes = list(step_nodes(pipeline)) if len(pipeline.nodes) == 1 else []
    short = {whole.removeprefix(f"{node}."): whole for node in nodes for whole in known if whole.startswith(f"{node}.")}
    return {name: whole for name, whole in short.items() if name not in known}


def _slots(pipeline: ir.Pipeline) -> dict[str, _Slot]:
    """Return everything that can be set, by name, except parameters that a pipeline parameter sets."""
    nodes = step_nodes(pipeline)
    gating = {gate.parameter for node in nodes.values() for gate in node.policy.gates}
    slots: dict[str, _Slot] = {}
    for pipeline_parameter in pipeline.parameters:
        targets = [
            (nodes[target.node], parameter)
            for target in pipeline_parameter.targets
            if target.node in nodes
            for parameter in nodes[target.node].step.parameters
            if parameter.name == target.parameter
        ]
        alone = (
            (ir.Parameter(pipeline_parameter.name, pipeline_parameter.span, _type(pipeline_parameter.default)),)
            if pipeline_parameter.name in gating
            else ()
        )
        slots[pipeline_parameter.name] = _Slot(
            tuple(parameter for _, parameter in targets) or alone,
            spreads=any(isinstance(node, ir.TaskNode) and node.has_axes for node, _ in targets),
            many=isinstance(pipeline_parameter.default, tuple) or any(parameter.multiple for _, parameter in targets),
            singly=next((f"{node.name}.{one.name}" for node, one in targets if not _takes_lists(node, one)), None),
        )
    set_elsewhere = {
        (target.node, target.parameter)
        for pipeline_parameter in pipeline.parameters
        if pipeline_parameter.default is not None
        for target in pipeline_parameter.targets
    }
    for node in nodes.values():
        for parameter in node.step.settable:
            if (node.name, parameter.name) not in set_elsewhere:
                axis = isinstance(node, ir.TaskNode) and node.has_axes
                slot = _Slot((parameter,), axis, parameter.multiple is not None)
                slots.setdefault(f"{node.name}.{parameter.name}", slot)
    return slots


def _takes_lists(node: ir.StepNode, parameter: ir.Parameter) -> bool:
    return (isinstance(node, ir.TaskNode) and node.has_axes) or parameter.multiple is not None


def _type(value: object) -> ir.ParameterType:
    """Return the type of a parameter from its default."""
    kinds = {bool: ir.ParameterType.FLAG, int: ir.ParameterType.INTEGER, float: ir.ParameterType.FLOAT}
    return kinds.get(type(value), ir.ParameterType.STRING)


def _value(slot: _Slot, text: str) -> Value:
    if not (slot.spreads or slot.many):
        return cast("Value", _typed(slot, text))
    items = _items(text)
    if not items:
        raise ValueError("expected at least one value")
    if None in items:
        raise ValueError("a list of values cannot contain null")
    if slot.singly is not None and len(items) > 1:
        raise ValueError(f"expected one value, because it sets {slot.singly}")
    if slot.singly is not None:
        return cast("Value", _typed(slot, items[0]))
    return cast("Value", tuple(_typed(slot, item) for item in items))


def _items(text: str) -> list[object]:
    if text.lstrip().startswith("["):
        try:
            return cast("list[object]", parse(text))
        except DepthError:
            raise
        except ValueError as error:
            raise ValueError(f"not valid JSON: {error}") from None
    try:
        return list(next(csv.reader([text]))) if text else []
    except csv.Error:  # it takes text after a line break for another row, and very long values for a mistake
        raise ValueError("not valid values: write them as a JSON list") from None


def _typed(slot: _Slot, value: object) -> object:
    """Return the value as converted by the first of the parameters; all of them must accept it."""
    from translator.runtime import coerced

    typed = [coerced(parameter, value) for parameter in slot.parameters]
    if not typed:
        return value
    inner = typed[0]
    nested = isinstance(value, list)
    # A ``multiple`` parameter converts a single value to a list of one; here it is one of the values.
    return inner[0] if isinstance(inner, tuple) and not nested else inner
