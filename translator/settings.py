"""What a command line says of how to read a file, beside the file: the run-time choices of the source tool's own."""

from __future__ import annotations

from dataclasses import dataclass


class SettingsError(ValueError):
    """A choice that cannot be followed; ``hint`` says what would have been right."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n  {hint}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Loom's choices: the steps to run, the first one, optional ones; parameters and paths as ``NAME=VALUE``.

    ``extra`` are arguments for the one step that is named; with ``in_place`` steps run in the project's own folder.
    """

    steps: tuple[str, ...] = ()
    first: str | None = None
    include: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    extra: str | None = None
    in_place: bool = False
