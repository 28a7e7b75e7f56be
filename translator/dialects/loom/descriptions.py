"""Describe the parameters of a run for forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator import ir
    from translator.dialects.loom import model
    from translator.dialects.loom.steps import Lowered

_MANY = 3
"""The maximum number of steps that a description lists."""


Uses: TypeAlias = "Mapping[str, dict[str, None]]"
"""The steps that write each data node, or those that read it."""


def uses(lowered: Sequence[Lowered]) -> tuple[Uses, Uses]:
    """Return the steps that write each data node, and those that read it."""
    writers: dict[str, dict[str, None]] = {}
    read: dict[str, dict[str, None]] = {}
    for one in lowered:
        for by_data, named in ((writers, one.writes), (read, one.reads)):
            for use in named:
                if use.data is not None:
                    by_data.setdefault(use.data, {})[one.source.name] = None
    return writers, read


def described(node: model.DataNode, written: Uses, read: Uses) -> str:
    """Describe a data node for a form: its description, and the steps that write and read it."""
    uses_by_verb = (("written by", written.get(node.name)), ("read by", read.get(node.name)))
    parts = [f"{verb} {listed(list(steps))}" for verb, steps in uses_by_verb if steps]
    sentence = "; ".join(parts)
    sentence = f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""
    own = (node.description or "").strip()
    return f"{own if own.endswith(('.', '!', '?')) else f'{own}.'} {sentence}".strip() if own else sentence


def switched(gates: Mapping[str, tuple[ir.Gate, ...]]) -> dict[str, dict[bool, list[str]]]:
    """Return the parameters that switches depend on, each with the steps that run if it is true, and if it is false."""
    steps_by_parameter: dict[str, dict[bool, list[str]]] = {}
    for step, all_of_it in gates.items():
        for gate in all_of_it:
            if gate.parameter and not gate.excludes:
                steps_by_parameter.setdefault(gate.parameter, {}).setdefault(gate.expected, []).append(step)
    return steps_by_parameter


def switch_text(steps: Mapping[bool, Sequence[str]]) -> str:
    """Return what a parameter of a switch decides: which steps run if it is true, and if it is false."""
    sides = [
        f"if {'true' if value else 'false'}, {listed(steps[value])} {'runs' if len(steps[value]) == 1 else 'run'}"
        for value in (True, False)
        if value in steps
    ]
    text = "; ".join(sides)
    return f"{text[0].upper()}{text[1:]}."


def listed(steps: Sequence[str]) -> str:
    """List some steps in a sentence."""
    return ", ".join(steps) if len(steps) <= _MANY else f"{steps[0]} and {len(steps) - 1} others"
