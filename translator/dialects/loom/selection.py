"""Select the steps of a run: Loom's ``--step``, ``--group``, ``--from`` and ``--include``, and ``--to``.

``--from`` and ``--to`` follow the order of the file, as Loom does, not that of the data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.dialects.choices import ChoiceError
from translator.dialects.loom import model
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.diagnostics import Diagnostics
    from translator.dialects.loom.choices import LoomChoices


def select(
    entries: Sequence[tuple[str, model.Step]], choices: LoomChoices, diagnostics: Diagnostics
) -> list[model.Step]:
    """Return the steps that are part of the run, in the order of the file.

    A named step runs whatever its flags are. Otherwise, a disabled step does not run, and an optional step only if it
    is included.

    Args:
        entries: all steps, each with its name on the command line: for ``multi_pass``, that of the group.
        choices: the options of the command line.
        diagnostics: receives a note for each step that is left out.

    Raises:
        ChoiceError: the step or group does not exist.
    """
    known = list(dict.fromkeys(name for name, _ in entries))
    choices_by_option = [("--step", name) for name in choices.steps]
    choices_by_option += [("--from", choices.first)] if choices.first is not None else []
    choices_by_option += [("--to", choices.last)] if choices.last is not None else []
    choices_by_option += [("--include", name) for name in choices.include]
    for option, one in choices_by_option:
        if one not in known:
            raise ChoiceError(f"{option} {one}: there is no step {one!r}", did_you_mean(one, known, "steps"))
    wanted = set(choices.steps)
    if choices.group is not None:
        wanted = _members(entries, choices.group)
    if wanted:
        chosen = [replace(step, optional=False, disabled=False) for name, step in entries if name in wanted]
        if all(step.kind == model.SWITCH for step in chosen):
            raise ChoiceError(f"a switch cannot run on its own: {', '.join(step.name for step in chosen)}")
        return chosen
    first = known.index(choices.first) if choices.first is not None else 0
    last = known.index(choices.last) if choices.last is not None else len(known)
    if first > last:
        message = f"--from {choices.first} --to {choices.last}: {choices.last!r} is listed before {choices.first!r}"
        raise ChoiceError(message, "exchange them")
    between = set(known[first : last + 1])
    chosen = []
    for name, step in entries:
        if name not in between:
            continue
        if step.disabled:
            diagnostics.note("disabled-step", f"step {step.name!r} is disabled and left out", step.span)
            continue
        chosen.append(step)
    return chosen


def _members(entries: Sequence[tuple[str, model.Step]], group: str) -> set[str]:
    """Return the names of the steps of a group on the command line."""
    groups: dict[str, set[str]] = {}
    for name, step in entries:
        own = name if step.name != name or step.kind == model.COLLECT else step.group
        if own is not None:
            groups.setdefault(own, set()).add(name)
    if group not in groups:
        raise ChoiceError(f"--group {group}: there is no group {group!r}", did_you_mean(group, groups, "groups"))
    return groups[group]
