"""Test how the end of a control-flow graph is derived from what its nodes published."""

from __future__ import annotations

import json

import pytest

from translator.shim import complete, failed
from translator.shim.contract import ExecutionId, FileRecord, Manifest, Scope, State
from translator.shim.outcome.controlflow import follow
from translator.shim.outcome.plans import BODY, CompositePlan, GraphPlan, NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import LOST, EngineState, Trace
from translator.shim.store import MANIFEST, open_store, try_key

C, E, S, K = State.COMPLETE, State.ERROR, State.STOPPED, State.SKIPPED


def trace(path, state, **written):
    identity = ExecutionId("p", "r", path)
    scope = Scope(written=written)
    manifest = Manifest(identity, state, {}, {}, {}, [], "", "", reason=f"{path} fails", scope=scope)
    return Trace(0, state, 1, {}, manifest, manifest.reason)


def states(document, prefix=""):
    """Return every node's and branch's state, by path."""
    found = {}
    for name, node in document.items():
        found[prefix + name] = node["state"]
        for branch, record in node.get("branches", {}).items():
            found[f"{prefix}{name}.{branch}"] = record["state"]
            found |= states(record["nodes"], f"{prefix}{name}.{branch}.")
    return found


def lost(state):
    return Trace(0, state, 0, {}, None, LOST if state is E else None)


def followed(graph, known=None, **ended):
    record = follow(graph, {path: trace(path, state) for path, state in ended.items()} | (known or {}))
    return record.state, states(record.nodes)


LINE = GraphPlan([NodePlan("a"), NodePlan("b", after=[complete("a")])], [complete("b")], "a")
HANDLED = GraphPlan(
    [
        NodePlan("a"),
        NodePlan("b", after=[complete("a")]),
        NodePlan("handler", after=[failed("a")]),
        NodePlan("join", after=[complete("b"), complete("handler")]),
    ],
    [complete("join")],
    "a",
)


@pytest.mark.parametrize(
    ("graph", "ended", "run", "nodes"),
    [
        (LINE, {"a": C, "b": C}, C, "complete complete"),
        (LINE, {"a": C, "b": E}, E, "complete error"),
        (LINE, {"a": E}, E, "error skipped"),
        (LINE, {"a": C, "b": S}, S, "complete stopped"),
        (LINE, {"a": C}, S, "complete stopped"),
        (LINE, {}, S, "stopped skipped"),
        (HANDLED, {"a": C, "b": C, "join": C}, C, "complete complete skipped complete"),
        (HANDLED, {"a": E, "handler": C, "join": C}, C, "error skipped complete complete"),
        (HANDLED, {"a": E, "handler": E}, E, "error skipped error skipped"),
        (HANDLED, {"a": E, "handler": C, "join": E}, E, "error skipped complete error"),
        (GraphPlan([NodePlan("a")], [failed("a")]), {"a": E}, C, "error"),
        (GraphPlan([NodePlan("a")], []), {"a": C}, E, "complete"),
        (GraphPlan([NodePlan("b"), NodePlan("a")], [complete("a")], "a"), {"a": C}, C, "skipped complete"),
        (GraphPlan(), {}, C, ""),
    ],
)
def test_token(graph, ended, run, nodes):
    state, found = followed(graph, **ended)
    assert (state, " ".join(found.values())) == (run, nodes)


def test_a_worker_killed_before_its_step_is_a_failure_that_is_handled():
    record = follow(HANDLED, {"a": lost(E)} | {n: trace(n, C) for n in ("handler", "join")})
    assert (record.state, states(record.nodes)["b"]) == (C, K)
    assert record.nodes["a"]["executions"][0]["reason"] == LOST


def test_execution_of_a_node_not_reached_is_not_hidden():
    record = follow(LINE, {"a": trace("a", E), "b": trace("b", C)})
    assert (record.state, record.nodes["b"]["state"], len(record.nodes["b"]["executions"])) == (E, K, 1)


FAN = GraphPlan(
    [
        CompositePlan("fan", "parallel", {"x": LINE, "y": GraphPlan([NodePlan("a")], [complete("a")])}),
        NodePlan("end", after=[complete("fan")]),
    ],
    [complete("end")],
)
INNER = GraphPlan([CompositePlan("inner", "map", {BODY: LINE})], [complete("inner")])


def test_branches_of_a_parallel_node():
    ended = {"fan.x.a": C, "fan.x.b": E, "fan.y.a": C, "fan": E}
    state, found = followed(FAN, **ended)
    assert state is E
    assert found == {
        "fan": E,
        "fan.x": E,
        "fan.x.a": C,
        "fan.x.b": E,
        "fan.y": C,
        "fan.y.a": C,
        "end": K,
    }


def test_parallel_node_that_was_cut_off():
    _, found = followed(FAN, **{"fan.x.a": C, "fan.x.b": S})
    assert (found["fan"], found["fan.x"], found["fan.y"], found["fan.y.a"], found["end"]) == (S, S, S, S, K)


def test_branches_of_a_node_not_reached():
    after = GraphPlan([NodePlan("a"), CompositePlan("fan", "parallel", {"x": LINE}, [complete("a")])], [])
    assert set(followed(after, a=E)[1].values()) == {"error", "skipped"}


def test_items_of_nested_maps():
    outer = GraphPlan([CompositePlan("outer", "map", {BODY: INNER})], [complete("outer")])
    ended = {f"outer.{i}.inner.{j}.{n}": C for i in range(2) for j in range(11) for n in "ab"}
    ended |= {"outer.0.inner": C, "outer.1.inner": C, "outer": C}
    record = follow(outer, {path: trace(path, state) for path, state in ended.items()})
    inner = record.nodes["outer"]["branches"]["1"]["nodes"]["inner"]
    assert list(inner["branches"]) == [str(i) for i in range(11)]
    assert set(states(record.nodes).values()) == {"complete"}


def test_items_without_manifests_are_those_the_engine_knows_and_earlier_ones():
    graph = GraphPlan([CompositePlan("m", "map", {BODY: LINE})], [complete("m")])
    found = followed(graph, {"m.2.a": lost(S)}, **{"m.1.a": E})[1]
    assert [found[f"m.{i}.a"] for i in range(3)] == [S, E, S]


def test_map_over_nothing_and_map_that_cannot_start():
    graph = GraphPlan([CompositePlan("m", "map", {BODY: LINE})], [complete("m")])
    assert followed(graph, m=C) == (C, {"m": C})
    record = follow(graph, {"m": trace("m", E)})
    assert (record.state, record.nodes["m"]["branches"], record.nodes["m"]["reason"]) == (E, {}, "m fails")
    assert followed(graph, {"m": lost(E)})[0] is E


def test_only_the_branch_chosen_is_not_skipped():
    graph = GraphPlan([CompositePlan("c", "choice", {"one": LINE, "two": LINE})], [complete("c")])
    state, found = followed(graph, **{"c": C, "c.two.a": C, "c.two.b": C})
    assert (state, found["c.one"], found["c.one.a"], found["c.two"]) == (C, K, K, C)


def test_final_scope_is_that_of_the_last_node():
    ended = {"a": trace("a", E, x=1), "handler": trace("handler", C, x=2), "join": trace("join", C, x=3)}
    assert follow(HANDLED, ended).scope == Scope(written={"x": 3})
    del ended["join"]
    assert follow(HANDLED, ended).scope == Scope(written={"x": 2})
    assert follow(HANDLED, {}).scope is None


def test_document(tmp_path):
    store = open_store(str(tmp_path))
    file = FileRecord("data/a.csv", 3, "abc", f"{store.root}/x")
    scope = Scope(
        inherited={"n": 1}, written={"y": [1, 2]}, found={"z": FileRecord("z", 1, "d", "")}, put={"data": file}
    )
    known = {}
    for path, kind in (("A step", "execution"), ("m.0.a", "execution"), ("m", "map")):
        identity = store.claim(ExecutionId("p", "r", path, kind=kind))
        store.begin(identity, {}, "")
        made = store.commit(Manifest(identity, C, {"n": 1}, {}, {}, [file], "", "", scope=scope))
        known[path] = {0: EngineState(C, made.uri)}
    killed = store.claim(ExecutionId("p", "r", "m.1.a"))
    store.begin(killed, {}, "")
    known["m.1.a"] = {0: EngineState(E, store.uri(try_key(killed, MANIFEST)))}
    past = store.claim(ExecutionId("p", "r", "m.2.a"))
    store.begin(past, {}, "")
    store.commit(Manifest(past, C, {}, {}, {}, [file], "", ""))
    body = GraphPlan([NodePlan("a")], [complete("a")])
    plan = GraphPlan(
        [NodePlan("A step"), CompositePlan("m", "map", {BODY: body}, [complete("A step")])], [complete("m")]
    )
    record = finish(
        store, pipeline="p", run="r", engine="prefect", graph=plan, started="", parameters={"n": 1}, engine_states=known
    )
    document = json.loads((tmp_path / "p" / "r" / "run.json").read_text())
    assert (record.state, document["state"]) == (C, "complete")
    assert states(document["nodes"]) == {"A step": C, "m": C, "m.0": C, "m.0.a": C, "m.1": E, "m.1.a": E}
    assert document["nodes"]["m"]["branches"]["1"]["nodes"]["a"]["executions"][0]["reason"] == LOST
    assert document["nodes"]["A step"]["executions"][0]["outputs"] == [
        {"path": "data/a.csv", "size": 3, "sha256": "abc"}
    ]
    if document["catalog"]:
        assert document["parameters"] == {"n": 1, "y": [1, 2]}
        assert [file["path"] for file in document["catalog"]] == ["data/a.csv", "z"]
