"""Expand ``multi_pass``, a group of steps that runs several times, into plain steps.

Iteration ``i`` writes files with ``_iter<i>`` before their extension. As in Loom its steps run in the order of the
file, and one that fails ends the group; a condition between two iterations may end it early. At its end a step called
like the group brings the last iteration's files to the places that the file names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.loom import model
from translator.dialects.loom.expressions import ExpressionError, evaluate
from translator.dialects.loom.fields import count, keys, mapping, slots, text
from translator.dialects.loom.paths import suffixed
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.source import Located
    from translator.span import Span

MAX_ITERATIONS = 1000
"""More iterations than this are considered a mistake."""


def read_multi_pass(
    name: str, group: Located, steps: tuple[model.Step, ...], diagnostics: Diagnostics
) -> model.MultiPass | None:
    """Read a group with ``multi_pass``; None if it cannot run."""
    place = group.get("multi_pass")
    if place is None or place.entries is None:
        diagnostics.error("bad-type", "'multi_pass' must be a mapping", group.value_span("multi_pass"))
        return None
    keys(place, ("schedule", "expressions", "count", "condition", "feedback"), "'multi_pass'", diagnostics)
    for step in steps:
        if step.kind != model.TASK or step.loop is not None:
            what = "a loop" if step.loop is not None else f"a {step.kind}"
            message = f"Loom cannot run {what} inside 'multi_pass'"
            diagnostics.error("unsupported-in-multi-pass", message, step.span)
            return None
        if step.optional or step.disabled:
            word = "optional" if step.optional else "disabled"
            message = f"Loom runs step {step.name!r} in every iteration, although it is {word}"
            diagnostics.warning("ignored-flag", message, step.span)
    values = _values(place, diagnostics)
    if not values:
        return None
    condition = place.get("condition")
    check = None
    if condition is not None and condition.value is not None:
        script = text(condition, "script", diagnostics) if condition.entries is not None else None
        if not script:
            diagnostics.error("missing-key", "the condition of 'multi_pass' needs 'script'", condition.span)
            return None
        check = model.Step(
            name,
            condition.span,
            model.CONDITION,
            script,
            condition.value_span("script"),
            slots(condition, "inputs", diagnostics, paths=True),
            args=slots(condition, "args", diagnostics),
        )
    feedback = [
        (source, str(target.value), target.span) for source, target in mapping(place, "feedback", diagnostics).items()
    ]
    fine = all(_fits(source, target, span, steps, diagnostics) for source, target, span in feedback)
    return model.MultiPass(name, group.span, steps, tuple(values), check, tuple(feedback)) if fine else None


def _values(place: Located, diagnostics: Diagnostics) -> Sequence[Mapping[str, object]]:  # noqa: PLR0911 - one per fault
    schedule, expressions = place.get("schedule"), place.get("expressions")
    number = count(place, "count", diagnostics)
    if place.get("count") is not None and number is None:
        return ()
    if number is not None and number > MAX_ITERATIONS:
        message = f"more than {MAX_ITERATIONS} iterations"
        diagnostics.error("too-many-iterations", message, place.value_span("count"))
        return ()
    if schedule is not None and expressions is not None:
        message = "'multi_pass' has both 'schedule' and 'expressions'; remove one of them"
        diagnostics.error("bad-value", message, place.key_span("expressions"))
        return ()
    if schedule is not None:
        items = schedule.items or ()
        if not items or any(item.entries is None for item in items) or len(items) > MAX_ITERATIONS:
            message = "'schedule' must be a non-empty list of mappings of parameters"
            diagnostics.error("bad-type", message, schedule.span)
            return ()
        return [{str(name): value.value for name, value in (item.entries or {}).items()} for item in items]
    if expressions is None:
        return [{} for _ in range(number or 1)]
    if number is None:
        diagnostics.error("missing-key", "'expressions' need 'count', the number of iterations", expressions.span)
        return ()
    if not expressions.entries:
        message = "'expressions' must be a non-empty mapping of parameters"
        diagnostics.error("bad-type", message, expressions.span)
        return ()
    return _computed(mapping(place, "expressions", diagnostics), number, diagnostics)


def _computed(
    expressions: Mapping[str, Located], number: int, diagnostics: Diagnostics
) -> Sequence[Mapping[str, object]]:
    computed: list[Mapping[str, object]] = []
    for iteration in range(number):
        values: dict[str, object] = {}
        for name, place in expressions.items():
            if not isinstance(place.value, str):
                message = f"the expression of {name!r} must be a string"
                diagnostics.error("bad-expression", message, place.span, hint="quote it")
                return ()
            try:
                values[name] = evaluate(place.value, {"iter": iteration, **values})
            except ExpressionError as error:
                message = f"the expression of {name!r} in iteration {iteration}: {error}"
                diagnostics.error("bad-expression", message, place.span)
                return ()
        computed.append(values)
    return computed


def _fits(source: str, target: str, span: Span, steps: Sequence[model.Step], diagnostics: Diagnostics) -> bool:
    by_name = {step.name: step for step in steps}
    for end, what in ((source, "source"), (target, "target")):
        name, dot, flag = end.partition(".")
        if not dot or name not in by_name:
            message = f"the {what} of 'feedback', {end!r}, is not a STEP.FLAG of this group"
            diagnostics.error("bad-feedback", message, span, hint=did_you_mean(name, by_name, "its steps"))
            return False
        flags = [slot.name for slot in by_name[name].outputs]
        if what == "source" and flag not in flags:
            message = f"step {name!r} has no output {flag!r}"
            diagnostics.error("bad-feedback", message, span, hint=did_you_mean(flag, flags, "its outputs"))
            return False
    return True


def unroll(
    group: model.MultiPass, data: Mapping[str, model.DataNode]
) -> tuple[list[model.Step], dict[str, model.DataNode]]:
    """Return the steps of all iterations and of the end of the group, and the files of the iterations.

    Args:
        group: the group.
        data: the data nodes of the file.
    """
    names = list(
        dict.fromkeys(
            slot.reference for step in group.steps for slot in step.outputs if slot.reference and slot.reference in data
        )
    )
    files: dict[str, model.DataNode] = {}
    steps: list[model.Step] = []
    before: tuple[str, ...] = ()
    gates: tuple[ir.Gate, ...] = ()
    last = len(group.values) - 1
    for iteration, values in enumerate(group.values):
        own = {name: f"{name}_iter{iteration}" for name in names}
        for name, new in own.items():
            node = data[name]
            files[new] = data.get(new) or replace(
                node, name=new, path=suffixed(node.path, f"iter{iteration}"), internal=True
            )
        for step in group.steps:
            unrolled = _iteration(group, step, iteration, values, own)
            steps.append(replace(unrolled, gates=gates, after=before))
            before, gates = (unrolled.name,), ()
        if group.condition is not None:
            # Loom evaluates the condition after the last iteration, too: then only a failure matters.
            stop = f"{group.name}_stop_iter{iteration}"
            check = replace(
                group.condition,
                name=stop,
                inputs=tuple(_moved(slot, own) for slot in group.condition.inputs),
                group=f"{group.name} iteration {iteration}",
                after=before,
            )
            steps.append(check)
            before, gates = (stop,), (ir.Gate(expected=False, node=stop),)
    ends = tuple(f"{group.steps[-1].name}_iter{iteration}" for iteration in range(last + 1)) if group.steps else ()
    ended = model.Step(
        group.name,
        group.span,
        model.COLLECT,
        inputs=tuple(
            model.Slot(f"{name}_iter{iteration}", f"${name}_iter{iteration}", group.span)
            for iteration in range(last + 1)
            for name in names
        ),
        outputs=tuple(model.Slot(name, f"${name}", group.span) for name in names),
        after=(*ends, *(before if group.condition is not None else ())),
        options={"iterations": last + 1, "outputs": tuple(names)},
    )
    return [*steps, ended], files


def _iteration(
    group: model.MultiPass, step: model.Step, iteration: int, values: Mapping[str, object], own: Mapping[str, str]
) -> model.Step:
    inputs = {slot.name: _moved(slot, own) for slot in step.inputs}
    args = {
        slot.name: replace(slot, value=values[slot.reference])
        if slot.reference and slot.reference in values
        else _moved(slot, own)
        for slot in step.args
    }
    if iteration:
        by_name = {other.name: other for other in group.steps}
        for source, target, span in group.feedback:
            target_step, _, flag = target.partition(".")
            source_step, _, output = source.partition(".")
            if target_step != step.name:
                continue
            slot_of_output = next(slot for slot in by_name[source_step].outputs if slot.name == output)
            if slot_of_output.reference in own:
                fed = model.Slot(flag, f"${slot_of_output.reference}_iter{iteration - 1}", span)
                (inputs if flag in inputs else args)[flag] = fed
    return replace(
        step,
        name=f"{step.name}_iter{iteration}",
        inputs=tuple(inputs.values()),
        outputs=tuple(_moved(slot, own) for slot in step.outputs),
        args=tuple(args.values()),
        optional=False,
        disabled=False,
        group=f"{group.name} iteration {iteration}",
    )


def _moved(slot: model.Slot, own: Mapping[str, str]) -> model.Slot:
    return replace(slot, value=f"${own[slot.reference]}") if slot.reference and slot.reference in own else slot
