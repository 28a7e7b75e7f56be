"""Represent a drawing of a pipeline as data, between the IR and the formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN_STATES = ("complete", "error", "stopped", "skipped")
"""The final states, each of which has its colour."""
END = "end"
"""The kind of the boxes for ends of control-flow graphs."""


class LinkKind(StrEnum):
    """The meaning of a link between two boxes."""

    DATA = "data"
    ORDER = "order"
    """The target only waits for the source."""
    NEXT = "next"
    """A route of a control-flow graph."""
    FAILURE = "failure"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a node, or the states that it may end in or that its items ended in.

    Attributes:
        states: the different states, sorted.
        text: the states as people read them.
        why: the reasons.
        executions: the executions of a task node: index and states.
    """

    states: tuple[str, ...]
    text: str
    why: tuple[str, ...] = ()
    executions: tuple[tuple[int, str], ...] = ()

    @property
    def style(self) -> str:
        """The name of the colour: a final state, ``mixed`` or ``other``."""
        if len(self.states) != 1:
            return "mixed"
        return self.states[0] if self.states[0] in KNOWN_STATES else "other"


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or an end of a control-flow graph.

    Attributes:
        key: an identifier that is unique in the drawing and safe in every format.
        path: the names of the node and of what it is in: node, branch, node, ....
        kind: the kind of the node, and what it runs.
        notes: what else to know: its grid, what a failure does, ....
        group: the name under which an engine shows it with others.
        status: its state, if there is one.
        branches: the graphs in it.
    """

    key: str
    path: tuple[str, ...]
    kind: str
    notes: tuple[str, ...] = ()
    group: str | None = None
    status: Status | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two boxes of the same picture, with what it carries."""

    source: str
    target: str
    kind: LinkKind
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """The boxes and links of one graph."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a composite node, or the body of a map or a loop."""

    key: str
    title: str
    picture: Picture
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a whole pipeline; ``captions`` are what a reader needs to know about it."""

    title: str
    file: str
    picture: Picture
    captions: tuple[str, ...] = ()


def boxes(picture: Picture) -> Iterator[Box]:
    """Yield all boxes; a composite one precedes those in it."""
    for box in picture.boxes:
        yield box
        for branch in box.branches:
            yield from boxes(branch.picture)


def links(picture: Picture) -> Iterator[Link]:
    """Yield all links, those in branches too."""
    yield from picture.links
    for box in picture.boxes:
        for branch in box.branches:
            yield from links(branch.picture)
