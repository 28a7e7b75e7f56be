"""Which steps of a file are part of the run: Loom's ``--step``, ``--group``, ``--from`` and ``--include``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.names import did_you_mean
from translator.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.diagnostics import Diagnostics
    from translator.dialects.loom import model
    from translator.settings import Settings


def select(entries: Sequence[tuple[str, model.Step]], settings: Settings, diagnostics: Diagnostics) -> list[model.Step]:
    """The steps that are part of the run, in the order of the file.

    A step that is named runs whatever its flags are; one that is disabled does not run else, an optional one only where
    somebody includes it.

    Args:
        entries: all steps, each with the name by which the command line knows it: the group's for ``multi_pass``.
        settings: what the command line asks for.
        diagnostics: receives a note for each step that is left out.

    Raises:
        SettingsError: there is no such step.
    """
    known = list(dict.fromkeys(name for name, _ in entries))
    for asked in (*settings.steps, *((settings.first,) if settings.first else ()), *settings.include):
        if asked not in known:
            raise SettingsError(f"there is no step {asked!r}", did_you_mean(asked, known, "steps"))
    if settings.steps:
        wanted = set(settings.steps)
        return [replace(step, optional=False, disabled=False) for name, step in entries if name in wanted]
    chosen: list[model.Step] = []
    started = settings.first is None
    for name, step in entries:
        started = started or name == settings.first
        if not started:
            continue
        if step.disabled:
            diagnostics.note("disabled-step", f"step {step.name!r} is disabled; it is left out", step.span)
            continue
        chosen.append(step)
    return chosen
