"""Hold the context of reading a file: the language, the diagnostics, and the open files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.dialects.controlflow.language import Language


@dataclass(slots=True)
class Count:
    """The number of included files so far, with repetitions."""

    files: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a graph; ``opened`` are the files that include it, the outermost first."""

    language: Language
    source: Source
    diagnostics: Diagnostics
    opened: tuple[Path, ...] = ()
    count: Count = field(default_factory=Count)
