"""Predict all possible outcomes of a run: sets of states, because a stop races with running executions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import TYPE_CHECKING

from translator import ir
from translator.ir import Event, OnError
from translator.nodes import kind
from translator.semantics import actions
from translator.semantics.results import Execution, Result, ends_task, goes_on, settle, stopped, stops_siblings
from translator.shim.contract import State, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator.semantics.rules import Rules

WORLDS = 64
"""The maximum number of choices of stopped siblings to follow. Of a node beyond that, only all and none of them are
followed, and if those are too many as well, none."""


@dataclass(frozen=True, slots=True)
class ExecutionPrediction:
    """The possible outcomes of an execution; ``tries`` are the fewest and the most attempts."""

    index: int
    states: frozenset[State]
    tries: tuple[int, int]
    parameters: Mapping[str, Value]
    reason: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodePrediction:
    """The possible outcomes of a node; ``counts`` are the possible numbers of executions in its record."""

    name: str
    kind: str
    states: frozenset[State]
    executions: tuple[ExecutionPrediction, ...]
    counts: frozenset[int]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The possible outcomes of a run: the allowed states of the run, its nodes and their executions."""

    states: frozenset[State]
    nodes: Mapping[str, NodePrediction]


def predict(rules: Rules) -> Prediction:
    """Return all possible outcomes of the run."""
    scenarios = [s for world in _worlds(rules) for s in _scenarios(rules, world)]
    nodes = {
        name: _union([scenario[0][name] for scenario in scenarios]) for name in (n.name for n in rules.pipeline.nodes)
    }
    return Prediction(frozenset(state for _, state in scenarios), nodes)


def _worlds(rules: Rules) -> list[dict[str, Result]]:
    """Return runs in which no node stops another, one per choice of siblings stopped by rule 10."""
    worlds: list[dict[str, Result]] = [{}]
    for name in rules.order:
        followed = []
        for world in worlds:
            result = rules.left_out(name, world)
            if result is not None:
                followed.append({**world, name: result})
                continue
            result = rules.run(name, world)
            few = len(worlds) * 2 ** len(result.executions) > WORLDS
            choices = _sibling_choices(result, rules.rejected, extremes=few)
            followed += [{**world, name: r} for r in (choices if len(worlds) <= WORLDS else choices[:1])]
        worlds = followed
    return worlds


def _scenarios(rules: Rules, world: Mapping[str, Result]) -> Iterator[tuple[Mapping[str, NodePrediction], State]]:
    """Yield a prediction per node that may be the first to stop the run, or the only one if none does."""
    triggers = [name for name in rules.order if world[name].stops_run]
    if not triggers:
        failed = any(r.fails_run for r in world.values())
        exact = {name: _exact(world[name]) for name in rules.order}
        yield exact, State.ERROR if failed else State.COMPLETE
    for first in triggers:
        ended = {first, *rules.ancestors(first)}
        predictions: dict[str, NodePrediction] = {}
        skips: dict[str, set[bool]] = {}
        for name in rules.order:
            result = world[name]
            may_skip = any(True in skips[u] for u in rules.upstream[name])
            if name in ended or result.absent:
                predictions[name], skips[name] = _exact(result), {result.skips}
            elif not result.started:
                may_stop = all(False in skips[u] for u in rules.upstream[name])
                states = {s for s, may in ((State.SKIPPED, may_skip), (State.STOPPED, may_stop)) if may}
                why = result.why if may_skip else f"not run: {first} stops the run"
                predictions[name] = replace(_exact(result), states=frozenset(states), why=(why,))
                skips[name] = {state is State.SKIPPED for state in states}
            else:
                predictions[name] = _cut(result, first, may_skip=may_skip)
                skips[name] = {result.skips, False, may_skip}
        failed = any(world[name].fails_run for name in ended)
        if not failed:
            yield predictions, State.STOPPED
        if failed or any(name not in ended and _may_fail_run(world[name]) for name in rules.order):
            yield predictions, State.ERROR


def _may_fail_run(result: Result) -> bool:
    """Return whether a node makes the run fail if another node's stop comes late, or between two of its attempts."""
    between = any(e.tries > 1 for e in result.executions) and not goes_on(result.node)
    return (result.started and (result.fails_run or between)) or result.ends is State.ERROR


def _sibling_choices(result: Result, rejected: frozenset[str], *, extremes: bool) -> list[Result]:
    """Return a result per choice of executions that a failure in their node stopped, if downstream nodes continue."""
    node = result.node
    errors = [e.index for e in result.executions if e.state is State.ERROR]
    if not errors or not stops_siblings(node) or node.policy.on_error is not OnError.CONTINUE:
        return [result]
    picks: Iterable[Sequence[bool]] = product([False, True], repeat=len(result.executions))
    if extremes:
        picks = [[False] * len(result.executions), [e.index != errors[0] for e in result.executions]]
    choices = []
    for cut in picks:
        if all(cut[index] for index in errors):
            continue
        executions = tuple(stopped(e) if cut[e.index] else e for e in result.executions)
        started = tuple(one for one in result.fired if one.when is Event.STARTING)
        choices.append(actions.ended(settle(node, executions), started, rejected))
    return choices


def _exact(result: Result) -> NodePrediction:
    """Return the prediction of a node that finished; a failure in it may still have stopped siblings."""
    errors = [e for e in result.executions if e.state is State.ERROR]
    racing = bool(errors) and stops_siblings(result.node) and isinstance(result.node, ir.TaskNode)
    ending = [e for e in result.executions if ends_task(result.node, e)]
    executions = []
    for e in result.executions:
        may_stop = racing and not (len(errors) == 1 and e.state is State.ERROR)
        states = _cut_states(e) if may_stop else frozenset({e.state})
        if ending and ending != [e]:  # another one may end the task before it starts
            states |= {State.SKIPPED}
        fewest = 0 if states & {State.STOPPED, State.SKIPPED} else e.tries
        executions.append(
            ExecutionPrediction(e.index, states, (fewest, e.tries), e.parameters, e.reason, e.environment)
        )
    return NodePrediction(
        result.node.name,
        kind(result.node),
        frozenset({result.state}),
        tuple(executions),
        frozenset({len(executions)}),
        (result.why, *_end_of_task(result)),
    )


def _end_of_task(result: Result) -> Iterator[str]:
    """Yield when a task starts no more executions."""
    condition = result.node.policy.stop_condition
    if condition is not None and len(result.executions) > 1:
        yield f"no more executions start once {condition}"


def _cut_states(execution: Execution) -> frozenset[State]:
    """Return the possible states of an execution that a stop may interrupt, even between attempts (rule 11)."""
    between = {State.ERROR} if execution.tries > 1 else set()
    return frozenset({execution.state, State.STOPPED} | between)


def _cut(result: Result, trigger: str, *, may_skip: bool) -> NodePrediction:
    """Return the prediction of a node that another node's stop may have interrupted, or prevented from starting."""
    exact = _exact(result)
    executions = tuple(
        replace(shown, states=shown.states | _cut_states(e), tries=(0, shown.tries[1]))
        for shown, e in zip(exact.executions, result.executions, strict=True)
    )
    states = exact.states | {State.STOPPED} | ({State.SKIPPED} if may_skip else set())
    return replace(
        exact,
        states=states | ({State.ERROR} if any(e.tries > 1 for e in result.executions) else set()),
        executions=executions,
        counts=exact.counts | {0},
        why=(*exact.why, f"or interrupted: {trigger} stops the run"),
    )


def _union(predictions: Sequence[NodePrediction]) -> NodePrediction:
    executions: dict[int, ExecutionPrediction] = {}
    for e in chain.from_iterable(p.executions for p in predictions):
        known = executions.get(e.index, e)
        tries = (min(e.tries[0], known.tries[0]), max(e.tries[1], known.tries[1]))
        executions[e.index] = replace(known, states=known.states | e.states, tries=tries)
    return NodePrediction(
        predictions[0].name,
        predictions[0].kind,
        frozenset().union(*(p.states for p in predictions)),
        tuple(executions[index] for index in sorted(executions)),
        frozenset().union(*(p.counts for p in predictions)),
        tuple(dict.fromkeys(chain.from_iterable(p.why for p in predictions))),
    )
