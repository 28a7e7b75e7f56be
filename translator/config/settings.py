"""Define settings: values of a configuration file with their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from translator.source import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.ir import Json
    from translator.span import Span

Path: TypeAlias = tuple[str, ...]
"""The path of a key: ``("airflow", "queue")``."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of the configuration: where it stands, and the table that it is in, as TOML writes it.

    ``weak``: what the pipeline file says is stronger.
    """

    value: Json
    span: Span
    level: str
    weak: bool = False


Settings: TypeAlias = "Mapping[Path, Setting]"


def settings_by_name(settings: Settings) -> dict[str, Setting]:
    """Return settings by the dotted names of their keys."""
    return {dotted(path): one for path, one in settings.items()}
