"""Lower a step of Loom to the call that builds it in the generated file (``translator.shim.loom``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from translator import ir
from translator.shim import loom
from translator.shim.json_values import thawed
from translator.shim.loom import INTO, OVER
from translator.targets.render import Call, Name, call, name

if TYPE_CHECKING:
    from translator.targets.render import Expression

BUILDERS = loom.__name__.rpartition(".")[2]
"""The name of the module of these calls in a generated file."""


def lower_script(step: ir.Step, files: ir.FileAxis | None) -> Call:
    """Return the call that builds a step.

    Args:
        step: a script, a condition, or the end of a ``multi_pass``.
        files: the files that it runs over, if it is a loop.
    """
    inputs, outputs, args = _arguments(step, files)
    task = step.command[0] if step.command else None
    options = step.options
    of_kind: dict[str, Expression]
    match step.kind:
        case ir.StepKind.CONDITION:
            more = options.get("arguments")
            args |= {key: thawed(value) for key, value in more.items()} if isinstance(more, Mapping) else {}
            of_kind = {"task": task, "predicate": options.get("predicate"), "negate": options.get("negate") or None}
        case ir.StepKind.COLLECT:
            of_kind = {"iterations": options.get("iterations")}
        case _:
            of_kind = {"loop": _loop(step, files) if files is not None else None}
    extra = options.get("extra")
    keywords: dict[str, Expression] = {
        **of_kind,
        "inputs": inputs or None,
        "outputs": outputs or None,
        "args": args or None,
        "extra": list(extra) if isinstance(extra, tuple) else None,
        "in_place": options.get("in_place") or None,
        "source": str(step.span.place),
    }
    arguments = (step.name, task) if step.kind is ir.StepKind.SCRIPT else (step.name,)
    present = tuple((key, item) for key, item in keywords.items() if item is not None)
    return Call(Name(f"loom.{step.kind.value}"), arguments, present)


def _arguments(
    step: ir.Step, files: ir.FileAxis | None
) -> tuple[dict[str, Expression], dict[str, Expression], dict[str, Expression]]:
    """Return the parameters of a step as inputs, outputs and arguments, in command-line order."""
    read = {item.name for item in step.inputs}
    written = {item.name for item in step.outputs}
    items, item_outputs = (files.items, files.outputs) if files is not None else ((), ())
    inputs: dict[str, Expression] = {}
    outputs: dict[str, Expression] = {}
    args: dict[str, Expression] = {}
    for parameter in step.parameters:
        if parameter.name in (OVER, INTO):
            continue
        value: Expression = parameter.default
        if parameter.name in items:
            value = name("loom.ITEM")
        elif parameter.name in item_outputs:
            value = name("loom.OUTPUT")
        elif parameter.name in read and parameter.pass_as is not None:
            value = call("loom.path", parameter.default)
        elif parameter.name in _outside(step):
            value = call("loom.outside", parameter.default)
        if parameter.name in read and parameter.pass_as is None:
            inputs[parameter.name] = value
        elif parameter.name in written and not args:
            outputs[parameter.name] = value
        else:
            args[parameter.name] = value
    return inputs, outputs, args


def _loop(step: ir.Step, files: ir.FileAxis) -> Call:
    folders = {parameter.name: parameter.default for parameter in step.parameters}
    into: Expression = folders[files.into]
    return call(
        "loom.Loop",
        folders[files.over],
        call("loom.outside", into) if files.into in _outside(step) else into,
        pattern=files.pattern,
        parallel=None if files.sequential else True,
    )


def _outside(step: ir.Step) -> tuple[object, ...]:
    """Return the outputs of a step that may be outside the project directory."""
    names = step.options.get("outside")
    return names if isinstance(names, tuple) else ()
