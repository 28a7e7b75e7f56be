"""Define the differences between the two dialects as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a dialect.

    ``prefix``, ``track`` and ``item`` name environment variables: of parameters, of metrics, and the one that holds the
    items of the maps around a step. ``environment_is_state``: parameters go into the step's environment under the
    prefix and come out of it, all names in lower case; else under their own names, and only what ``returns`` lists
    comes out. ``bare_shell``: a shell command sees nothing of the worker's environment. ``put_after_failure``: files go
    into the catalog even if the step fails, as far as they exist.
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
