"""Test how past runs are listed and found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.history.records import DEEPEST, executions, flaw
from translator.history.runs import UNFINISHED, UNREADABLE, HistoryError, find, runs
from translator.history.selection import select
from translator.shim.contract import State
from translator.shim.store import open_store

if TYPE_CHECKING:
    from tests.history.conftest import Made


def record(nodes: object = None, **changed: object) -> dict[str, object]:
    return {
        "pipeline": "P",
        "run": "r",
        "engine": "prefect",
        "state": "complete",
        "started": None,
        "ended": None,
        "nodes": {} if nodes is None else nodes,
        **changed,
    }


def entry(**changed: object) -> dict[str, object]:
    return {
        "index": 0,
        "state": "complete",
        "tries": 1,
        "parameters": {},
        "metadata": {},
        "outputs": [],
        "reason": None,
        **changed,
    }


def node(*entries: object, **changed: object) -> dict[str, object]:
    return {"kind": "execution", "state": "complete", "executions": list(entries), **changed}


def test_the_latest_run_is_first_whatever_its_name(made: Made) -> None:
    for name, day in (("b", 1), ("c", 3), ("a", 2)):
        made.execution(name, "train")
        made.finish(name, started=f"2026-11-0{day}T08:00:00.000Z")
    made.execution("z", "fit", pipeline="Other")
    made.finish("z", pipeline="Other", started="2026-10-01T08:00:00.000Z")
    assert [run.name for run in runs(made.store)] == ["c", "a", "b", "z"]
    assert [run.name for run in runs(made.store, "Training Pipeline")] == ["c", "a", "b"]
    assert [run.name for run in runs(made.store, "Training-Pipeline-7280a0")] == ["c", "a", "b"]
    assert runs(made.store, "Nothing") == []


def test_an_empty_store_has_no_runs(made: Made) -> None:
    assert runs(made.store) == []
    with pytest.raises(HistoryError, match="there are no runs in "):
        find(made.store, "latest")


def test_a_run_is_found_by_its_name(made: Made) -> None:
    for name in ("20261128-080000-aaaa", "20261128-090000-bbbb"):
        made.execution(name, "train")
        made.finish(name)
    made.execution("20261128-080000-aaaa", "fit", pipeline="Other")
    made.finish("20261128-080000-aaaa", pipeline="Other", started="2026-11-29T08:00:00.000Z")
    store = made.store
    assert find(store, "latest").folder == "Other"
    assert find(store, "latest", "Training Pipeline").name == "20261128-080000-aaaa"
    assert find(store, "20261128-09").name == "20261128-090000-bbbb"
    assert find(store, "Other/20261128-080000-aaaa").folder == "Other"
    with pytest.raises(HistoryError, match=r"is the name of 2 runs: .*Other/20261128-080000-aaaa"):
        find(store, "20261128-080000-aaaa")
    with pytest.raises(HistoryError, match="did you mean '20261128-090000-bbbb'"):
        find(store, "20261128-090000-bbb7")
    with pytest.raises(HistoryError, match="there is no run ''"):
        find(store, "")


def test_a_run_without_record_shows_what_it_has_so_far(made: Made) -> None:
    made.execution("r", "train", 0, kind="task", metadata={"accuracy": 0.5})
    made.execution("r", "train", 1, kind="task", state=None)
    [run] = runs(made.store)
    assert (run.state, run.flaw, run.record["started"]) == (UNFINISHED, None, "2026-11-28T08:00:00.000Z")
    first, second = executions(run.record)
    assert (first.name, first.entry["state"], first.entry["metadata"]) == ("train[0]", "complete", {"accuracy": 0.5})
    assert (second.name, second.entry["state"], second.entry["ended"]) == ("train[1]", UNFINISHED, None)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"[", "is not JSON"),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"[]", "it is not an object"),
        (b"{}", "it has no 'pipeline'"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, document: bytes, said: str) -> None:
    (tmp_path / "P" / "r").mkdir(parents=True)
    (tmp_path / "P" / "r" / "run.json").write_bytes(document)
    [run] = runs(open_store(str(tmp_path)))
    assert run.state == UNREADABLE
    assert said in str(run.flaw)


def test_other_directories_do_not_count(tmp_path: Path) -> None:
    (tmp_path / ".work" / "train").mkdir(parents=True)
    (tmp_path / "P" / "notes").mkdir(parents=True)
    (tmp_path / "P" / "notes" / "a.txt").touch()
    (tmp_path / "README").touch()
    assert runs(open_store(str(tmp_path))) == []


def nested(depth: int) -> dict[str, object]:
    graph: dict[str, object] = {}
    for _ in range(depth):
        graph = {"n": {"kind": "map", "state": "complete", "branches": {"0": {"state": "complete", "nodes": graph}}}}
    return graph


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (record(), None),
        (record({"n": node(entry())}), None),
        (record(nested(10)), None),
        (record(state=3), "'state' has the wrong type"),
        (record([]), "'nodes' has the wrong type"),
        (record({"n": None}), "node 'n': it is not an object"),
        (record({"n": {"kind": "task", "state": "error"}}), "node 'n': it has no list of executions"),
        (record({"n": node(None)}), "node 'n': a part of it is not an object"),
        (record({"n": node(entry(index=True))}), "node 'n': 'index' has the wrong type"),
        (record({"n": node(entry(outputs=[{"path": "p"}]))}), "node 'n': it has no 'size'"),
        (record({"n": {"kind": "map", "state": "complete", "branches": []}}), "node 'n': its branches are not an"),
        (record(nested(DEEPEST)), "it is nested too deep"),
    ],
)
def test_records_are_checked(document: object, said: str | None) -> None:
    found = flaw(document)
    assert found is None if said is None else said in str(found)


def test_executions_are_selected_by_node_and_number() -> None:
    inner = {"fit": node(entry(log="m.0.fit/0/try-1/log.txt")), "v1.2": node(entry())}
    branches = {"0": {"state": "complete", "nodes": inner}, "1": {"state": "complete", "nodes": {"fit": node(entry())}}}
    document = record(
        {
            "train": node(entry(), entry(index=1), kind="task"),
            "m": {"kind": "map", "state": "complete", "branches": branches},
        }
    )

    def names(name: str | None) -> list[str]:
        return [one.name for one in select(document, name)]

    assert names(None) == ["train[0]", "train[1]", "m.0.fit", "m.0.v1.2", "m.1.fit"]
    assert names("train") == ["train[0]", "train[1]"]
    assert names("train[1]") == names("train.1") == ["train[1]"]
    assert names("m") == ["m.0.fit", "m.0.v1.2", "m.1.fit"]
    assert names("v1.2") == ["m.0.v1.2"]
    assert names("m.0.fit") == names("m.0.fit[0]") == ["m.0.fit"]
    for name, said in {
        "trian": "did you mean 'train'",
        "train[2]": "node 'train' has no execution 2",
        "fit": "'fit' is the name of 2 nodes in this run: 'm.0.fit', 'm.1.fit'",
    }.items():
        with pytest.raises(HistoryError, match=said.replace("[", "\\[")):
            select(document, name)


def test_the_state_of_a_run_is_that_of_its_record(made: Made) -> None:
    made.execution("r", "train", state=State.ERROR)
    made.finish("r")
    assert find(made.store, "latest").state == "error"
