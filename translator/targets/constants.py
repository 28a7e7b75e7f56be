"""Name the different steps of a pipeline as constants of the generated file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from translator.names import identifiers
from translator.targets import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from translator.targets.render import Expression

_RESERVED = frozenset(("dag", "project"))

Where = TypeVar("Where")


@dataclass(frozen=True, slots=True)
class StepConstant:
    """A step that one or several nodes run, under the name of a constant; ``place`` is where it stands in the file."""

    name: str
    place: str
    step: Expression


def step_constants(
    steps: Iterable[tuple[Where, str, Expression, Sequence[str]]],
) -> tuple[tuple[StepConstant, ...], Mapping[Where, str]]:
    """Name each different step.

    Args:
        steps: where a step is used, its place in the file, the step, and what its constant may be called: the first
            text that is not taken counts, or the last one with a number.

    Returns:
        The constants in the order of their first use, and by use the name of its constant.
    """
    titles: dict[str, str] = {}
    taken: set[str] = set()
    found: dict[str, tuple[str, Expression]] = {}
    used: dict[Where, str] = {}
    for where, place, step, choices in steps:
        text = render.literal(step)
        if text not in found:
            found[text] = (place, step)
            titles[text] = next((title for title in choices if title not in taken), f"{choices[-1]} {len(titles)}")
            taken.add(titles[text])
        used[where] = text
    constants = identifiers(list(titles.values()), _RESERVED)
    named = {text: constants[title].upper() for text, title in titles.items()}
    return (
        tuple(StepConstant(named[text], place, step) for text, (place, step) in found.items()),
        {where: named[text] for where, text in used.items()},
    )
