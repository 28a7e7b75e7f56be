"""Test the rules of actions: when they take effect, and what that does to the node and the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.semantics.pipelines import HERE, node, pipeline
from translator import ir
from translator.semantics import Ending, Failure, Rules, disagreements, failing, predict


def acting(named, *actions):
    """Return the node with actions: ``EVENT[,EVENT] [if CONDITION [& CONDITION]] EFFECT[,EFFECT]``."""
    read = []
    for text in actions:
        when, _, rest = text.partition(" ")
        conditions, _, then = rest.rpartition(" ")
        read.append(
            ir.Action(
                HERE,
                tuple(map(ir.Event, when.split(","))),
                tuple(map(ir.Effect, then.split(","))),
                tuple(conditions.removeprefix("if ").split(" & ")) if conditions else (),
            )
        )
    return replace(named, policy=replace(named.policy, actions=tuple(read)))


def printing(failures=(), **metadata):
    """Return an oracle: what fails, and the metadata by node, or by node and index in a list."""

    def ending(attempt):
        printed = metadata.get(attempt.node, {})
        return Ending(metadata=printed[attempt.index] if isinstance(printed, list) else printed)

    return failing(failures, ending)


def states(rules):
    prediction = predict(rules)
    shown = ["|".join(sorted(n.states)) for n in prediction.nodes.values()]
    return " ".join([*shown, "|".join(sorted(prediction.states))])


LOW = "node-complete if metadata.acc<0.9 stop-pipeline"
# the nodes, the edges, the oracle, the states of the nodes and of the run
CASES = {
    "a condition holds": (
        [acting(node("a"), LOW), node("b")],
        ["a -> b"],
        printing(a={"acc": 0.5}),
        "complete stopped stopped",
    ),
    "a condition does not hold": (
        [acting(node("a"), LOW), node("b")],
        ["a -> b"],
        printing(a={"acc": 0.95}),
        "complete complete complete",
    ),
    "metadata that nobody printed": ([acting(node("a"), LOW)], [], printing(), "complete complete"),
    "a number that is printed as a string": (
        [acting(node("a"), LOW)],
        [],
        printing(a={"acc": "0.5"}),
        "complete stopped",
    ),
    "values that cannot be compared": ([acting(node("a"), LOW)], [], printing(a={"acc": [1]}), "complete complete"),
    "the last node stops the run": ([acting(node("a"), LOW)], [], printing(a={"acc": 0}), "complete stopped"),
    "all conditions must hold": (
        [acting(node("a"), "node-complete if metadata.x>1 & metadata.y>1 stop-pipeline")],
        [],
        printing(a={"x": 2, "y": 1}),
        "complete complete",
    ),
    "one execution of a task node is enough": (
        [acting(node("t", width=3), LOW)],
        [],
        printing(t=[{"acc": 1}, {"acc": 0.5}, {"acc": 1}]),
        "complete stopped",
    ),
    "all conditions must hold for the same execution": (
        [acting(node("t", width=2), "node-complete if metadata.x>1 & metadata.y>1 stop-pipeline")],
        [],
        printing(t=[{"x": 2, "y": 0}, {"x": 0, "y": 2}]),
        "complete complete",
    ),
    "parameters of an execution": (
        [acting(node("t", width=3), "node-complete if parameter.x==2 error-pipeline")],
        [],
        printing(),
        "complete error",
    ),
    "only complete executions count at node-complete": (
        [acting(node("t", "continue", 2), "node-complete if parameter.x==0 error-pipeline")],
        [],
        printing([Failure("t", 0)]),
        "complete complete",
    ),
    "only failed executions count at node-error": (
        [
            acting(node("t", "stop-next/continue-and-error", 2), "node-error if parameter.x==1 error-pipeline"),
            node("b"),
        ],
        [],
        printing([Failure("t", 0)]),
        "error complete error",
    ),
    "a failed node has no node-complete": (
        [acting(node("a", "continue"), "node-complete error-pipeline"), node("b")],
        ["a -> b"],
        printing([Failure("a")]),
        "error complete complete",
    ),
    "a complete node has no node-error": (
        [acting(node("a"), "node-error error-pipeline")],
        [],
        printing(),
        "complete complete",
    ),
    "node-error precedes on-error: continue": (
        [acting(node("a", "continue"), "node-error stop-pipeline"), node("b")],
        ["a -> b"],
        printing([Failure("a")]),
        "error stopped stopped",
    ),
    "node-error comes after the last attempt": (
        [acting(node("a", "retry"), "node-error error-pipeline")],
        [],
        printing([Failure("a", 0, 1)]),
        "complete complete",
    ),
    "node-starting sees parameters": (
        [acting(node("t", width=3), "node-starting if parameter.x>1 stop-pipeline"), node("b")],
        ["t -> b"],
        printing(),
        "stopped stopped stopped",
    ),
    "node-starting sees no metadata": (
        [acting(node("a"), "node-starting if metadata.acc<1 stop-pipeline")],
        [],
        printing(a={"acc": 0}),
        "complete complete",
    ),
    "node-starting of a node that may not start": (
        [node("a", "stop-next"), acting(node("b"), "node-starting error-pipeline"), node("c")],
        ["a -> b"],
        printing([Failure("a")]),
        "error skipped complete error",
    ),
    "the first effect that ends the run counts": (
        [acting(node("a"), "node-complete noop,stop-pipeline,error-pipeline", "node-complete error-pipeline")],
        [],
        printing(),
        "complete stopped",
    ),
    "actions in the order of the file": (
        [acting(node("a"), "node-complete if metadata.x>1 error-pipeline", "node-complete stop-pipeline")],
        [],
        printing(a={"x": 2}),
        "complete error",
    ),
    "one action, several events": (
        [acting(node("a", "continue"), "node-complete,node-error stop-pipeline")],
        [],
        printing([Failure("a")]),
        "error stopped",
    ),
    "a stop reaches other branches": (
        [acting(node("a"), LOW), node("b"), node("c")],
        ["b -> c"],
        printing(a={"acc": 0}),
        "complete complete|stopped complete|stopped stopped",
    ),
    "a failure elsewhere may precede a stop": (
        [acting(node("a"), LOW), node("b", "stop-next")],
        [],
        printing([Failure("b")], a={"acc": 0}),
        "complete error|stopped error|stopped",
    ),
    "a failure upstream counts, whatever stops the run": (
        [node("a", "stop-next"), node("b"), acting(node("c"), LOW)],
        ["a -> b"],
        printing([Failure("a")], c={"acc": 0}),
        "error|stopped skipped|stopped complete error|stopped",
    ),
    "a grid that cannot be computed": (
        [node("m"), acting(node("t", "stop-next", 1), "node-error error-pipeline"), node("b")],
        ["m.metadata.xs -> t.parameter.x"],
        printing(m={"xs": []}),
        "complete error complete|stopped error",
    ),
}


REJECTED = {
    "at the start": ("node-starting require-approval", "stopped stopped stopped"),
    "at the end, effects after it": ("node-complete require-approval,error-pipeline", "complete stopped stopped"),
    "not asked for": ("node-complete if metadata.m>1 require-approval", "complete complete complete"),
}


@pytest.mark.parametrize(("action", "expected"), REJECTED.values(), ids=REJECTED.keys())
def test_rejected_approvals(action, expected):
    plan = pipeline([acting(node("a"), action), node("b")], ["a -> b"])
    assert states(Rules(plan, rejected=frozenset({"a"}))) == expected


def test_approved_approvals_let_the_evaluation_continue():
    texts = ["node-starting require-approval", "node-complete require-approval,error-pipeline"]
    plan = pipeline([acting(node("a"), *texts), node("b")], ["a -> b"])
    assert states(Rules(plan)) == "complete stopped error"


@pytest.mark.parametrize(("nodes", "edges", "oracle", "expected"), CASES.values(), ids=CASES.keys())
def test_states(nodes, edges, oracle, expected):
    assert states(Rules(pipeline(nodes, edges), oracle=oracle)) == expected


def record(state, executions=(), actions=None):
    listed = [
        {"index": i, "state": s, "tries": 1 if s != "stopped" else 0, "parameters": {"x": 0}}
        for i, s in enumerate(executions)
    ]
    document = {"kind": "execution", "state": state, "executions": listed}
    return document if actions is None else {**document, "actions": actions}


STOP = {"when": "node-complete", "if": ["metadata.acc<0.9"], "then": "stop-pipeline"}
RUNS = {
    "as the rules say": ("stopped", [record("complete", ["complete"], [STOP]), record("stopped")], []),
    "the action is missing": (
        "complete",
        [record("complete", ["complete"]), record("complete", ["complete"])],
        ["actions None", "stopped"],
    ),
    "the run is not stopped": (
        "complete",
        [record("complete", ["complete"], [STOP]), record("stopped")],
        ["run: complete, expected stopped"],
    ),
    "the next node ran": (
        "stopped",
        [record("complete", ["complete"], [STOP]), record("complete", ["complete"])],
        ["b: "],
    ),
    "another effect": (
        "error",
        [record("complete", ["complete"], [{**STOP, "then": "error-pipeline"}]), record("stopped")],
        ["actions", "run"],
    ),
}


@pytest.mark.parametrize(("state", "nodes", "expected"), RUNS.values(), ids=RUNS.keys())
def test_real_runs_are_compared(state, nodes, expected):
    rules = Rules(pipeline([acting(node("a"), LOW), node("b")], ["a -> b"]), oracle=printing(a={"acc": 0.5}))
    wrong = disagreements(rules, {"state": state, "nodes": dict(zip("ab", nodes, strict=True))})
    assert bool(wrong) == bool(expected)
    for text in expected:
        assert any(text in line for line in wrong), wrong
