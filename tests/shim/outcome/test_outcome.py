"""Compare the outcome of runs with the specification, and test ``run.json``."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator import ir
from translator.semantics import Failure, Rules, disagreements, failing
from translator.semantics.results import settle, stops_siblings
from translator.shim.contract import ExecutionId, FileRecord, Manifest, State
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import finish, node_states, run_state
from translator.shim.outcome.traces import LOST, NODE, EngineState
from translator.shim.store import MANIFEST, open_store, try_key
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS = itertools.count()
HERE = Span("test.yaml", 1, 1, 1, 1)
C, E, S, K = State.COMPLETE, State.ERROR, State.STOPPED, State.SKIPPED


def a_then_b(on_error: str, kind: str, states: list[State], on_child_error: str | None = None) -> tuple[State, ...]:
    """Return the states of ``a``, of ``b`` after it (complete if it runs), of ``c`` beside it, and of the run."""
    nodes = [
        NodePlan("a", kind, on_error, on_child_error),
        NodePlan("b", "execution", upstream=["a"]),
        NodePlan("c", "execution"),
    ]
    executions: dict[str, list[State]] = {"a": states, "b": [], "c": [C]}
    found = node_states(nodes, executions)
    if found["a"] is C or (
        found["a"] is E
        and on_error == "continue"
        and (kind == "execution" or (on_child_error or "").endswith("-error"))
    ):
        executions["b"] = [C]
        found = node_states(nodes, executions)
    return found["a"], found["b"], found["c"], run_state(nodes, found, executions)


@pytest.mark.parametrize(
    ("on_error", "kind", "states", "expected"),
    [
        ("stop-all", "execution", [C], (C, C, C, C)),
        ("stop-all", "execution", [E], (E, S, C, E)),
        ("stop-next", "execution", [E], (E, K, C, E)),
        ("continue", "execution", [E], (E, C, C, C)),
        ("retry", "execution", [E], (E, S, C, E)),
        ("stop-all", "task", [C, E, C], (E, S, C, E)),
        ("stop-all", "task", [C, E, S], (E, S, C, E)),
        ("stop-next", "task", [C, E, C], (E, K, C, E)),
        ("continue", "task", [C, E, C], (C, C, C, C)),
        ("continue", "task", [E, E], (E, K, C, E)),
        ("retry", "task", [C, E], (E, S, C, E)),
        ("stop-all", "execution", [S], (S, S, C, S)),
        ("continue", "task", [C, S], (S, S, C, S)),
        ("continue", "task", [E, S], (S, S, C, S)),
    ],
)
def test_the_table_of_on_error(on_error: str, kind: str, states: list[State], expected: tuple[State, ...]) -> None:
    assert a_then_b(on_error, kind, states) == expected


@pytest.mark.parametrize(
    ("on_child_error", "on_error", "states", "expected"),
    [
        ("continue-and-complete", "stop-all", [C, E], (C, C, C, C)),
        ("continue-and-complete", "stop-all", [E, E], (E, S, C, E)),
        ("continue-and-complete", "continue", [E, E], (E, K, C, E)),
        ("continue-and-error", "stop-next", [C, E], (E, K, C, E)),
        ("continue-and-error", "continue", [C, E], (E, C, C, C)),
        ("continue-and-error", "continue", [E, E], (E, C, C, C)),
        ("stop-all-and-error", "continue", [C, E, S], (E, C, C, C)),
        ("stop-all-and-error", "stop-all", [E, S, S], (E, S, C, E)),
    ],
)
def test_the_table_of_on_child_error(on_child_error, on_error, states, expected) -> None:
    assert a_then_b(on_error, "task", states, on_child_error) == expected


def test_a_node_without_executions() -> None:
    nodes = [
        NodePlan("last", "execution", upstream=["middle", "free"]),
        NodePlan("middle", "execution", upstream=["grid"]),
        NodePlan("grid", "task", "stop-next"),
        NodePlan("free", "execution"),
    ]
    found = node_states(nodes, {}, {"grid": E})
    assert found == {"grid": E, "middle": K, "last": K, "free": S}
    assert node_states(nodes, {}) == dict.fromkeys(("grid", "middle", "last", "free"), S)


@st.composite
def pipelines(draw: st.DrawFn) -> ir.Pipeline:
    """Draw two to seven nodes in the order of the file, which may differ from that of the edges."""
    count = draw(st.integers(2, 7))
    nodes = []
    for number in range(count):
        on_error = draw(st.sampled_from(ir.OnError))
        task = draw(st.booleans())
        child = draw(st.sampled_from([None, *ir.OnChildError])) if task else None
        tries = 3 if on_error is ir.OnError.RETRY else 1
        x = ir.Parameter("x", HERE, ir.ParameterType.INTEGER, 0)
        step = ir.Step("s", HERE, ("run",), parameters=(x,))
        policy = ir.Policy(on_error, child, tries)
        name = f"n {number}"
        if task:
            width = draw(st.integers(0, 3))
            grid = ir.Grid(axes=(ir.Axis("x", tuple(range(width)), HERE),))
            nodes.append(ir.TaskNode(name, HERE, step, grid, policy))
        else:
            nodes.append(ir.ExecutionNode(name, HERE, step, policy))
    order = ir.EdgeKind.DEPENDENCY
    edges = [
        ir.Edge(ir.Port(one.name, order, "*"), ir.Port(other.name, order, "*"), HERE)
        for at, one in enumerate(nodes)
        for other in nodes[at + 1 :]
        if draw(st.integers(0, 2)) == 0
    ]
    return ir.Pipeline(
        "Some Pipeline", "valohai", "f", ir.Graph(tuple(draw(st.permutations(nodes))), tuple(edges)), HERE
    )


def act(rules: Rules, store, chance: random.Random) -> Mapping[str, Mapping[int, EngineState]]:
    """Write what a run leaves in the store, also in an attempt before; returns what its engine would know."""
    before = {}
    known: dict[str, dict[int, EngineState]] = {}
    stopping = False
    for name in rules.order:
        result = rules.left_out(name, before)
        started = result is None
        if result is None:
            result = rules.run(name, before)
            if stopping and chance.random() < 0.3:
                result, started = replace(result, state=S, executions=(), started=False), False
            if not result.executions and started:
                known[name] = {NODE: EngineState(E)}
            first = next((execution.index for execution in result.executions if execution.state is E), None)
            siblings = first is not None and stops_siblings(rules.nodes[name])
            executions = []
            for execution in result.executions:
                cut = chance.random() < 0.4 and (stopping or (siblings and execution.index != first))
                executions.append(replace(execution, state=S) if cut else execution)
            if started and executions:
                result = settle(rules.nodes[name], tuple(executions))
                leave(store, rules.nodes[name], result.executions, chance, known)
        else:
            result = replace(result, executions=())
        if chance.random() < 0.5:  # cleared, when the grid was wider
            for index in range(len(result.executions), len(result.executions) + 2):
                past = store.claim(ExecutionId("Some Pipeline", "run", name, index))
                store.begin(past, {}, "t")
                store.commit(manifest(past, chance.choice([C, E, S]), {}))
        before[name] = result
        stopping = stopping or result.stops_run
    return known


def leave(store, node: ir.StepNode, executions, chance: random.Random, known) -> None:
    name = node.name
    kind = "task" if isinstance(node, ir.TaskNode) else "execution"
    of_node = known.setdefault(name, {})
    begun = 0
    for execution in executions:
        for attempt in range(1, execution.tries + 1):
            last = attempt == execution.tries
            state = execution.state if last else E
            if state is S and begun and chance.random() < 0.3:
                of_node[execution.index] = EngineState(S)  # it never began, and left nothing
                break
            identity = store.claim(ExecutionId("Some Pipeline", "run", name, execution.index, attempt, kind))
            uri = store.uri(try_key(identity, MANIFEST))
            of_node[execution.index] = EngineState(state, uri)
            if state is S and begun and chance.random() < 0.3:
                store.commit(manifest(identity, S, execution.parameters, begun=False))
                break
            store.begin(identity, execution.parameters, "t")
            begun += 1
            if state is not C and chance.random() < 0.3:
                continue  # killed with its worker
            if state is S and chance.random() < 0.5:
                of_node[execution.index] = EngineState(E, uri)  # killed, which an engine may call failed
            store.commit(manifest(identity, state, execution.parameters))


def manifest(identity: ExecutionId, state: State, parameters, *, begun: bool = True) -> Manifest:
    return Manifest(identity, state, dict(parameters), {}, {}, [], "t", "t", 0, None, "", begun)


@settings(max_examples=300)
@given(pipeline=pipelines(), seed=st.integers(0, 2**32))
def test_random_runs_end_as_the_specification_says(pipeline: ir.Pipeline, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    failures = [
        Failure(node.name, index, attempt)
        for node in pipeline.nodes
        for index in range(3)
        for attempt in range(1, 4)
        if chance.random() < 0.3
    ]
    rules = Rules(pipeline, oracle=failing(failures))
    store = open_store(f"memory://outcome-{next(NUMBERS)}")
    known = act(rules, store, chance)
    plans = [
        NodePlan(
            node.name,
            "task" if isinstance(node, ir.TaskNode) else "execution",
            node.policy.on_error.value,
            node.policy.on_child_error.value if node.policy.on_child_error else None,
            rules.upstream[node.name],
        )
        for node in pipeline.nodes
    ]
    record = finish(
        store,
        pipeline="Some Pipeline",
        run="run",
        engine="test",
        nodes=plans,
        started="t",
        parameters={},
        engine_states=known,
    )
    assert disagreements(rules, record.document) == [], json.dumps(record.document["nodes"])
    assert store.read_json(store.key(record.uri)) == record.document


def test_run_json(worker) -> None:
    """The whole document of a small real run."""
    from translator.shim.contract import Parameter, Step

    step = Step(
        "s",
        ['echo \'{"acc": 0.5, "bad": NaN}\'', "printf x > /valohai/outputs/m; exit {parameter-value:status}"],
        parameters=[Parameter("status", "integer", 0)],
    )
    worker.run(step, kind="task", index=1, parameters={"status": 3})
    fails = worker.run(step, kind="task", index=1, parameters={"status": 4})
    works = worker.run(step, kind="task", index=0)
    begun = worker.store.claim(worker.context("killed").id)
    worker.store.begin(begun, {"p": 1}, "t")
    record = finish(
        worker.store,
        pipeline="Training Pipeline",
        run="manual__2026-11-21T08:00:00+00:00",
        engine="prefect",
        nodes=[
            NodePlan("train", "task", "continue"),
            NodePlan("killed", "execution", "continue", upstream=["train"]),
            NodePlan("never", "execution", upstream=["killed"]),
        ],
        started="2026-11-21T08:00:00.000Z",
        parameters={"lr": [0.1, float("inf")]},
        engine_states={
            "train": {0: EngineState(C, works.uri), 1: EngineState(E, fails.uri)},
            "killed": {0: EngineState(E, worker.store.uri(try_key(begun, MANIFEST)))},
            "never": {0: EngineState(S)},
        },
    )
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    document = json.loads((Path(worker.uri) / "Training-Pipeline-7280a0").glob("*/run.json").__next__().read_text())
    assert document == record.document
    assert document.pop("ended").endswith("Z")
    entries = [entry for node in document["nodes"].values() for entry in node["executions"]]
    times = [(entry.pop("started"), entry.pop("ended")) for entry in entries]
    assert times == [(works.started, works.ended), (fails.started, fails.ended), ("t", None)]
    output = [{"path": "m", "size": 1, "sha256": sha256}]
    metadata = {"acc": 0.5, "bad": None}
    assert document == {
        "pipeline": "Training Pipeline",
        "run": "manual__2026-11-21T08:00:00+00:00",
        "engine": "prefect",
        "state": "stopped",
        "started": "2026-11-21T08:00:00.000Z",
        "parameters": {"lr": [0.1, None]},
        "nodes": {
            "train": {
                "kind": "task",
                "state": "complete",
                "executions": [
                    {"index": 0, "state": "complete", "tries": 1, "parameters": {"status": 0}, "metadata": metadata,
                     "outputs": output, "reason": None, "log": "train/0/try-1/log.txt"},
                    {"index": 1, "state": "error", "tries": 2, "parameters": {"status": 4}, "metadata": metadata,
                     "outputs": output, "reason": "the command ended with exit status 4; its last lines:\n"
                     '{"acc": 0.5, "bad": NaN}', "log": "train/1/try-2/log.txt"},
                ],
            },
            "killed": {
                "kind": "execution",
                "state": "error",
                "executions": [
                    {"index": 0, "state": "error", "tries": 1, "parameters": {"p": 1}, "metadata": {}, "outputs": [],
                     "reason": LOST, "log": None},
                ],
            },
            "never": {"kind": "execution", "state": "stopped", "executions": []},
        },
    }  # fmt: skip
    assert list(record.document) == [
        "pipeline", "run", "engine", "state", "started", "ended", "parameters", "nodes",
    ]  # fmt: skip


def test_the_outputs_are_listed_by_path() -> None:
    store = open_store("memory://outcome-order")
    identity = store.claim(ExecutionId("p", "r", "n"))
    store.begin(identity, {}, "t")
    records = [FileRecord(name, 1, "0" * 64, store.uri(name)) for name in ("b", "a/c", "a")]
    made = store.commit(replace(manifest(identity, C, {}), outputs=records))
    record = finish(
        store,
        pipeline="p",
        run="r",
        engine="e",
        nodes=[NodePlan("n", "execution")],
        started="t",
        parameters={},
        engine_states={"n": {0: EngineState(C, made.uri)}},
    )
    [execution] = record.document["nodes"]["n"]["executions"]
    assert [file["path"] for file in execution["outputs"]] == ["a", "a/c", "b"]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"null"])
def test_a_manifest_that_did_not_survive_is_a_lost_execution(content: bytes) -> None:
    store = open_store(f"memory://outcome-{next(NUMBERS)}")
    identity = store.claim(ExecutionId("p", "r", "n"))
    store.begin(identity, {"lr": 1}, "t")
    store.write("p/r/n/0/try-1/manifest.json", content)
    record = finish(
        store,
        pipeline="p",
        run="r",
        engine="e",
        nodes=[NodePlan("n", "execution")],
        started="t",
        parameters={},
        engine_states={"n": {0: EngineState(E, store.uri("p/r/n/0/try-1/manifest.json"))}},
    )
    [execution] = record.document["nodes"]["n"]["executions"]
    assert (execution["state"], execution["parameters"], record.state) == ("error", {"lr": 1}, "error")
    assert "manifest.json is " in execution["reason"]


NODES = [
    NodePlan("train", "task", "stop-next"),
    NodePlan("after", upstream=["train"]),
]


def run_with(known, marked=None, nodes=NODES):
    """Return the document of a run with two attempts: v0, v1 and v2 complete, then only v0, which failed."""
    store = open_store(f"memory://outcome-{next(NUMBERS)}")
    uris = {}
    for attempt, index, state in ((1, 0, C), (1, 1, C), (1, 2, S), (2, 0, E)):
        identity = store.claim(ExecutionId("p", "r", "train", index, attempt, "task"))
        store.begin(identity, {"v": index}, "t")
        record = FileRecord(f"v{index}-{attempt}", 1, "0" * 64, store.uri("x"))
        uris[attempt, index] = store.commit(replace(manifest(identity, state, {"v": index}), outputs=[record])).uri
    plain = {"train": {i: EngineState(s, uris.get(u)) for i, (s, u) in known.items()}}
    at = {"pipeline": "p", "run": "r", "engine": "e", "started": "t"}
    return finish(store, **at, nodes=nodes, parameters={}, engine_states=plain, marked=marked).document


def seen(document, node="train"):
    return [(e["index"], e["state"], e["tries"], e.get("marked")) for e in document["nodes"][node]["executions"]]


def test_only_what_the_engine_lists_exists() -> None:
    document = run_with({0: (C, (1, 0))})
    assert seen(document) == [(0, "complete", 1, None)]
    assert document["nodes"]["train"]["state"] == "complete"
    assert run_with({})["nodes"]["train"] == {"kind": "task", "state": "stopped", "executions": []}
    assert run_with({})["state"] == "stopped"


def test_the_engines_try_counts_and_not_the_last_or_the_best() -> None:
    document = run_with({0: (E, (2, 0)), 1: (C, (1, 1))})
    assert seen(document) == [(0, "error", 2, None), (1, "complete", 1, None)]
    assert [e["outputs"][0]["path"] for e in document["nodes"]["train"]["executions"]] == ["v0-2", "v1-1"]
    document = run_with({0: (C, (1, 0)), 1: (C, (1, 1))})
    assert seen(document) == [(0, "complete", 1, None), (1, "complete", 1, None)]


def test_an_execution_that_the_engine_never_started_has_no_past() -> None:
    assert seen(run_with({0: (S, None), 1: (C, (1, 1))})) == [(0, "stopped", 0, None), (1, "complete", 1, None)]
    document = run_with({0: (S, None), 1: (K, (1, 1))})
    assert document["nodes"]["train"]["executions"] == []


def test_a_manifest_says_why_an_execution_failed() -> None:
    assert seen(run_with({0: (C, (1, 0)), 2: (E, (1, 2))})) == [(0, "complete", 1, None), (2, "stopped", 1, None)]


def test_a_person_marks_executions_as_success() -> None:
    document = run_with({0: (C, (2, 0)), 1: (C, None), 2: (C, (1, 2))})
    assert seen(document) == [
        (0, "complete", 2, "success"),
        (1, "complete", 0, "success"),
        (2, "complete", 1, "success"),
    ]
    executions = document["nodes"]["train"]["executions"]
    assert [[file["path"] for file in e["outputs"]] for e in executions] == [["v0-2"], [], ["v2-1"]]
    assert [e["reason"] for e in executions] == [None, None, None]
    assert document["nodes"]["train"]["state"] == "complete"
    assert "marked" not in document["nodes"]["train"]


def test_a_person_marks_an_execution_as_failed() -> None:
    document = run_with({0: (E, (1, 0)), 1: (C, (1, 1))})
    assert seen(document) == [(0, "error", 1, None), (1, "complete", 1, None)]
    assert "a person marked it" in document["nodes"]["train"]["executions"][0]["reason"]
    assert (document["nodes"]["after"]["state"], document["state"]) == ("skipped", "error")


def test_a_person_marks_a_node_as_success() -> None:
    store = open_store(f"memory://outcome-{next(NUMBERS)}")
    known = {"train": {0: EngineState(E), NODE: EngineState(C, marked=True)}, "after": {0: EngineState(C)}}
    at = {"pipeline": "p", "run": "r", "engine": "e", "started": "t"}
    document = finish(store, **at, nodes=NODES, parameters={}, engine_states=known).document
    train = document["nodes"]["train"]
    assert (train["state"], train["marked"], train["executions"][0]["state"]) == ("complete", "success", "error")
    assert (document["state"], "marked" in document) == ("complete", False)


def test_a_person_marks_the_run() -> None:
    failed = {0: (E, (2, 0))}
    document = run_with(failed, "success")
    assert (document["state"], document["marked"]) == ("complete", "success")
    assert document["nodes"]["train"]["state"] == "error"
    assert list(document)[:6] == ["pipeline", "run", "engine", "state", "marked", "started"]
    complete = {0: (C, (1, 0))}
    only = [NodePlan("train", "task")]
    assert run_with(complete, nodes=only)["state"] == "complete"
    marked = run_with(complete, "failed", nodes=only)
    assert (marked["state"], marked["marked"]) == ("error", "failed")
    assert run_with({}, "failed")["state"] == "stopped"


def test_a_node_without_executions_says_itself_why_it_is_in_error() -> None:
    store = open_store(f"memory://outcome-{next(NUMBERS)}")
    record = finish(
        store,
        pipeline="p",
        run="r",
        engine="e",
        nodes=[NodePlan("n", "task"), NodePlan("after", upstream=["n"])],
        started="t",
        parameters={},
        engine_states={"n": {NODE: EngineState(E, reason="v.yaml:3: the grid has no points\x00")}},
    )
    assert record.document["nodes"]["n"] == {
        "kind": "task",
        "state": "error",
        "reason": "v.yaml:3: the grid has no points",
        "executions": [],
    }
    assert "reason" not in record.document["nodes"]["after"]


def test_the_reason_of_an_error_says_where_and_what(worker) -> None:
    from translator.shim.contract import Step

    failed = worker.run(Step("s", ["echo last; exit 4"], source="valohai.yaml:24"))
    assert failed.reason == "valohai.yaml:24: the command ended with exit status 4; its last lines:\nlast"
    worker.should_stop = lambda: "enough"
    assert worker.run(Step("s", ["true"], source="valohai.yaml:24")).reason == "enough"
