"""Detect whether a file is a ``valohai.yaml``, or almost one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.names import closest

if TYPE_CHECKING:
    from translator.source import Located

TOP_LEVEL = ("step", "task", "endpoint", "pipeline", "blueprint", "deployment")
"""The kinds of items in the file, in the order in which the vendor's parser checks them."""


def detect(document: Located) -> bool:
    """Return whether the file is Valohai's: a list with an item of a kind that the vendor's parser accepts."""
    return any(kind in (item.entries or {}) for item in document.items or () for kind in TOP_LEVEL)


def nearly(document: Located) -> tuple[str, str | None] | None:
    """Explain why a file is not Valohai's: it is not a list, or a key is misspelt."""
    for key in document.entries or ():
        if key in TOP_LEVEL:
            return "a valohai.yaml must be a list", f"put '- ' before '{key}:'"
    for key in [str(key) for item in document.items or () for key in item.entries or ()]:
        near = closest(key, TOP_LEVEL)
        if near:
            return "no item of this list is a step or a pipeline", f"did you mean {near!r} instead of {key!r}?"
    if document.items is not None:
        hint = "an item of a valohai.yaml starts with '- step:' or '- pipeline:'"
        return "no item of this list is a step or a pipeline", hint
    return None
