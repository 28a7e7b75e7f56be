"""Define the differences between the two dialects as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a dialect.

    ``prefix``, ``track`` and ``item`` name environment variables: of parameters, of metrics, and of the items of the
    enclosing maps. ``environment_is_state``: parameters enter the step's environment with the prefix and are read
    back from it, with names in lower case; otherwise they enter with their own names, and only those in ``returns``
    are read back. ``bare_shell``: a shell command does not see the worker's environment. ``put_after_failure``:
    existing files enter the catalog even if the step fails.
    """

    prefix: str
    run: str
    track: str | None
    item: str | None
    environment_is_state: bool
    bare_shell: bool
    put_after_failure: bool


RULES = {
    "magnus": Rules(
        prefix="MAGNUS_PRM_",
        run="MAGNUS_RUN_ID",
        track="MAGNUS_TRACK_",
        item="MAGNUS_MAP_VARIABLE",
        environment_is_state=True,
        bare_shell=False,
        put_after_failure=False,
    ),
    "runnable": Rules(
        prefix="RUNNABLE_PRM_",
        run="RUNNABLE_RUN_ID",
        track=None,
        item=None,
        environment_is_state=False,
        bare_shell=True,
        put_after_failure=True,
    ),
}
