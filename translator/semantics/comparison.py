"""Check that the rules allow a real run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from translator.ir import Effect, Event, OnError
from translator.nodes import kind
from translator.semantics import actions
from translator.semantics.results import Execution, Fired, Result, ends_task, settle, stopped, stops_siblings
from translator.shim.contract import State
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.semantics.rules import Rules


def disagreements(rules: Rules, document: Mapping[str, Any]) -> list[str]:
    """Describe what in a ``run.json`` contradicts the specification.

    It follows the run in order, and judges each node by the actual states of its upstream nodes. So it checks
    combinations of states, which the sets of a prediction cannot.
    """
    records: Mapping[str, Mapping[str, Any]] = document["nodes"]
    if list(records) != list(rules.nodes):
        return [f"nodes are {list(records)}, not {list(rules.nodes)}"]
    stopping = any(_ends_run(record) for record in records.values()) or any(
        record["state"] == State.ERROR
        and rules.nodes[name].policy.on_error in (OnError.STOP_ALL, OnError.RETRY)
        and (not record["executions"] or _has_failed(record["executions"], rules.nodes[name].policy.tries))
        for name, record in records.items()
    )
    before: dict[str, Result] = {}
    wrong: list[str] = []
    for name in rules.order:
        before[name], problems = _followed(rules, name, records[name], before, stopping=stopping)
        wrong += [f"{name}: {line}" for line in problems]
    cut = any(r.ends is not None for r in before.values())
    expected = State.STOPPED if cut else State.COMPLETE
    if any(r.fails_run for r in before.values()):
        expected = State.ERROR
    if document["state"] != expected:
        wrong.append(f"run: {document['state']}, expected {expected}")
    return wrong


def _followed(
    rules: Rules, name: str, record: Mapping[str, Any], before: Mapping[str, Result], *, stopping: bool
) -> tuple[Result, list[str]]:
    """Return how a node really ended, and what the rules do not allow in it."""
    node = rules.nodes[name]
    wrong = [] if record["kind"] == kind(node) else [f"kind {record['kind']}, expected {kind(node)}"]
    seen: Sequence[Mapping[str, Any]] = record["executions"]
    result = rules.left_out(name, before)
    if result is None:
        result = free = rules.run(name, before)
        if not seen and stopping and record["state"] == State.STOPPED:
            fired = actions.prevented(node, _recorded(record, free))
            result = fired or Result(node, State.STOPPED, (), "never started", started=False)
        elif seen and len(seen) == len(result.executions):
            may_stop = stopping or (stops_siblings(node) and _has_failed(seen, node.policy.tries))
            may_skip = any(
                real["state"] == State.COMPLETE and ends_task(node, free)
                for real, free in zip(seen, result.executions, strict=True)
            )
            pairs = [
                _compared(real, free, may_stop=may_stop, may_skip=may_skip)
                for real, free in zip(seen, result.executions, strict=True)
            ]
            started = tuple(one for one in free.fired if one.when is Event.STARTING)
            settled = settle(node, tuple(execution for execution, _ in pairs))
            result = actions.ended(settled, started, rules.rejected)
            wrong += [f"[{execution.index}]: {line}" for execution, lines in pairs for line in lines]
        if stopping and (recorded := _recorded(record, free)) != result.fired:
            result = replace(result, fired=recorded)  # an action may not be evaluated any more once the run is stopped
    effects = [_as_document(one) for one in result.fired]
    if effects != record.get("actions", []):
        wrong.append(f"actions {record.get('actions')}, expected {effects}")
    if len(seen) != len(result.executions):
        wrong.append(f"{len(seen)} executions, expected {len(result.executions)}")
    if record["state"] != result.state:
        wrong.append(f"{record['state']}, expected {result.state} ({result.why})")
    return result, wrong


def _ends_run(record: Mapping[str, Any]) -> bool:
    ends = (Effect.STOP_PIPELINE, Effect.ERROR_PIPELINE)
    return any(one["then"] in ends or one.get("decision") == "rejected" for one in record.get("actions", ()))


def _recorded(record: Mapping[str, Any], free: Result) -> tuple[Fired, ...]:
    """Return the effects of actions that really took place, among those that the rules allow."""
    seen = record.get("actions", [])
    return tuple(one for one in free.fired if _as_document(one) in seen)


def _as_document(fired: Fired) -> dict[str, Any]:
    """Return the entry of an effect in ``run.json``."""
    decision = {} if fired.approved is None else {"decision": "approved" if fired.approved else "rejected"}
    return {"when": fired.when.value, "if": list(fired.conditions), "then": fired.then.value, **decision}


def _has_failed(executions: Sequence[Mapping[str, Any]], tries: int) -> bool:
    """Return whether one of the executions failed finally, not only between two attempts."""
    return any(e["state"] == State.ERROR and e["tries"] == tries for e in executions)


def _compared(
    real: Mapping[str, Any], free: Execution, *, may_stop: bool, may_skip: bool
) -> tuple[Execution, list[str]]:
    """Return how an execution ended, and where it differs from the rules."""
    if real["state"] == State.SKIPPED and may_skip:
        return replace(free, state=State.SKIPPED, tries=0, metadata={}, outputs=()), []
    if real["state"] == State.STOPPED and may_stop:
        wrong = [] if 0 <= real["tries"] <= free.tries else [f"{real['tries']} tries, expected at most {free.tries}"]
        return stopped(free), wrong
    if real["state"] == State.ERROR and may_stop and 0 < real["tries"] < free.tries:
        return replace(free, state=State.ERROR, tries=real["tries"], metadata={}, outputs=()), []
    # An execution that never began has left no record of its parameters.
    values = {} if free.state is State.SKIPPED else thawed(free.parameters)
    expected = {"index": free.index, "state": free.state, "tries": free.tries, "parameters": values}
    return free, [f"{key} {real[key]!r}, expected {value!r}" for key, value in expected.items() if real[key] != value]
