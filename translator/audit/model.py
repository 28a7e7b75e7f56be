"""Represent what a survey finds: files, their pipelines, reasons and needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effort(StrEnum):
    """The work that is left before a pipeline runs on the engine."""

    NONE = "none"
    """It translates, and needs nothing that the engine's workers lack by default."""
    SETTINGS = "settings"
    """It translates once settings, images, secrets, data or machines are provided."""
    CHANGES = "changes"
    """It is refused: the file has to change, or waits for a feature."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why a pipeline does not translate; ``target`` is the engine that cannot express it, None for all.

    ``settled``: settings in ``translator.toml`` resolve it.
    """

    code: str
    message: str
    line: int | None
    target: str | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """The things to provide, by kind; all sorted, without repetitions."""

    images: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything has to be provided."""
        return any(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class PipelineAudit:
    """A pipeline; ``alone`` if it is a step or a task blueprint of a file without a pipeline."""

    name: str
    alone: bool
    nodes: int
    reasons: tuple[Reason, ...]
    warnings: int
    needs: Needs

    @property
    def effort(self) -> Effort:
        """What is left to do."""
        if any(not reason.settled for reason in self.reasons):
            return Effort.CHANGES
        if self.reasons:
            return Effort.SETTINGS
        return Effort.SETTINGS if self.needs else Effort.NONE


@dataclass(frozen=True, slots=True)
class FileAudit:
    """A pipeline file; ``reasons`` concern it as a whole, ``dialect`` is the title of its language."""

    path: str
    dialect: str
    pipelines: tuple[PipelineAudit, ...]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """A tree: its pipeline files, and how many other YAML files it has."""

    root: str
    files: tuple[FileAudit, ...]
    others: int

    @property
    def pipelines(self) -> tuple[PipelineAudit, ...]:
        """The pipelines of all files."""
        return tuple(pipeline for file in self.files for pipeline in file.pipelines)
