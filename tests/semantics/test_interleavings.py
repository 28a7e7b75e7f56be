"""Test the rules against time: a simulator lets events happen one by one, in random orders.

The simulator knows neither sets nor the concepts of the rules. Executions start, end, fail and are stopped, and only
what is known at that moment decides what may happen next. The rules must allow each result, and for small pipelines
the simulator must reach each result that the rules allow.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.semantics.pipelines import node, pipeline
from translator import ir
from translator.ir import OnChildError, OnError
from translator.semantics import Attempt, Failure, Rules, disagreements, failing, predict
from translator.shim.contract import State
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import node_states, run_state

STOPPERS = (OnError.STOP_ALL, OnError.RETRY)


@dataclass
class Sim:
    """A run as it goes: for each started node its executions' states (None: not ended) and tries begun."""

    rules: Rules
    random: random.Random
    states: dict[str, list[State | None]] = field(default_factory=dict)
    tries: dict[str, list[int]] = field(default_factory=dict)
    ended: dict[str, State] = field(default_factory=dict)
    stop: bool = False
    halted: set[str] = field(default_factory=set)  # nodes that stop their own executions

    def errors(self, name):
        return self.states[name].count(State.ERROR)

    def may_follow(self, name):
        """Return whether the nodes after an ended node continue."""
        rule = self.rules.nodes[name].policy.on_error
        if self.ended.get(name) is State.COMPLETE:
            return True
        if self.ended.get(name) is not State.ERROR or rule is not OnError.CONTINUE:
            return False
        child = self.rules.nodes[name].policy.on_child_error
        return isinstance(self.rules.nodes[name], ir.ExecutionNode) or (child is not None and child.endswith("-error"))

    def actions(self):
        """Return everything that may happen now."""
        for name, plan in self.rules.nodes.items():
            before = self.rules.upstream[name]
            if name not in self.states:
                if not self.stop and all(u in self.ended and self.may_follow(u) for u in before):
                    yield ("start", name, len(plan.grid.axes[0].values) if isinstance(plan, ir.TaskNode) else 1)
                continue
            for index, state in enumerate(self.states[name]):
                if state is None:
                    halting = self.stop or name in self.halted
                    if self.tries[name][index] or not halting:
                        yield ("try", name, index)
                    if halting:
                        yield ("cut", name, index)

    def act(self, action, name, number):
        policy = self.rules.nodes[name].policy
        if action == "start":
            self.states[name], self.tries[name] = [None] * number, [0] * number
        elif action == "cut":
            self.states[name][number] = State.STOPPED
        elif self.tries[name][number] == 0 and self.random.random() < 0.5:
            self.tries[name][number] = 1  # begun, not ended: a stop may come before its end
            return
        else:
            running = max(1, self.tries[name][number])
            self.tries[name][number] = running
            ending = self.rules.oracle(Attempt(name, number, running, {}))
            if ending.state is State.COMPLETE or running == policy.tries:
                self.states[name][number] = ending.state
                self.failed(name, ending.state)
            elif self.stop or name in self.halted:
                self.states[name][number] = self.random.choice([State.STOPPED, State.ERROR])
            else:
                self.tries[name][number] = running + 1
        if None not in self.states[name] and name not in self.ended:
            self.end(name)

    def failed(self, name, state):
        policy = self.rules.nodes[name].policy
        if state is not State.ERROR:
            return
        if policy.on_child_error is OnChildError.STOP_ALL_AND_ERROR:
            self.halted.add(name)
        if policy.on_child_error in (None, OnChildError.STOP_ALL_AND_ERROR) and policy.on_error in STOPPERS:
            self.stop = True

    def end(self, name):
        policy, states = self.rules.nodes[name].policy, self.states[name]
        any_error = State.ERROR in states
        lenient = policy.on_child_error is OnChildError.CONTINUE_AND_COMPLETE or (
            policy.on_child_error is None and policy.on_error is OnError.CONTINUE
        )
        if isinstance(self.rules.nodes[name], ir.TaskNode) and lenient:
            if State.STOPPED in states:
                self.ended[name] = State.STOPPED
            elif State.COMPLETE in states:
                self.ended[name] = State.COMPLETE
            else:
                self.ended[name] = State.ERROR
        elif any_error:
            self.ended[name] = State.ERROR
        else:
            self.ended[name] = State.STOPPED if State.STOPPED in states else State.COMPLETE
        if self.ended[name] is State.ERROR and policy.on_error in STOPPERS:
            self.stop = True

    def document(self):
        while actions := list(self.actions()):
            self.act(*self.random.choice(actions))
        failed = any(s is State.ERROR and not self.may_follow(n) for n, s in self.ended.items())
        states: dict[str, State] = dict(self.ended)
        for name in self.rules.order:  # what never started
            if name not in states:
                skip = any(
                    states[u] is State.SKIPPED
                    or (
                        states[u] is State.ERROR
                        and self.rules.nodes[u].policy.on_error not in STOPPERS
                        and not self.may_follow(u)
                    )
                    for u in self.rules.upstream[name]
                )
                states[name] = State.SKIPPED if skip else State.STOPPED
        return {
            "state": State.ERROR if failed else State.COMPLETE,
            "nodes": {
                name: {
                    "kind": "task" if isinstance(plan, ir.TaskNode) else "execution",
                    "state": states[name],
                    "executions": [
                        {
                            "index": i,
                            "state": s,
                            "tries": self.tries[name][i] or (s is not State.STOPPED),
                            "parameters": {"x": i},
                        }
                        for i, s in enumerate(self.states.get(name, []))
                    ],
                }
                for name, plan in self.rules.nodes.items()
            },
        }


def simulated(rules, seed):
    return Sim(rules, random.Random(seed)).document()  # noqa: S311  chance is not a secret here


RULES = ["stop-all", "stop-next", "continue", "retry"]
CHILD_RULES = [f"{on}{child}" for on in RULES for child in ("", *(f"/{c}" for c in OnChildError))]


@st.composite
def plans(draw):
    count = draw(st.integers(2, 6))
    nodes, edges, failures = [], [], []
    for i in range(count):
        width = draw(st.sampled_from([None, None, 1, 2, 3]))
        rule = draw(st.sampled_from(RULES if width is None else CHILD_RULES))
        nodes.append(node(f"n{i}", rule, width))
        edges += [f"n{j} -> n{i}" for j in range(i) if draw(st.sampled_from([True, False, False]))]
        failing_ones = [index for index in range(width or 1) if draw(st.sampled_from([True, False, False]))]
        failures += [Failure(f"n{i}", index, draw(st.sampled_from([None, None, 1, 2]))) for index in failing_ones]
    return pipeline(nodes, edges), failures


def allowed(prediction, document):
    """Describe where a document leaves the sets of a prediction."""
    for name, record in document["nodes"].items():
        expected = prediction.nodes[name]
        if record["state"] not in expected.states or len(record["executions"]) not in expected.counts:
            yield f"{name}: {record} not in {expected}"
        for execution in record["executions"]:
            one = expected.executions[execution["index"]]
            if execution["state"] not in one.states or not one.tries[0] <= execution["tries"] <= one.tries[1]:
                yield f"{name}[{execution['index']}]: {execution} not in {one}"
    if document["state"] not in prediction.states:
        yield f"run: {document['state']} not in {prediction.states}"


@settings(max_examples=300)
@given(plans(), st.integers(0, 2**32))
def test_whatever_happens_is_allowed(plan, seed):
    rules = Rules(plan[0], oracle=failing(plan[1]))
    prediction = predict(rules)
    for turn in range(5):
        document = simulated(rules, seed + turn)
        assert disagreements(rules, document) == []
        assert list(allowed(prediction, document)) == []


ALL_COMES_UP = {
    "one trigger": ([node("a"), node("t", width=2), node("b"), node("c")], ["a -> t", "t -> b", "a -> c"], [("t", 0)]),
    "two triggers": ([node("a"), node("b"), node("c"), node("d")], ["a -> c", "b -> d"], [("a", 0), ("b", 0)]),
    "a stop-next beside": ([node("a", "stop-next", 2), node("b"), node("t")], ["a -> b"], [("a", 0), ("t", 0)]),
    "cut before any completes": (
        [node("a", "continue/continue-and-error", 2), node("b"), node("t")],
        ["a -> b"],
        [("a", 0), ("t", 0)],
    ),
    "siblings stopped": (
        [node("a", "continue/stop-all-and-error", 3), node("b"), node("c", "stop-next")],
        ["a -> b", "b -> c"],
        [("a", 1)],
    ),
    "siblings stopped, two failing": (
        [node("a", "continue/stop-all-and-error", 3), node("b", "retry")],
        ["a -> b"],
        [("a", 0), ("a", 1), ("b", 0)],
    ),
    "retry": ([node("a", "retry", 2), node("b", "retry"), node("c")], ["b -> c"], [("a", 0), ("b", 0)]),
}


@pytest.mark.parametrize(("nodes", "edges", "failures"), ALL_COMES_UP.values(), ids=ALL_COMES_UP.keys())
def test_every_allowed_result_occurs(nodes, edges, failures):
    rules = Rules(pipeline(nodes, edges), oracle=failing(Failure(*f) for f in failures))
    prediction = predict(rules)
    seen: set[tuple[object, ...]] = set()
    for seed in range(3000):
        document = simulated(rules, seed)
        seen.add(("run", document["state"]))
        for name, record in document["nodes"].items():
            seen.add((name, record["state"]))
            seen.add((name, "count", len(record["executions"])))
            seen |= {(name, e["index"], e["state"]) for e in record["executions"]}
    expected: set[tuple[object, ...]] = {("run", s) for s in prediction.states}
    for name, n in prediction.nodes.items():
        expected |= {(name, s) for s in n.states} | {(name, "count", c) for c in n.counts}
        expected |= {(name, e.index, s) for e in n.executions for s in e.states}
    assert seen == expected


def forged(document, **changes):
    """Return the document with another value of ``node__key`` or ``node__index__key``."""
    for path, value in changes.items():
        name, *rest = path.split("__")
        record = document["nodes"][name]
        if len(rest) == 1:
            record[rest[0]] = value
        else:
            record["executions"][int(rest[0])][rest[1]] = value
    return document


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"a__state": "stopped"}, "a: stopped, expected complete"),
        ({"t__0__state": "complete"}, r"t: \[0\]: state 'complete', expected error|t: \[0\]: state"),
        ({"t__1__tries": 2}, r"t: \[1\]: tries 2, expected 1"),
        ({"t__1__parameters": {"x": 7}}, r"t: \[1\]: parameters \{'x': 7\}"),
        ({"b__state": "stopped"}, "b: stopped, expected skipped"),
        ({"b__executions": [{"index": 0, "state": "complete", "tries": 1}]}, "b: 1 executions, expected 0"),
        ({"c__state": "error"}, "c: error, expected complete"),
        ({"t__kind": "execution"}, "t: kind execution, expected task"),
    ],
)
def test_impossible_results_are_reported(changes, complaint):
    plan = pipeline([node("a"), node("t", "stop-next", 2), node("b"), node("c")], ["a -> t", "t -> b", "a -> c"])
    rules = Rules(plan, oracle=failing([Failure("t", 0)]))
    document = simulated(rules, 0)
    assert disagreements(rules, document) == []
    with pytest.raises(AssertionError, match=complaint):
        assert disagreements(rules, forged(document, **changes)) == []


def test_a_wrong_run_state_or_list_of_nodes_is_reported():
    rules = Rules(pipeline([node("a"), node("b")]))
    document = simulated(rules, 0)
    assert disagreements(rules, {**document, "state": "error"}) == ["run: error, expected complete"]
    del document["nodes"]["a"]
    assert disagreements(rules, document) == ["nodes are ['b'], not ['a', 'b']"]


@settings(max_examples=200)
@given(plans(), st.integers(0, 2**32))
def test_the_outcome_at_run_time_agrees(plan, seed):
    """``translator.shim.outcome.run_record`` must derive from the states of executions what the rules say."""
    rules = Rules(plan[0], oracle=failing(plan[1]))
    nodes = [
        NodePlan(
            name,
            "task" if isinstance(one, ir.TaskNode) else "execution",
            one.policy.on_error.value,
            one.policy.on_child_error.value if one.policy.on_child_error else None,
            rules.upstream[name],
        )
        for name, one in rules.nodes.items()
    ]
    document = simulated(rules, seed)
    executions = {name: [e["state"] for e in record["executions"]] for name, record in document["nodes"].items()}
    states = node_states(nodes, executions)
    assert states == {name: record["state"] for name, record in document["nodes"].items()}
    assert run_state(nodes, states, executions) == document["state"]
