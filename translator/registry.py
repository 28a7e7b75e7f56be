"""Finds the dialects and targets that are installed, by entry point: a new one is one new package."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline
    from translator.source import Located, Rules, Source

DIALECTS = "translator.dialects"
TARGETS = "translator.targets"


class Dialect(Protocol):
    """A source language: a module with these names."""

    NAME: str
    RULES: Rules

    def detect(self, document: Located) -> bool:
        """Whether a file is written in this language."""

    def pipeline_names(self, document: Located) -> tuple[str, ...]:
        """The names of all pipelines of a file, also of those that cannot be translated."""

    def read(self, source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
        """Read the pipelines of a file."""


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of what is installed in a group, sorted."""
    return tuple(sorted(_found(group)))


@cache
def load(group: str, name: str) -> Any:
    """Import a dialect or a target.

    Raises:
        KeyError: there is none of that name.
        ImportError: its package cannot be imported.
    """
    return _found(group)[name].load()


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}
