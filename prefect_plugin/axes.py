"""The type of an axis in Prefect's form."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

T = TypeVar("T")

Axis: TypeAlias = Annotated[list[T], Field(min_length=1)]
"""The values of an axis, or the points of a grid; there is at least one, or the grid has nothing to run."""
