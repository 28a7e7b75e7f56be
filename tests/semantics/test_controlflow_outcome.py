"""Hold the outcome of control-flow runs to the specification."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.controlflow import cases
from translator import ir
from translator.load import load_text
from translator.nodes import branches, kind
from translator.semantics.controlflow import Interpreter
from translator.shim import complete, failed
from translator.shim.contract import ExecutionId, Manifest, Scope, State
from translator.shim.outcome.controlflow import follow
from translator.shim.outcome.plans import CompositePlan, GraphPlan, NodePlan
from translator.shim.outcome.traces import Trace


def plan(graph):
    """Return the plan of a graph, as generated code has it."""
    after = {node.name: [] for node in graph.nodes}
    ends = []
    for node in graph.nodes:
        for route in node.policy.routes:
            place = (complete if route.outcome is ir.Outcome.COMPLETE else failed)(node.name)
            if isinstance(route.target, str):
                after[route.target].append(place)
            elif route.target.outcome is ir.Outcome.COMPLETE:
                ends.append(place)
    nodes = []
    for node in graph.nodes:
        if isinstance(node, ir.ExecutionNode):
            nodes.append(NodePlan(node.name, after=after[node.name]))
            continue
        plans = {name: plan(branch) for name, branch in branches(node).items()}
        nodes.append(CompositePlan(node.name, kind(node), plans, after[node.name]))
    return GraphPlan(nodes, ends, graph.start)


def traces(fate, prefix=""):
    """Return the traces of the nodes of a run that went as predicted."""
    for name, node in fate.nodes.items():
        path = prefix + name
        if node.state is not State.SKIPPED:
            scope = Scope(written={"last": path})
            manifest = Manifest(ExecutionId("p", "r", path), node.state, {}, {}, {}, [], "", "", scope=scope)
            yield path, Trace(0, node.state, 1, {}, manifest, None)
        for branch, of in node.branches.items():
            yield from traces(of, f"{path}.{branch}.")


def predicted(fate):
    return {
        name: (node.state, {b: (of.state, predicted(of)) for b, of in node.branches.items()})
        for name, node in fate.nodes.items()
    }


def recorded(nodes):
    return {
        name: (node["state"], {b: (of["state"], recorded(of["nodes"])) for b, of in node.get("branches", {}).items()})
        for name, node in nodes.items()
    }


@settings(max_examples=150)
@given(st.sampled_from(["magnus", "runnable"]).flatmap(lambda dialect: cases(dialect, depth=3)))
def test_states(case):
    pipeline = load_text(yaml.safe_dump(case.document), "p.yaml", dialect=case.dialect).choose()
    fate = Interpreter(pipeline, case.oracle).run(case.parameters)
    record = follow(plan(pipeline.graph), dict(traces(fate)))
    assert record.state == fate.state
    assert recorded(record.nodes) == predicted(fate)


def test_earlier_branches_do_not_count_after_a_rerun():
    """A choice that took another case, and a map with fewer items: what an engine knows to be skipped did not run."""
    cases = {name: GraphPlan([NodePlan("x")], [complete("x")]) for name in ("one", "two")}
    body = {"*": GraphPlan([NodePlan("y")], [complete("y")])}
    choice, each = CompositePlan("c", "choice", cases), CompositePlan("m", "map", body, [complete("c")])
    found = {}
    for path in ("c", "c.one.x", "c.two.x", "m", "m.0.y", "m.1.y"):
        manifest = Manifest(ExecutionId("p", "r", path), State.COMPLETE, {}, {}, {}, [], "", "", scope=Scope())
        state = State.SKIPPED if path in {"c.one.x", "m.1.y"} else State.COMPLETE
        found[path] = Trace(0, state, 1, {}, manifest, None)
    record = follow(GraphPlan([choice, each], [complete("m")], "c"), found)
    assert recorded(record.nodes) == {
        "c": ("complete", {"one": ("skipped", {"x": ("skipped", {})}), "two": ("complete", {"x": ("complete", {})})}),
        "m": ("complete", {"0": ("complete", {"y": ("complete", {})})}),
    }
