"""Errors of flows that use this package otherwise than generated flows do; the messages are for their authors."""

from __future__ import annotations


class OutsideRunError(RuntimeError):
    """A call that only works within a run, a node or a branch."""


class TokenError(TypeError):
    """A token that does not fit the function that it is passed to."""


class StepError(TypeError):
    """A step that a job cannot run in the way that it is asked to."""
