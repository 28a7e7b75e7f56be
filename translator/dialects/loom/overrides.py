"""Apply Loom's ``--set``, ``--var`` and ``--parallel``: other parameters, paths and workers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.dialects.choices import ChoiceError
from translator.dialects.loom import model
from translator.names import did_you_mean

if TYPE_CHECKING:
    from translator.dialects.loom.choices import LoomChoices
    from translator.span import Span


def override(file: model.File, choices: LoomChoices, place: Span) -> model.File:
    """Return the file with the values of the command line.

    Args:
        file: the file.
        choices: the options of the command line; Loom reads true, false and numbers as such.
        place: the location of parameters and data nodes that exist only on the command line.

    Raises:
        ChoiceError: a text has another form, or its name is neither defined nor referred to in the file.
    """
    new = dict(file.parameters)
    referred = _referred(file)
    for text in choices.parameters:
        name, value = _split("--set", text)
        if name not in new and name not in referred:
            raise ChoiceError(f"--set {text}: there is no parameter {name!r}", did_you_mean(name, new, "parameters"))
        new[name] = model.Parameter(name, typed(value), new[name].span if name in new else place)
    nodes = dict(file.data)
    for text in choices.data:
        name, value = _split("--var", text)
        if name not in nodes and name not in referred:
            hint = did_you_mean(name, nodes, "data nodes")
            raise ChoiceError(f"--var {text}: there is no data node {name!r}", hint)
        nodes[name] = replace(nodes[name], path=value) if name in nodes else model.DataNode(name, value, place)
    return replace(
        file,
        parameters=new,
        data=nodes,
        parallel=file.parallel if choices.parallel is None else choices.parallel,
        max_workers=choices.max_workers or file.max_workers,
    )


def typed(text: str) -> object:
    """Return a value as Loom's command line reads it."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _split(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ChoiceError(f"{option} {text}: expected NAME=VALUE")
    return name, value


def _referred(file: model.File) -> set[str]:
    steps = [s for e in file.entries for s in (e.steps if isinstance(e, model.MultiPass) else (e,))]
    slots = [
        slot
        for step in steps
        for slot in (*step.inputs, *step.outputs, *step.args, step.condition, step.data)
        if slot is not None
    ]
    slots += [slot for step in steps if step.loop is not None for slot in (step.loop.over, step.loop.into)]
    return {slot.reference for slot in slots if slot.reference}
