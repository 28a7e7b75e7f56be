"""Represent a point of a grid: the parameters of one execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Value


class Point:
    """A point of a grid; not a dataclass, so that Prefect does not search it for futures.

    ``label`` distinguishes it from the other points of its grid.
    """

    __slots__ = ("index", "label", "parameters")

    def __init__(self, index: int, parameters: Mapping[str, Value], label: str = "") -> None:
        self.index = index
        self.parameters = parameters
        self.label = label or str(index)
