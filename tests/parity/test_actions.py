"""Run pipelines with actions on both engines: same states, same record, and the engine's own verdict."""

from __future__ import annotations

import json

import pytest

from tests.parity.compare import check
from tests.parity.engines import run_on_all
from tests.parity.merged import Part, merge, prefixes
from tests.parity.test_cases import ALL, ONE, Node, scenario
from translator.shim.variables import APPROVED


def acting(name, *actions, rule="stop-all", width=None, fails=None, metadata="number", seconds=0):
    """Return a node with actions: ``WHEN [if CONDITION [& CONDITION]] THEN``, lists with commas."""
    listed = []
    for text in actions:
        when, _, rest = text.partition(" ")
        conditions, _, then = rest.rpartition(" ")
        action = {"when": _listed(when, ","), "then": _listed(then, ",")}
        if conditions:
            action["if"] = _listed(conditions.removeprefix("if "), " & ")
        listed.append(action)
    does = {"metadata": metadata, "seconds": seconds}
    return Node(name, rule, width, fails or {}, does=does, more={"actions": listed})


def _listed(text, separator):
    parts = text.split(separator)
    return parts[0] if len(parts) == 1 else parts


def fired(when, then, *conditions):
    return {"when": when, "if": list(conditions), "then": then}


STOP = "node-complete if metadata.m == 1 stop-pipeline"
LONG = Node("long", does={"seconds": 30})

# These let the run continue. The scenario; the states of the nodes; the effects by node.
QUIET = {
    "conditions that do not hold": (
        scenario(
            [
                acting("a", "node-complete if metadata.m > 1 stop-pipeline", "node-error error-pipeline"),
                acting(
                    "b",
                    "node-complete if metadata.accuracy < 0.9 stop-pipeline",
                    "node-starting if parameter.x > 0 noop",
                ),
                Node("c"),
            ],
            ["a -> b", "b -> c"],
        ),
        "complete complete complete",
        {},
    ),
    "noop at every event": (
        scenario(
            [
                acting("a", "node-starting,node-complete,node-error noop"),
                acting("b", "node-starting,node-complete,node-error noop", rule="continue", fails=ALL),
                Node("c"),
            ],
            ["a -> b", "b -> c"],
        ),
        "complete error complete",
        {
            "a": [fired("node-starting", "noop"), fired("node-complete", "noop")],
            "b": [fired("node-starting", "noop"), fired("node-error", "noop")],
        },
    ),
    "one execution of a task node is enough": (
        scenario(
            [acting("t", "node-complete if metadata.m == 21 & parameter.x == 2 noop", width=3), Node("c")], ["t -> c"]
        ),
        "complete complete",
        {"t": [fired("node-complete", "noop", "metadata.m == 21", "parameter.x == 2")]},
    ),
    "conditions of different executions": (
        scenario([acting("t", "node-complete if metadata.m == 21 & parameter.x == 1 stop-pipeline", width=3)], []),
        "complete",
        {},
    ),
    "only complete executions count": (
        scenario(
            [acting("t", "node-complete if parameter.x == 0 error-pipeline", rule="continue", width=2, fails=ONE)], []
        ),
        "complete",
        {},
    ),
    "a retried node has one end": (
        scenario(
            [
                acting(
                    "a",
                    "node-starting noop",
                    "node-error error-pipeline",
                    "node-complete noop",
                    rule="retry",
                    fails={0: 1},
                )
            ],
            [],
        ),
        "complete",
        {"a": [fired("node-starting", "noop"), fired("node-complete", "noop")]},
    ),
    "tolerant task nodes": (
        scenario(
            [
                acting("t", "node-complete noop", rule="stop-all/continue-and-complete", width=2, fails=ONE),
                acting("u", "node-complete noop", rule="continue/continue-and-complete", width=2, fails=ONE),
                acting("v", "node-error noop", rule="continue/continue-and-error", width=2, fails=ONE),
                Node("c"),
            ],
            ["t -> u", "u -> v", "v -> c"],
        ),
        "complete complete error complete",
        {
            "t": [fired("node-complete", "noop")],
            "u": [fired("node-complete", "noop")],
            "v": [fired("node-error", "noop")],
        },
    ),
    "parameters from edges": (
        scenario(
            [
                Node("a", does={"metadata": "list"}),
                acting(
                    "t", "node-starting if parameter.x == 2 noop", "node-starting if parameter.x == 3 noop", width=1
                ),
                acting("b", "node-starting if parameter.x == 1 noop"),
            ],
            ["a.metadata.m -> t.parameter.x", "t.parameter.x -> b.parameter.y"],
            parameters=[{"name": "p", "default": 1, "targets": ["b.parameter.x"]}],
        ),
        "complete complete complete",
        {
            "t": [fired("node-starting", "noop", "parameter.x == 2")],
            "b": [fired("node-starting", "noop", "parameter.x == 1")],
        },
    ),
}
# These end the run, so each runs alone. The states of nodes and run; the effects by node.
LOUD = {
    "stop-pipeline": (
        scenario(
            [acting("a", "node-complete noop,stop-pipeline,error-pipeline", STOP), Node("b"), Node("c")],
            ["a -> b", "b -> c"],
        ),
        "complete stopped stopped stopped",
        {"a": [fired("node-complete", "noop"), fired("node-complete", "stop-pipeline")]},
    ),
    "error-pipeline": (
        scenario(
            [Node("a"), acting("t", "node-complete if metadata.m > 10 error-pipeline", width=2), Node("c")],
            ["a -> t", "t -> c"],
        ),
        "complete complete stopped error",
        {"t": [fired("node-complete", "error-pipeline", "metadata.m > 10")]},
    ),
    "stop-pipeline reaches another branch": (
        scenario([acting("a", STOP), Node("b"), LONG, Node("after")], ["a -> b", "long -> after"]),
        "complete stopped stopped stopped stopped",
        {"a": [fired("node-complete", "stop-pipeline", "metadata.m == 1")]},
    ),
    "node-starting, execution node": (
        scenario(
            [Node("a"), acting("b", "node-starting if parameter.x == 0 stop-pipeline"), Node("c")], ["a -> b", "b -> c"]
        ),
        "complete stopped stopped stopped",
        {"b": [fired("node-starting", "stop-pipeline", "parameter.x == 0")]},
    ),
    "node-starting, task node": (
        scenario([acting("t", "node-starting if parameter.x == 1 error-pipeline", width=2), Node("c")], ["t -> c"]),
        "stopped stopped error",
        {"t": [fired("node-starting", "error-pipeline", "parameter.x == 1")]},
    ),
    "node-error, continue": (
        scenario(
            [acting("a", "node-error if metadata.m == 1 stop-pipeline", rule="continue", fails=ALL), Node("b")],
            ["a -> b"],
        ),
        "error stopped stopped",
        {"a": [fired("node-error", "stop-pipeline", "metadata.m == 1")]},
    ),
    "node-error, stop-next": (
        scenario(
            [
                acting("t", "node-error if parameter.x == 0 error-pipeline", rule="stop-next", width=2, fails=ONE),
                Node("b"),
            ],
            ["t -> b"],
        ),
        "error skipped error",
        {"t": [fired("node-error", "error-pipeline", "parameter.x == 0")]},
    ),
    "a grid that cannot be computed": (
        scenario(
            [
                Node("a", does={"metadata": "empty"}),
                acting("t", "node-starting noop", "node-error stop-pipeline", rule="stop-next", width=1),
                Node("c"),
            ],
            ["a.metadata.m -> t.parameter.x", "t -> c"],
        ),
        "complete error skipped error",
        {"t": [fired("node-starting", "noop"), fired("node-error", "stop-pipeline")]},
    ),
}


def _effects(nodes):
    return {name: node["actions"] for name, node in nodes.items() if "actions" in node}


@pytest.fixture(scope="module")
def quiet(engines, tmp_path_factory):
    """Run all scenarios that no action ends as one pipeline."""
    scenarios = {name: case for name, (case, *_) in QUIET.items()}
    runs = run_on_all(engines, merge(scenarios), tmp_path_factory.mktemp("quiet"))
    check(runs)
    return {name: [Part(ran, prefix) for ran in runs] for name, prefix in prefixes(scenarios).items()}


@pytest.mark.parametrize("name", QUIET)
def test_actions_that_end_nothing(quiet, name):
    _, states, effects = QUIET[name]
    for part in quiet[name]:
        assert " ".join(node["state"] for node in part.nodes.values()) == states
        assert _effects(part.nodes) == effects
        assert part.ran.status == 0


@pytest.mark.parametrize("name", LOUD)
def test_actions_that_end_the_run(engines, tmp_path, name):
    case, states, effects = LOUD[name]
    runs = run_on_all(engines, case, tmp_path, jobs=2 if "branch" in name else 1)
    check(runs)
    for ran in runs:
        nodes = ran.document["nodes"]
        assert " ".join([*(node["state"] for node in nodes.values()), ran.document["state"]]) == states
        assert _effects(nodes) == effects
        # A run that stop-pipeline ends is a success for the engine.
        assert ran.status == (1 if ran.document["state"] == "error" else 0)


def test_approvals_that_a_local_run_gives(engines, tmp_path, monkeypatch):
    case = scenario(
        [
            acting("a", "node-complete if metadata.m == 1 require-approval,noop"),
            acting("t", "node-starting require-approval", width=2),
            Node("c"),
        ],
        ["a -> t", "t -> c"],
    )
    for engine in engines:
        monkeypatch.setattr(engine, "environment", {**engine.environment, APPROVED: json.dumps(["a", "t"])})
    runs = run_on_all(engines, case, tmp_path)
    check(runs)
    for ran in runs:
        nodes = ran.document["nodes"]
        assert {node["state"] for node in nodes.values()} == {"complete"}
        assert _effects(nodes) == {
            "a": [
                {**fired("node-complete", "require-approval", "metadata.m == 1"), "decision": "approved"},
                fired("node-complete", "noop", "metadata.m == 1"),
            ],
            "t": [{**fired("node-starting", "require-approval"), "decision": "approved"}],
        }
