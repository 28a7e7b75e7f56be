"""Define the errors that flows raise."""

from __future__ import annotations

from translator.shim.errors import TranslatorError
from translator.shim.store import StoreError


class OutsideRunError(TranslatorError, RuntimeError):
    """A call that only works within a run, a node or a branch."""


class TokenError(TranslatorError, TypeError):
    """A token that does not fit the function that it is passed to."""


class StepError(TranslatorError, TypeError):
    """A step that a job cannot run in the requested way."""


class RunFailedError(TranslatorError):
    """A failed run; the flow raises it, so that Prefect's own rules (retries, automations, hooks) apply."""


class BlockError(StoreError):
    """A block that does not exist, or whose fields are not those of its type."""
