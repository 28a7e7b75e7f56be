"""Minimise a mutant that shows a fault, by removing ever smaller parts of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fuzz.mutate import Mutant

T = TypeVar("T")
PLAIN = "pipeline.yaml"
"""The name of a file whose name does not matter."""
_LONG = 1000
"""How many bytes are too many to leave out one by one."""


def minimised(mutant: Mutant, still: Callable[[Mutant], bool], *, tries: int = 400) -> Mutant:
    """Return the smallest mutant found that still shows the fault.

    Args:
        mutant: one that shows it.
        still: whether a mutant shows the same fault.
        tries: how many smaller ones to try.
    """
    left = [tries]

    def holds(smaller: Mutant) -> bool:
        left[0] -= 1
        return left[0] >= 0 and still(smaller)

    changes: tuple[dict[str, Any], ...] = ({"options": {}}, {"parameters": None}, {"project": None}, {"name": PLAIN})
    for change in changes:
        simpler = replace(mutant, **change)
        if simpler != mutant and holds(simpler):
            mutant = simpler
    for command in mutant.options:
        mutant = _shortened(mutant, command, holds)
    lines = _reduced(mutant.data.splitlines(keepends=True), lambda part: holds(replace(mutant, data=b"".join(part))))
    mutant = replace(mutant, data=b"".join(lines))
    if len(mutant.data) > _LONG:
        return mutant
    parts = [bytes([byte]) for byte in mutant.data]
    return replace(mutant, data=b"".join(_reduced(parts, lambda part: holds(replace(mutant, data=b"".join(part))))))


def _shortened(mutant: Mutant, command: str, still: Callable[[Mutant], bool]) -> Mutant:
    def given(options: Sequence[str]) -> Mutant:
        return replace(mutant, options={**mutant.options, command: tuple(options)})

    return given(_reduced(mutant.options[command], lambda part: still(given(part))))


def _reduced(parts: Sequence[T], still: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out halves, quarters, eighths ... as long as that shows the fault."""
    kept = list(parts)
    size = max(1, len(kept) // 2)
    while kept:
        place = 0
        while place < len(kept):
            smaller = kept[:place] + kept[place + size :]
            if still(smaller):
                kept = smaller
            else:
                place += size
        if size == 1:
            break
        size = max(1, size // 2)
    return kept
