"""Define errors for users: a message and an optional hint."""

from __future__ import annotations


class TranslatorError(Exception):
    """An error with a message for the user; ``hint`` suggests a fix."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n  {hint}")
