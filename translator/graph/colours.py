"""Define the colours of states, for formats that cannot leave them to a style sheet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a box: each text is readable on its fill, on light and on dark pages."""

    fill: str
    stroke: str
    text: str


STATES = {
    "complete": Colours("#d3f0d9", "#1a7f37", "#0b3d1a"),
    "error": Colours("#ffdcd8", "#cf222e", "#67060c"),
    "stopped": Colours("#ffe8c2", "#9a6700", "#4d3300"),
    "skipped": Colours("#e4e7eb", "#6e7781", "#32383f"),
    "mixed": Colours("#ece1fb", "#8250df", "#3b1d73"),
    "other": Colours("#d7ebfd", "#0969da", "#0a3069"),
}
"""The colours by ``Status.style``."""
