"""Test each rule and each corner case: a pipeline, what fails, and all states that may follow."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import replace

import pytest

from tests.semantics.pipelines import HERE, node, pipeline
from translator import ir
from translator.errors import UncheckedPipelineError
from translator.semantics import Ending, Failure, Rules, failing, predict
from translator.shim.contract import State
from translator.shim.parameters.bayesian import OptunaMissingError

C, E, S, K = State.COMPLETE, State.ERROR, State.STOPPED, State.SKIPPED
ONE = Failure("t", 0)
REQUIRED = (ir.Input("data", HERE),)


def states(rules: Rules) -> dict[str, str]:
    """Return ``complete``, or ``complete|stopped`` if timing decides, by node; the run is under ``run``."""
    prediction = predict(rules)
    shown = {name: "|".join(sorted(n.states)) for name, n in prediction.nodes.items()}
    return {**shown, "run": "|".join(sorted(prediction.states))}


CASES = {
    "no failure": ([node("a"), node("t", width=3)], ["a -> t"], [], "complete complete complete"),
    "unconnected nodes": ([node("a"), node("b")], [], [Failure("a")], "error complete|stopped error"),
    "ancestors of the only trigger keep their state": (
        [node("a", "continue", 2), node("b"), node("t")],
        ["a -> b", "b -> t"],
        [Failure("a", 1), ONE],
        "complete complete error error",
    ),
    "two triggers: either may be cut off": (
        [node("a"), node("b"), node("c"), node("d")],
        ["a -> b", "a -> c", "b -> d"],
        [Failure("b"), Failure("c")],
        "complete error|stopped error|stopped stopped error",
    ),
    "a trigger behind a trigger is never reached": (
        [node("a"), node("t")],
        ["a -> t"],
        [Failure("a"), ONE],
        "error stopped error",
    ),
    "a trigger behind a skipped node is never reached": (
        [node("a", "stop-next"), node("b"), node("t"), node("c")],
        ["a -> b", "b -> t"],
        [Failure("a"), ONE],
        "error skipped skipped complete error",
    ),
    "skipped wins over stopped": (
        [node("a", "stop-next"), node("t"), node("after")],
        ["a -> t", "a -> after"],
        [Failure("a")],
        "error skipped skipped error",
    ),
    "behind a stop-next that a stop may cut off": (
        [node("a", "stop-next"), node("t"), node("after")],
        ["a -> after", "t -> after"],
        [Failure("a"), ONE],
        "error|stopped error skipped|stopped error",
    ),
    "behind a stop-next that had ended": (
        [node("a", "stop-next"), node("t", "continue"), node("z"), node("after")],
        ["a -> after", "t -> z"],
        [Failure("a"), ONE],
        "error error complete skipped error",
    ),
    "several upstreams, each open": (
        [node("t", "continue"), node("b", "continue", 2), node("c"), node("after")],
        ["t -> after", "b -> after", "c -> after"],
        [ONE, Failure("b", 0)],
        "error complete complete complete complete",
    ),
    "several upstreams, one closed": (
        [node("t", "continue"), node("b", "continue", 2), node("after"), node("last", "continue")],
        ["t -> after", "b -> after", "after -> last"],
        [ONE, Failure("b")],
        "error error skipped skipped error",
    ),
    "a continue execution node that is skipped does not open": (
        [node("a", "stop-next"), node("t", "continue"), node("after")],
        ["a -> t", "t -> after"],
        [Failure("a"), ONE],
        "error skipped skipped error",
    ),
    "retry that completes": (
        [node("t", "retry"), node("b")],
        ["t -> b"],
        [Failure("t", 0, 1), Failure("t", 0, 2)],
        "complete complete complete",
    ),
    "retry in vain": ([node("t", "retry"), node("b")], ["t -> b"], [ONE], "error stopped error"),
    "retry with a child rule": (
        [node("t", "retry/continue-and-complete", 2), node("b")],
        ["t -> b"],
        [ONE],
        "complete complete complete",
    ),
    "continue cut by a stop is stopped, not in error": (
        [node("a", "continue", 2), node("after"), node("t")],
        ["a -> after"],
        [Failure("a", 0), ONE],
        "complete|stopped complete|stopped error error",
    ),
    "continue-and-error cut by a stop does not skip what follows": (
        [node("a", "continue/continue-and-error", 2), node("after"), node("t")],
        ["a -> after"],
        [Failure("a", 0), ONE],
        "error|stopped complete|stopped error error",
    ),
    "continue-and-error with none complete continues without files": (
        [node("t", "continue/continue-and-error", 2), node("b", "stop-next", inputs=REQUIRED), node("c")],
        ["t.output.* -> b.input.data", "t -> c"],
        [Failure("t")],
        "error error complete error",
    ),
    "a required input behind a failed continue": (
        [node("t", "continue"), node("b", "stop-next", inputs=REQUIRED), node("c")],
        ["t.output.*.txt -> b.input.data", "b -> c"],
        [ONE],
        "error error skipped error",
    ),
    "an optional input behind a failed continue": (
        [node("t", "continue"), node("b", inputs=[ir.Input("data", HERE, optional=True)])],
        ["t.output.*.txt -> b.input.data"],
        [ONE],
        "error complete complete",
    ),
    "replace: a default is not used where edges bring nothing": (
        [node("t", "continue"), node("b", inputs=[ir.Input("data", HERE, ("data.csv",))])],
        ["t.output.*.txt -> b.input.data"],
        [ONE],
        "error error error",
    ),
    "append: the default is enough": (
        [node("t", "continue"), node("b", inputs=[ir.Input("data", HERE, ("data.csv",))], merge=ir.MergeMode.APPEND)],
        ["t.output.*.txt -> b.input.data"],
        [ONE],
        "error complete complete",
    ),
    "an input of an input": (
        [node("a", inputs=[ir.Input("raw", HERE, ("a.csv",))]), node("b", inputs=REQUIRED)],
        ["a.input.r* -> b.input.data"],
        [],
        "complete complete complete",
    ),
    "an input of an input that is another's": (
        [node("a", inputs=[ir.Input("raw", HERE, ("a.csv",))]), node("b", inputs=REQUIRED)],
        ["a.input.other -> b.input.data"],
        [],
        "complete error error",
    ),
}


@pytest.mark.parametrize(("nodes", "edges", "failures", "expected"), CASES.values(), ids=CASES.keys())
def test_states(nodes, edges, failures, expected):
    found = states(Rules(pipeline(nodes, edges), oracle=failing(failures)))
    assert " ".join(found.values()) == expected


def printing(**metadata):
    """Return an oracle by node name: the metadata that its executions print."""
    return lambda attempt: Ending(metadata=metadata.get(attempt.node, {}))


def points(rules: Rules, name: str) -> list[object]:
    return [e.parameters["x"] for e in predict(rules).nodes[name].executions]


def test_metadata_gives_the_grid():
    plan = pipeline([node("a"), node("t", width=1)], ["a.metadata.xs -> t.parameter.x"])
    assert points(Rules(plan, oracle=printing(a={"xs": [5, 6, 7]})), "t") == [5, 6, 7]
    assert points(Rules(plan, oracle=printing(a={"xs": 5})), "t") == [5]
    assert points(Rules(plan, oracle=printing(a={"other": 5})), "t") == [0]
    assert points(Rules(plan, oracle=printing(a={"xs": None})), "t") == [0]


def test_an_empty_grid_is_an_error_without_executions():
    plan = pipeline([node("a"), node("t", "continue", 1), node("b")], ["a.metadata.xs -> t.parameter.x", "t -> b"])
    rules = Rules(plan, oracle=printing(a={"xs": []}))
    assert states(rules) == {"a": "complete", "t": "error", "b": "skipped", "run": "error"}
    assert predict(rules).nodes["t"].counts == {0}


def test_a_list_into_an_execution_node_fails():
    plan = pipeline([node("a"), node("b")], ["a.metadata.xs -> b.parameter.x"])
    assert states(Rules(plan, oracle=printing(a={"xs": [1, 2]})))["b"] == "error"


def test_values_out_of_a_task_node():
    multiple = ir.Parameter("all", HERE, ir.ParameterType.INTEGER, (), multiple=ir.Multiple.REPEAT)
    plan = pipeline(
        [node("t", "continue", 3), node("one"), node("many", parameters=[multiple]), node("grid", width=1)],
        [
            "t.parameter.x -> one.parameter.x",
            "t.parameter.x -> many.parameter.all",
            "t.parameter.x -> grid.parameter.x",
        ],
    )
    nodes = predict(Rules(plan, oracle=failing([Failure("t", 2)]))).nodes
    assert nodes["one"].executions[0].parameters["x"] == 1
    assert nodes["many"].executions[0].parameters["all"] == [0, 1]
    assert [e.parameters["x"] for e in nodes["grid"].executions] == [0, 1]


def test_edges_into_environment_variables():
    plan = pipeline(
        [node("a"), node("t", "continue", 3), node("b"), node("many", width=2)],
        [
            "a.metadata.mode -> b.environment-variable.MODE",
            "a.metadata.nothing -> b.environment-variable.NOTHING",
            "t.parameter.x -> b.environment-variable.X",
            "a.metadata.list -> many.environment-variable.LIST",
        ],
    )
    rules = Rules(plan, oracle=failing([Failure("t", 2)], printing(a={"mode": "fast", "list": [1, True]})))
    nodes = predict(rules).nodes
    assert nodes["b"].executions[0].environment == {"MODE": "fast", "X": "1"}
    assert [e.environment for e in nodes["many"].executions] == [{"LIST": "[1, true]"}] * 2
    assert states(Rules(plan, oracle=printing(a={"mode": "a\0b"})))["b"] == "error"


def test_precedence_of_values():
    plan = pipeline([node("a"), node("b"), node("t", width=2)], ["a.parameter.x -> b.parameter.x"], {"p": (7, "a.x")})
    nodes = predict(Rules(plan, {"b.x": 1, "t.x": (8, 9)})).nodes
    assert [n.executions[0].parameters["x"] for n in nodes.values()] == [7, 7, 8]
    assert len(nodes["t"].executions) == 2
    nodes = predict(Rules(plan, {"p": 5})).nodes
    assert [n.executions[0].parameters["x"] for n in nodes.values()] == [5, 5, 0]


def test_a_manual_search_is_a_point_per_set():
    task = node("t", width=1)
    grid = ir.Grid(ir.GridKind.ZIP, points=({"x": 3}, {"x": 1}))
    zipped = ir.TaskNode("t", HERE, task.step, grid)
    assert points(Rules(pipeline([zipped])), "t") == [3, 1]


def test_several_failing_executions_race():
    plan = pipeline([node("t", width=3)])
    one, two = (predict(Rules(plan, oracle=failing(fs))).nodes["t"] for fs in ([ONE], [ONE, Failure("t", 1)]))
    assert [e.states for e in one.executions] == [{E}, {C, S}, {C, S}]
    assert [e.states for e in two.executions] == [{E, S}, {E, S}, {C, S}]
    assert one.states == two.states == {E}


def test_stop_of_siblings_that_decides_what_follows():
    plan = pipeline(
        [node("t", "continue/stop-all-and-error", 2), node("b", inputs=REQUIRED)], ["t.output.* -> b.input.data"]
    )
    found = states(Rules(plan, oracle=failing([ONE])))
    assert found == {"t": "error", "b": "complete|error", "run": "complete|error"}


def test_missing_default_files():
    def found(*uris, optional=False):
        plan = pipeline([node("a", inputs=[ir.Input("data", HERE, uris, optional)])])
        return states(Rules(plan, missing=frozenset({"gone.csv", "gone/*"})))["a"]

    assert found("there.csv") == "complete"
    assert found("gone.csv") == found("gone.csv", optional=True) == "error"
    assert found("gone/*") == found("gone/*", optional=True) == found("gone/*", "there.csv") == "error"


def test_sidecar_files_pass_along_no_edge():
    plan = pipeline([node("a"), node("b", inputs=REQUIRED)], ["a.output.* -> b.input.data"])

    def only(*paths):
        return states(Rules(plan, oracle=lambda attempt: Ending(outputs=paths)))["b"]

    assert only("m.bin.metadata.json", "valohai.metadata.jsonl") == "error"
    assert only("deep/folder/m.bin") == "complete"


def test_other_kinds_of_nodes_are_refused():
    graph = ir.Graph((ir.ApprovalNode("a", HERE),))
    with pytest.raises(UncheckedPipelineError, match="ApprovalNode 'a'"):
        Rules(ir.Pipeline("p", "valohai", "f.yaml", graph, HERE))


GROUPS = {
    "all complete": ("stop-all", [], "complete complete complete", 1),
    "one fails, and so do all": ("stop-all", [Failure("t", 1)], "error stopped error", 1),
    "stop-next": ("stop-next", [Failure("t", 1)], "error skipped error", 1),
    "retry, another member in each attempt": (
        "retry",
        [Failure("t", 0, 1), Failure("t", 2, 2)],
        "complete complete complete",
        3,
    ),
    "retry, in vain": ("retry", [Failure("t", 0, 1), Failure("t", 2, 2), Failure("t", 1, 3)], "error stopped error", 3),
}


@pytest.mark.parametrize("name", GROUPS)
def test_a_distributed_task_is_complete_or_fails_as_a_whole(name):
    rule, failures, expected, tries = GROUPS[name]
    grid = ir.Grid(ir.GridKind.GROUP, distributed=ir.Distributed(3))
    task = dataclasses.replace(node("t", rule, 1), grid=grid)
    rules = Rules(pipeline([task, node("b")], ["t -> b"]), oracle=failing(failures))
    assert states(rules) == dict(zip(("t", "b", "run"), expected.split(), strict=True))
    members = predict(rules).nodes["t"].executions
    assert [(one.states, one.tries) for one in members] == [({State(expected.split()[0])}, (tries, tries))] * 3


def test_a_list_for_a_distributed_task_is_a_value_and_not_an_axis():
    several = ir.Parameter("names", HERE, ir.ParameterType.STRING, ("a",), multiple=ir.Multiple.REPEAT)
    grid = ir.Grid(ir.GridKind.GROUP, distributed=ir.Distributed(2))
    task = dataclasses.replace(node("t", width=1, parameters=(several,)), grid=grid)
    found = predict(Rules(pipeline([task]), {"t.names": ("b", "c")})).nodes["t"]
    assert [one.parameters["names"] for one in found.executions] == [["b", "c"], ["b", "c"]]
    (reason,) = {one.reason for one in predict(Rules(pipeline([task]), {"t.x": (1, 2)})).nodes["t"].executions}
    assert reason is not None


def test_a_bayesian_search_is_only_predicted_with_optuna(monkeypatch):
    search = ir.Search(4, "P/t", {}, ir.Objective("m", 1.0, 2))
    grid = ir.Grid(ir.GridKind.OPTIMISER, search=search)
    searching = ir.TaskNode("t", HERE, ir.Step("s", HERE, ()), grid)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OptunaMissingError, match=r"pipeline-translator\[tuning\]"):
        Rules(pipeline([searching], []))


def test_executions_after_the_end_of_a_task_may_be_skipped():
    task = node("t", width=3)
    plan = pipeline([replace(task, policy=replace(task.policy, stop_condition="m > 0"))], [])
    predicted = predict(Rules(plan, oracle=lambda attempt: Ending(metadata={"m": attempt.index}))).nodes["t"]
    assert predicted.states == {C}
    # None that may have ended it is certain to run, but one of them is.
    assert [one.states for one in predicted.executions] == [{C, K}, {C, K}, {C, K}]
    only = predict(Rules(plan, oracle=lambda attempt: Ending(metadata={"m": attempt.index - 1}))).nodes["t"]
    assert [one.states for one in only.executions] == [{C, K}, {C, K}, {C}]


def test_a_search_chooses_no_batch_after_the_end_of_its_task():
    pytest.importorskip("optuna")
    search = ir.Search(5, "P/t", {"x": ir.Distribution(0, 1)}, ir.Objective("m", 1.0, 2))
    step = ir.Step("s", HERE, ("true",), parameters=(ir.Parameter("x", HERE, ir.ParameterType.FLOAT),))
    grid = ir.Grid(ir.GridKind.OPTIMISER, search=search)
    searching = ir.TaskNode("t", HERE, step, grid, ir.Policy(stop_condition="m > 0"))
    rules = Rules(pipeline([searching], []), oracle=lambda attempt: Ending(metadata={"m": attempt.index - 1}))
    assert len(predict(rules).nodes["t"].executions) == 4
