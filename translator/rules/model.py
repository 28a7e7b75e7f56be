"""Define what a rule is: what a diagnostic code means."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """A diagnostic code and what it means; a ``*`` at its end stands for what the finding is about.

    ``severities`` are those that findings can have, ``target`` names the only target that reports the code.
    """

    code: str
    severities: tuple[str, ...]
    meaning: str
    target: str | None = None

    @property
    def can_be_ignored(self) -> bool:
        """Whether not all of its findings are errors, which prevent translation."""
        return self.severities != (ERROR,)
