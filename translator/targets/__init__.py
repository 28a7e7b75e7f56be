"""Define target engines: one package each, registered by entry point ``translator.targets``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from translator.config.keys import TargetKeys
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline, Value


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The surroundings of a generated file.

    ``project`` is the folder of the source file and ``source`` the source file itself, both relative to the folder of
    the generated file (POSIX separators), so that no absolute path is ever generated. ``pipeline`` is the name that the
    source file gives a pipeline which is written under another, ``name`` the one by which the engine is to know it.
    """

    project: str = "."
    source: str | None = None
    pipeline: str | None = None
    name: str | None = None


class Target(Protocol):
    """The interface between a target's package and the command line."""

    NAME: str
    """The name after ``--target``."""
    INSTALL: str
    """The requirement with which pip installs the engine."""
    MODULE: str
    """The engine's import name."""
    IDENTITY: re.Pattern[str]
    """What the engine knows a generated file's workflow by: matches the line that says it, of which there is one."""
    SETTINGS: TargetKeys
    """The keys of its table in ``translator.toml``; their values are in ``settings`` and ``workflow`` of the IR."""

    def check(self, pipeline: Pipeline, diagnostics: Diagnostics) -> None:
        """Report what this engine cannot carry of a pipeline that has passed ``translator.checks``."""

    def generate(self, pipeline: Pipeline, options: GenerateOptions = ...) -> str:
        """Write the source text of a file for this engine, of a pipeline in which ``check`` finds no error."""

    NAMED_BY: str
    """The option that gives a workflow the name by which the engine knows it."""
    NAMED_HELP: str
    """The help of that option."""

    def bad_name(self, name: str) -> str | None:
        """Say why the engine takes no workflow of that name; None if it does."""

    def file_name(self, pipeline: Pipeline) -> str:
        """Name the file that holds the pipeline."""

    def run_command(  # noqa: PLR0913 - all but the file are keywords
        self, file: Path, *, store: str, run: str, project: Path, parameters: Mapping[str, Value], home: Path
    ) -> list[str]:
        """Build the argument list that runs a generated file in the engine's embedded mode."""
