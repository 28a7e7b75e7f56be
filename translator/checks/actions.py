"""Check the actions of nodes: the expressions of their conditions, and what can never take effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.names import did_you_mean
from translator.nodes import step_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.diagnostics import Diagnostics
    from translator.span import Span

_ENDS = (ir.Effect.STOP_PIPELINE, ir.Effect.ERROR_PIPELINE)


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Check the actions of all nodes; see ``translator.checks.check``."""
    for node in step_nodes(pipeline).values():
        for action in node.policy.actions:
            for condition, place in zip(action.conditions, action.spans, strict=True):
                if _check_condition(condition, place, node, diagnostics) and ir.Event.STARTING in action.when:
                    _check_start(condition, place, node.step, pipeline.dialect, action, diagnostics)
            _check_effects(action, diagnostics)


def _check_condition(condition: str, place: Span, node: ir.StepNode, diagnostics: Diagnostics) -> bool:
    """Report what is wrong with a condition; return whether it is valid."""
    from translator.shim.actions.conditions import METADATA, PARAMETER, ConditionError, names  # few nodes have actions

    try:
        used = names(condition)
    except ConditionError as error:
        example = "compare a value with one operator: metadata.accuracy < 0.9"
        diagnostics.error("bad-condition", f"the condition {condition!r} is invalid: {error}", place, hint=example)
        return False
    valid = True
    parameters = [parameter.name for parameter in node.step.parameters]
    for name in used:
        if name[-1] == "()":
            message = f"conditions have no function {name[0]!r}; the functions are 'abs', 'min' and 'max'"
            diagnostics.error("bad-condition", message, place)
        elif name[0] not in (METADATA, PARAMETER) or len(name) == 1:
            message = f"a condition cannot use {'.'.join(name)!r}: write 'metadata.KEY' or 'parameter.NAME'"
            diagnostics.error("bad-condition", message, place, hint=_source_hint(name, parameters))
        elif name[0] == PARAMETER and ".".join(name[1:]) not in parameters:
            message = f"node {node.name!r} has no parameter {'.'.join(name[1:])!r}"
            nearest = did_you_mean(".".join(name[1:]), parameters, "its parameters")
            diagnostics.error("unknown-parameter", message, place, hint=nearest)
        else:
            continue
        valid = False
    return valid


def _check_start(  # noqa: PLR0913, PLR0917 - what a condition depends on
    condition: str, place: Span, step: ir.Step, dialect: str, action: ir.Action, diagnostics: Diagnostics
) -> None:
    """Warn of metadata in a condition that is evaluated before the node can have printed any."""
    from translator.runtime import lower_step
    from translator.shim.actions.conditions import METADATA, PARAMETER, ConditionError, holds, names
    from translator.shim.parameters import visible

    sources = {name[0] for name in names(condition)}
    if METADATA not in sources:
        return
    try:
        is_met = holds(condition, metadata={}, parameters=visible(lower_step(step, dialect), {}))
    except ConditionError:
        is_met = False
    if PARAMETER in sources:
        verdict = "holds with the default parameters" if is_met else "does not hold with the default parameters"
    else:
        verdict = "always holds" if is_met else "never holds"
    message = f"metadata is always missing at 'node-starting': there, {condition!r} {verdict}"
    only = len(action.when) == 1
    hint = "use 'node-complete' of the node that prints it" if only else "remove 'node-starting' from 'when'"
    diagnostics.warning("no-metadata", message, place, hint=hint)


def _source_hint(name: Sequence[str], parameters: Sequence[str]) -> str | None:
    from translator.shim.actions.conditions import METADATA, PARAMETER

    constant = {"true": "True", "false": "False", "null": "None", "none": "None"}.get(name[0].lower())
    if constant is not None and len(name) == 1:
        return f"did you mean {constant}?"
    if len(name) == 1:
        source = PARAMETER if name[0] in parameters else METADATA
        return f"did you mean '{source}.{name[0]}'?"
    return did_you_mean(name[0], (METADATA, PARAMETER))


def _check_effects(action: ir.Action, diagnostics: Diagnostics) -> None:
    """Report an action without events or effects, and effects after one that ends the run."""
    for key, items in (("when", action.when), ("then", action.then)):
        if not items:
            diagnostics.warning("no-effect", f"the action has no effect: {key!r} is empty", action.span)
    ends = next((effect for effect in action.then if effect in _ENDS), None)
    if ends is not None and action.then[-1] is not ends:
        later = ", ".join(repr(effect.value) for effect in action.then[action.then.index(ends) + 1 :])
        message = f"{later} has no effect: {ends.value!r} ends the run"
        diagnostics.warning("no-effect", message, action.span)
