"""Decide what the options of the command line choose: steps and task blueprints of the file, or nodes of a pipeline.

``--step`` names steps of the file, unless ``--pipeline`` names one of its pipelines, or only nodes have these names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.dialects import chosen_part
from translator.dialects.choices import ChoiceError
from translator.dialects.valohai.choices import ValohaiChoices
from translator.dialects.valohai.document import sort_items

if TYPE_CHECKING:
    from translator.dialects import Choices, Source
    from translator.dialects.valohai.document import Items


def choices_of(source: Source, items: Items) -> ValohaiChoices:
    """Return the choices with which a source is read, without those of nodes.

    Raises:
        ChoiceError: nodes are chosen as well as task blueprints, or everything.
    """
    chosen = source.choices.of(ValohaiChoices)
    if chosen_part(source) is None or _names_steps(chosen, items):
        return chosen
    if chosen.tasks or chosen.everything:
        option = "--from" if chosen.first is not None else "--to" if chosen.last is not None else "--step NODE"
        raise ChoiceError(f"{'--task' if chosen.tasks else '--all'} cannot be combined with {option}")
    return replace(chosen, steps=())


def part(source: Source) -> Choices | None:
    """Return the choices of a source that reduce a pipeline to some of its nodes; None if there are none."""
    choices = chosen_part(source)
    if choices is None or source.root is None or _names_steps(choices, sort_items(source.root)):
        return None
    return choices


def node_names(items: Items) -> list[str]:
    """Return the names of the nodes of all pipelines."""
    nodes = (node for item in items.pipelines.values() for node in item.body.list("nodes"))
    return list(
        dict.fromkeys(str(node.value["name"]) for node in nodes if (node.entries or {}).get("name") is not None)
    )


def _names_steps(choices: Choices, items: Items) -> bool:
    """Return whether ``--step`` names steps of the file, not nodes."""
    if not choices.steps or choices.pipeline in items.pipelines:
        return False
    return set(choices.steps) <= items.steps.keys() or not set(choices.steps) <= set(node_names(items))
