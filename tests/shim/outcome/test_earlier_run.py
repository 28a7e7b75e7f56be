"""Test what a run takes from an earlier run of its pipeline."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import After, ExecutionId, Manifest, Scope, State
from translator.shim.outcome import earlier_run
from translator.shim.outcome.earlier_run import EarlierRunError, find, manifests, recorded
from translator.shim.outcome.plans import GraphPlan, NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.store import MANIFEST, RUN, StoreError, key_of, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from translator.shim.contract import NodeKind
    from translator.shim.store import Store

P = "The Pipeline"
C, E = State.COMPLETE, State.ERROR


@pytest.fixture(params=["files", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    uri = str(tmp_path / "store") if request.param == "files" else f"memory://{tmp_path.name}"
    return open_store(uri)


def attempt(
    store: Store, run: str, node: str, index: int, state: State, number: int = 1, kind: NodeKind = "task"
) -> str:
    """Leave an attempt in the store as an execution does; return the URI of its manifest."""
    identity = store.claim(ExecutionId(P, run, node, index, number, kind))
    store.begin(identity, {}, "2026")
    store.log(identity).close()
    written = Manifest(identity, state, {"lr": index}, {"best": index}, {}, [], "2026", "2026")
    return store.commit(written).uri


def run(store: Store, name: str, started: str, **nodes: list[State]) -> None:
    """Leave a run in the store, with the states of its nodes' executions."""
    known = {
        node: {i: EngineState(state, attempt(store, name, node, i, state)) for i, state in enumerate(states)}
        for node, states in nodes.items()
    }
    plans = [NodePlan(node, "task", "continue") for node in nodes]
    finish(
        store, pipeline=P, run=name, engine="prefect", started=started, parameters={}, engine_states=known, nodes=plans
    )


def names(store: Store, own: str, node: str, wanted: str = "latest") -> list[tuple[str, int]]:
    return [(one.id.run, one.id.index) for one in manifests(store, P, own, node, wanted)]


def test_the_latest_run_counts_and_only_its_complete_executions(store: Store) -> None:
    run(store, "b", "2026-02", train=[C, E, C])
    run(store, "a", "2026-01", train=[C, C, C])
    store.write(key_of(P, "c", "train", 0, 1, MANIFEST), b"{}")  # a run that has not ended
    assert names(store, "own", "train") == [("b", 0), ("b", 2)]
    assert names(store, "other", "train", "a") == [("a", 0), ("a", 1), ("a", 2)]


def test_the_choice_is_kept(store: Store) -> None:
    run(store, "a", "2026-01", train=[C], other=[C])
    assert names(store, "own", "train") == [("a", 0)]
    run(store, "b", "2026-02", train=[C], other=[C])
    assert names(store, "own", "other") == [("a", 0)]
    assert recorded(store, P, "own") == "a"
    assert names(store, "own", "other", "b") == [("b", 0)]  # translated again with --run
    assert recorded(store, P, "own") == "b"


def test_a_repeated_earlier_run_does_not_change_what_was_taken(store: Store) -> None:
    run(store, "a", "2026-01", train=[C])
    before = manifests(store, P, "own", "train")
    again = EngineState(C, attempt(store, "a", "train", 0, C, 2))
    arguments: dict[str, Any] = {"engine": "prefect", "started": "2026-03", "parameters": {}}
    finish(store, pipeline=P, run="a", engine_states={"train": {0: again}}, nodes=[NodePlan("train")], **arguments)
    assert manifests(store, P, "own", "train") == before
    assert manifests(store, P, "next", "train")[0].id.attempt == 2


def test_a_part_has_what_it_took_itself(store: Store) -> None:
    run(store, "a", "2026-01", first=[C], train=[C])
    names(store, "b", "first")
    run(store, "b", "2026-02", train=[E, E])
    assert names(store, "c", "first") == [("a", 0)]
    with pytest.raises(EarlierRunError, match="the earlier run b is error at node 'train'"):
        names(store, "c", "train")
    run(store, "c", "2026-03", last=[C])
    assert names(store, "d", "first") == [("a", 0)]


def test_a_node_may_have_failed(store: Store) -> None:
    run(store, "a", "2026-01", train=[E, E], other=[C])
    for _ in range(2):  # also once the choice is kept
        assert manifests(store, P, "own", "train", may_fail=True) == ()
        assert len(manifests(store, P, "own", "other", may_fail=True)) == 1
        with pytest.raises(EarlierRunError, match="the earlier run a is error at node 'train'"):
            manifests(store, P, "own", "train")
        with pytest.raises(EarlierRunError, match="the earlier run a has no execution of node 'none'"):
            manifests(store, P, "own", "none", may_fail=True)


def test_the_own_run_does_not_count(store: Store) -> None:
    run(store, "own", "2026-01", train=[C])
    with pytest.raises(EarlierRunError, match="there is no earlier run of the pipeline 'The Pipeline'"):
        names(store, "own", "train")
    assert recorded(store, P, "own") is None


def test_a_named_run_may_have_no_record(store: Store) -> None:
    attempt(store, "a", "train", 0, E, kind="execution")
    attempt(store, "a", "train", 0, C, 2, kind="execution")
    attempt(store, "a", "other", 0, E, kind="execution")
    assert names(store, "own", "train", "a") == [("a", 0)]
    with pytest.raises(EarlierRunError, match="the earlier run a is error at node 'other', which is left out"):
        names(store, "own", "other", "a")


def test_a_task_node_of_a_run_without_a_record_may_have_more_executions(store: Store) -> None:
    attempt(store, "a", "train", 0, C)
    attempt(store, "a", "train", 1, C)  # the grid has more points, which wait for a worker
    expected = "has no record, so it is not known whether all executions of the task node 'train' are complete"
    for _ in range(2):  # also if the choice is kept
        with pytest.raises(EarlierRunError, match=expected):
            names(store, "own", "train", "a")


def test_unreadable_records_of_other_runs_do_not_matter(store: Store) -> None:
    run(store, "b", "2026-02", train=[C])
    for name, content in (("a", b'{"nodes": {'), ("c", b"[]"), ("d", b"\xff"), ("e", b"[" * 5000)):
        store.write(key_of(P, name, name=RUN), content)
    assert names(store, "own", "train") == [("b", 0)]
    for name in "acde":
        with pytest.raises(EarlierRunError, match="take another run with --run RUN"):
            names(store, f"own-{name}", "train", name)


@pytest.mark.parametrize(
    ("node", "wanted", "message"),
    [
        ("train", "b", "there is no earlier run 'b' of the pipeline"),
        ("train", "../a", "there is no earlier run '../a' of the pipeline"),
        ("other", "latest", "the earlier run a has no execution of node 'other', which is left out of this run; run"),
    ],
)
def test_what_does_not_exist(store: Store, node: str, wanted: str, message: str) -> None:
    run(store, "a", "2026-01", train=[C])
    with pytest.raises(EarlierRunError) as error:
        names(store, "own", node, wanted)
    assert str(error.value).startswith(message)


def test_an_execution_whose_log_was_lost(store: Store) -> None:
    run(store, "a", "2026-01", train=[C])
    key = key_of(P, "a", name=RUN)
    document = store.read_json(key)
    document["nodes"]["train"]["executions"][0]["log"] = None
    store.write_json(key, document)
    assert names(store, "own", "train") == [("a", 0)]


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"nodes": []},
        {"nodes": {"train": 1}},
        {"nodes": {"train": {"state": "complete", "executions": [{"state": "complete", "log": "../../0/try-1/x"}]}}},
        {"nodes": {"train": {"state": ["complete"], "executions": 1}}},
        {"nodes": {"train": {"state": "complete", "executions": [{"state": "complete", "index": "0"}, 1]}}},
    ],
)
def test_bad_records_are_errors_or_bring_nothing(store: Store, document: object) -> None:
    store.write(key_of(P, "a", name=RUN), json.dumps(document).encode())
    with contextlib.suppress(EarlierRunError):
        assert names(store, "own", "train") == []


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"run": "a", "state": "complete", "nodes": {"train": 1}}',
        b'{"run": "a", "state": "complete", "nodes": {"train": {"state": "complete", "executions": ["../../x"]}}}',
        b'{"run": "a", "state": "complete", "nodes": {"train": {"state": "complete", "executions": ["none"]}}}',
    ],
)
def test_bad_choices_are_errors(store: Store, content: bytes) -> None:
    store.write(key_of(P, "own", name=earlier_run.EARLIER), content)
    with pytest.raises((EarlierRunError, StoreError)):
        names(store, "own", "train")


def test_find_returns_the_state_of_the_run(store: Store) -> None:
    run(store, "a", "2026-01", train=[C])
    run(store, "b", "2026-02", train=[E])
    assert (find(store, P).name, find(store, P).state) == ("b", "error")
    assert find(store, P, besides="b").executions("train") == [key_of(P, "a", "train", 0, 1, MANIFEST)]


def graph_run(store: Store, name: str, **nodes: State) -> None:
    """Leave a run of a control-flow graph whose nodes follow each other; each has its name as a parameter."""
    known: dict[str, dict[int, EngineState]] = {}
    for node, state in nodes.items():
        identity = store.claim(ExecutionId(P, name, node))
        store.begin(identity, {}, "2026")
        store.log(identity).close()
        scope = Scope(written={"node": node})
        uri = store.commit(Manifest(identity, state, {}, {}, {}, [], "2026", "2026", scope=scope)).uri
        known[node] = {0: EngineState(state, uri)}
    after = [[], *([After(node, "complete" if state is C else "error")] for node, state in nodes.items())]
    plan = GraphPlan([NodePlan(node, after=before) for node, before in zip(nodes, after, strict=False)])
    arguments: dict[str, Any] = {"engine": "prefect", "started": "2026", "parameters": {}}
    finish(store, pipeline=P, run=name, engine_states=known, graph=plan, **arguments)


def test_a_part_of_a_control_flow_graph_starts_where_the_earlier_run_was(store: Store) -> None:
    graph_run(store, "a", first=C, second=E, third=C)
    places = [After("first", "error"), After("second", "complete"), After("second", "error")]
    assert earlier_run.scope(store, P, "own", places).parameters == {"node": "second"}
    assert earlier_run.scope(store, P, "own", [After("first", "complete")]).parameters == {"node": "first"}
    with pytest.raises(
        EarlierRunError, match="a did not come to the start of this part: neither 'third' failed; start"
    ):
        earlier_run.scope(store, P, "own", [After("third", "error")])


def test_a_run_of_another_kind_of_graph_has_no_scope(store: Store) -> None:
    run(store, "a", "2026-01", train=[C])
    with pytest.raises(EarlierRunError, match="has no parameters: it is not of a control-flow graph"):
        earlier_run.scope(store, P, "own", [After("train", "complete")])
