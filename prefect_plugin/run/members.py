"""Tell the run of a pipeline that it is one of several, and which run it resumes."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect_plugin.run.run_state import Run


@dataclass(slots=True)
class Member:
    """A run among several.

    ``number`` counts from 0, ``resumes`` is the run whose complete executions it keeps. ``begun`` is called when the
    run has begun, which is ``run`` from then on.
    """

    number: int
    resumes: str | None
    begun: Callable[[Member], None]
    run: Run | None = None


_member: ContextVar[Member | None] = ContextVar("member", default=None)


def current_member() -> Member | None:
    """Return the member that the next run in this context is; None if there are no others."""
    member = _member.get()
    return member if member is not None and member.run is None else None


@contextlib.contextmanager
def enter_member(member: Member) -> Iterator[None]:
    """Make the run that begins in this context a member."""
    token = _member.set(member)
    try:
        yield
    finally:
        _member.reset(token)
