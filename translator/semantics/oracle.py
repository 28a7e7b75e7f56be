"""Tell the rules how each attempt of an execution ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from translator.shim.contract import State

if TYPE_CHECKING:
    from translator.shim.contract import Value

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A question to the oracle: a try of an execution; ``index`` from 0 in grid order, ``attempt`` from 1."""

    node: str
    index: int
    attempt: int
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of an attempt: its state, metadata, and paths of outputs (None: all that edges need).

    ``folders`` are its empty directories; a condition's verdict is its metadata ``result``.
    """

    state: State = State.COMPLETE
    metadata: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    outputs: tuple[str, ...] | None = None
    folders: tuple[str, ...] = ()


Oracle: TypeAlias = Callable[[Attempt], Ending]


def all_complete(attempt: Attempt) -> Ending:  # noqa: ARG001  an oracle is asked about an attempt
    """Return the oracle of a run without failures."""
    return Ending()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of an execution: of every index if ``index`` is None, of every attempt if ``attempt`` is None."""

    node: str
    index: int | None = None
    attempt: int | None = None

    def covers(self, attempt: Attempt) -> bool:
        """Return whether this is the failure of ``attempt``."""
        return (
            attempt.node == self.node
            and self.index in (None, attempt.index)
            and self.attempt in (None, attempt.attempt)
        )


def failing(failures: Iterable[Failure], otherwise: Oracle = all_complete) -> Oracle:
    """Return the oracle of a run with exactly these ``failures``; ``otherwise`` decides the rest."""
    listed = tuple(failures)

    def ending(attempt: Attempt) -> Ending:
        natural = otherwise(attempt)
        return replace(natural, state=State.ERROR) if any(f.covers(attempt) for f in listed) else natural

    return ending
