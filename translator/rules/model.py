"""Define what a rule is: what a diagnostic code means, what to do, and an example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True, slots=True)
class Example:
    """A small file that has the finding, and no other finding except that images are ignored.

    ``files`` are other files of its directory, ``arguments`` those of ``translate``, in which FILE stands for its name.
    """

    text: str
    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("check", "FILE")


@dataclass(frozen=True, slots=True)
class Rule:
    """A diagnostic code and what it means; a ``*`` at its end stands for what the finding is about.

    ``severities`` are those that findings can have, ``target`` names the only target that reports the code.
    """

    code: str
    severities: tuple[str, ...]
    meaning: str
    remedy: str
    example: Example | None = None
    target: str | None = None

    @property
    def can_be_ignored(self) -> bool:
        """Whether not all of its findings are errors, which prevent translation."""
        return self.severities != (ERROR,)
