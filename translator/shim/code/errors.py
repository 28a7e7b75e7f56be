"""Define the error of code that a worker cannot have."""

from __future__ import annotations

from translator.shim.errors import TranslatorError


class CodeError(TranslatorError):
    """A project that this worker cannot have; the message says why."""


class UnreachableError(CodeError):
    """A repository that cannot be read now; another attempt may succeed."""
