"""Define the errors of flows that use this package differently from generated flows, for their authors."""

from __future__ import annotations

from translator.shim.errors import TranslatorError


class OutsideRunError(TranslatorError, RuntimeError):
    """A call that only works within a run, a node or a branch."""


class TokenError(TranslatorError, TypeError):
    """A token that does not fit the function that it is passed to."""


class StepError(TranslatorError, TypeError):
    """A step that a job cannot run in the requested way."""
