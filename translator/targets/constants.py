"""Name the different steps of a pipeline as constants of the generated file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from translator.names import title_identifiers
from translator.targets import render
from translator.targets.steps import step_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from translator import ir
    from translator.targets.render import Expression

_RESERVED = frozenset(("dag", "project"))

Where = TypeVar("Where")


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the generated file: a step that one or several nodes run, or a runner of several steps."""

    name: str
    value: Expression


def constant(identifier: str, reserved: Container[str]) -> str:
    """Return the constant named like an identifier; its underscore stays only if it is reserved."""
    alone = identifier.rstrip("_")
    return (identifier if alone in reserved else alone).upper()


def step_constants(
    steps: Iterable[tuple[Where, Expression, str]],
) -> tuple[tuple[Constant, ...], Mapping[Where, str]]:
    """Name each different step.

    Args:
        steps: the use of a step, the step, and the title of its constant, of which that of the first use counts.

    Returns:
        The constants in the order of their first use, and by use the name of its constant.
    """
    titles: dict[str, str] = {}
    different: dict[str, Expression] = {}
    used: dict[Where, str] = {}
    for where, step, title in steps:
        text = render.literal(step)
        different.setdefault(text, step)
        titles.setdefault(text, title)
        used[where] = text
    constants = {text: constant(name, _RESERVED) for text, name in title_identifiers(titles, _RESERVED).items()}
    return (
        tuple(Constant(constants[text], step) for text, step in different.items()),
        {where: constants[text] for where, text in used.items()},
    )


def node_constants(nodes: Sequence[ir.StepNode], dialect: str) -> tuple[tuple[Constant, ...], Mapping[str, str]]:
    """Name each different step of the nodes of a dataflow graph; see ``step_constants``.

    If nodes override a step differently, the constant that most of them use has its name; the others are named after
    their nodes. The order of nodes does not matter.
    """
    steps = {node.name: step_of(node, dialect) for node in nodes}
    texts = {node: render.literal(step) for node, step in steps.items()}
    users: dict[str, dict[str, list[str]]] = {}
    for node in nodes:
        users.setdefault(node.step.name, {}).setdefault(texts[node.name], []).append(node.name)

    def title(node: ir.StepNode) -> str:
        alike, same = users[node.step.name], users[node.step.name][texts[node.name]]
        most = max(alike.values(), key=lambda names: (len(names), node.step.name in names, min(names)))
        return node.step.name if same is most else f"{node.step.name} for {min(same)}"

    return step_constants((node.name, steps[node.name], title(node)) for node in nodes)
