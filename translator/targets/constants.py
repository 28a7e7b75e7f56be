"""Name the different steps of a pipeline as constants of the generated file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from translator.names import identifiers
from translator.targets import render
from translator.targets.steps import step_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from translator import ir
    from translator.targets.render import Expression

_RESERVED = frozenset(("dag", "project"))

Where = TypeVar("Where")


@dataclass(frozen=True, slots=True)
class StepConstant:
    """A step that one or several nodes run, and the name of the constant that holds it."""

    name: str
    step: Expression


def step_constants(
    steps: Iterable[tuple[Where, Expression, Sequence[str]]],
) -> tuple[tuple[StepConstant, ...], Mapping[Where, str]]:
    """Name each different step.

    Args:
        steps: the use of a step, the step, and possible names of its constant: the first free name counts, or the
            last one with a number.

    Returns:
        The constants in the order of their first use, and by use the name of its constant.
    """
    titles: dict[str, str] = {}
    taken: set[str] = set()
    different: dict[str, Expression] = {}
    used: dict[Where, str] = {}
    for where, step, choices in steps:
        text = render.literal(step)
        if text not in different:
            different[text] = step
            titles[text] = next((title for title in choices if title not in taken), f"{choices[-1]} {len(titles)}")
            taken.add(titles[text])
        used[where] = text
    constants = identifiers(list(titles.values()), _RESERVED)
    named = {text: constants[title].upper() for text, title in titles.items()}
    return (
        tuple(StepConstant(named[text], step) for text, step in different.items()),
        {where: named[text] for where, text in used.items()},
    )


def node_constants(nodes: Iterable[ir.StepNode], dialect: str) -> tuple[tuple[StepConstant, ...], Mapping[str, str]]:
    """Name each different step of the nodes of a dataflow graph; see ``step_constants``."""
    return step_constants(
        (node.name, step_of(node, dialect), (node.step.name, f"{node.step.name} for {node.name}")) for node in nodes
    )
