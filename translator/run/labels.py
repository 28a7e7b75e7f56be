"""Shorten labels of executions (``lr=0.1, epochs=3``) to the values in which they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEPARATOR = ", "


def differing(labels: Mapping[int, str]) -> dict[int, str]:
    """Return the labels without the values that all executions of a node have; a single label stays as it is."""
    values = {index: _values(label) for index, label in labels.items()}
    common = set.intersection(*map(set, values.values())) if len(values) > 1 else set()
    return {index: _SEPARATOR.join(one for one in listed if one not in common) for index, listed in values.items()}


def _values(label: str) -> list[str]:
    """Split a label at the commas between values; a value may contain others: ``layers=[8, 4], lr=0.1``."""
    values: list[str] = []
    for part in label.split(_SEPARATOR):
        if "=" in part or not values:
            values.append(part)
        else:
            values[-1] += _SEPARATOR + part
    return values
