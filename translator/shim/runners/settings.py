"""Read the settings of a runner, and say what is wrong with them: what the runners with an image have in common.

This is also asked while translating, so it loads nothing of an engine or a cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from translator.shim.errors import TranslatorError
from translator.shim.runners import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.contract import Json
    from translator.shim.runners import Request

_Settings = TypeVar("_Settings")
Pull: TypeAlias = Literal["always", "missing", "never"]
PULL: tuple[Pull, ...] = ("missing", "always", "never")


class SettingsError(TranslatorError, ValueError):
    """Settings that are not valid; ``problems`` are for the user."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_values(
    settings: Mapping[str, Json], readers: Mapping[str, Callable[[Json], Any]], runner: str
) -> dict[str, Any]:
    """Return the values of settings as their readers return them.

    Args:
        settings: the settings.
        readers: by setting, a function that returns its value, or raises ValueError.
        runner: the name of the runner.

    Raises:
        SettingsError: some are unknown or not valid; it has all problems.
    """
    problems: list[str] = []
    read: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in readers:
            problems.append(f"the {runner} runner does not have the setting {name!r} (it has: {', '.join(readers)})")
            continue
        try:
            read[name] = readers[name](value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise SettingsError(problems)
    return read


def problems_of(read: Callable[[Mapping[str, Json]], object], settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings that a runner reads with ``read``."""
    try:
        read(settings)
    except SettingsError as error:
        return error.problems
    return ()


def settings_of(request: Request, read: Callable[[Mapping[str, Json]], _Settings], runner: str) -> _Settings:
    """Return the settings of an execution's runner.

    Raises:
        RunnerError: they are not valid.
    """
    try:
        return read(request.settings)
    except SettingsError as error:
        raise RunnerError(f"the settings of the {runner} runner are not valid: {error}") from error


def string(value: Json) -> str:
    """Return a string that is not blank; else raise ValueError, as all readers do."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a string, not {value!r}")
    return value


def megabytes(value: Json) -> int:
    """Return a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"expected a number of megabytes, not {value!r}")
    return value


def one_of(allowed: Sequence[str]) -> Callable[[Json], Json]:
    """Return a reader that accepts some strings."""

    def reader(value: Json) -> Json:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}, not {value!r}")
        return value

    return reader
