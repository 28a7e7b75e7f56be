"""What is raised for a user: a message and, where there is one, a hint."""

from __future__ import annotations


class TranslatorError(Exception):
    """An error whose message is for the user; ``hint`` says what would have been right."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n  {hint}")
