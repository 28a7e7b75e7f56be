"""Define target engines: one package each, registered by entry point ``translator.targets``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.config.keys import TargetKeys
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline, Value


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The context of a generated file.

    ``project`` is the directory of the source file and ``source`` the source file itself, both relative to the
    directory of the generated file (POSIX separators), so that no absolute path is ever generated. ``pipeline`` is the
    pipeline's name in the source file if it gets another name, ``name`` its name in the engine. ``fetched`` is what
    workers fetch in place of ``project``, as ``translator.shim.code`` names it.
    """

    project: str = "."
    source: str | None = None
    pipeline: str | None = None
    name: str | None = None
    fetched: str | None = None


class Target(Protocol):
    """The interface between a target's package and the command line."""

    NAME: str
    """The name after ``--target``."""
    INSTALL: str
    """The pip requirement that installs the engine."""
    MODULE: str
    """The engine's import name."""
    IDENTITY: re.Pattern[str]
    """The pattern of the one line of a generated file that names its workflow in the engine."""
    SETTINGS: TargetKeys
    """The keys of its table in ``translator.toml``; their values are in ``settings`` and ``workflow`` of the IR."""

    def check(self, pipeline: Pipeline, diagnostics: Diagnostics) -> None:
        """Report what this engine cannot express of a pipeline that has passed ``translator.checks``."""

    def generate(self, pipeline: Pipeline, options: GenerateOptions = ...) -> str:
        """Write the source text of a file for this engine, from a pipeline in which ``check`` finds no error."""

    NAMED_BY: str
    """The option that sets the name of a workflow in the engine."""
    NAMED_HELP: str
    """The help of that option."""

    def bad_name(self, name: str) -> str | None:
        """Return why the engine rejects this name of a workflow; None if it accepts it."""

    def file_name(self, pipeline: Pipeline) -> str:
        """Name the file that holds the pipeline."""

    def run_command(  # noqa: PLR0913 - all but the file are keywords
        self, file: Path, *, store: str, run: str, project: Path, parameters: Mapping[str, Value], home: Path, jobs: int
    ) -> list[str]:
        """Build the argument list that runs a generated file in the engine's embedded mode."""


@runtime_checkable
class WritesMatrices(Protocol):
    """A target that writes workflows which run a pipeline once per combination of values."""

    def write_matrix(
        self,
        pipeline: Pipeline,
        options: GenerateOptions,
        file: str,
        source: str,
        points: Sequence[Mapping[str, Value]],
    ) -> tuple[str, str]:
        """Return the name and the text of the file of such a workflow.

        Args:
            pipeline: the pipeline.
            options: the context of the file.
            file: the name of the file of the pipeline's own workflow, beside which it is.
            source: the text of that file.
            points: the values of each run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``.

        Raises:
            TranslatorError: that file cannot be used in another one.
        """


@runtime_checkable
class DeploysSchedules(Protocol):
    """A target whose workflows do not hold their schedules: a file beside them does."""

    DEPLOYMENTS: str
    """The name of that file."""

    def without_gone(self, before: str | None, exists: Callable[[str], bool]) -> tuple[str | None, Sequence[str]]:
        """Return the text of that file without workflows whose files are gone, and the names of these files.

        Args:
            before: the text that the file with the schedules has now, if it exists.
            exists: returns whether a file exists beside it.
        """

    def with_deployment(
        self, pipeline: Pipeline, source: str, file: str, before: str | None, *, force: bool
    ) -> str | None:
        """Return the text of that file with the schedule of a workflow; None if it need not be written.

        Args:
            pipeline: the pipeline.
            source: the text of the workflow's file.
            file: the name of that file.
            before: the text that the file with the schedules has now, if it exists.
            force: whether to replace a file that is not ours.

        Raises:
            TranslatorError: the file is not ours, or cannot hold the schedule.
        """
