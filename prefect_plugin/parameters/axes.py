"""Define the type of an axis in Prefect's parameter form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

T = TypeVar("T")

Axis: TypeAlias = Annotated[Sequence[T], Field(min_length=1)]
"""The values of an axis, or the points of a grid: at least one, because an empty grid has nothing to run."""
