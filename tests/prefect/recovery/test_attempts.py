"""Test the traces of a killed attempt: damaged traces hide no others, and the cost per item does not grow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("prefect")

from prefect_plugin.recovery.attempts import (
    Begun,
    _branches,
    _read,
    _tries,
    _Try,
    _with_composites,
    _with_routes,
    note_earlier_tries,
    write_attempt,
)
from translator.shim.contract import ExecutionId, Manifest, State, StoreAddress
from translator.shim.outcome.plans import BODY, CompositePlan, GraphPlan, NodePlan
from translator.shim.outcome.traces import EngineState
from translator.shim.store import Store, open_store

if TYPE_CHECKING:
    from types import FrameType

# The clock of the machine on which the executions run is behind that of the flow's machine.
RUN_BEGAN, BEGAN = "2026-11-27T12:00:00+00:00", "2026-11-27T10:00:00+00:00"
TRY = _Try(BEGAN, EngineState(State.COMPLETE))
MAP = CompositePlan(
    "m", "map", {BODY: GraphPlan([NodePlan("one"), CompositePlan("p", "parallel", {"b": GraphPlan()})])}
)


def begin(store: Store, node: str, *, complete: bool = False) -> Path:
    identity = store.claim(ExecutionId("Crash", "run", node, 0))
    store.begin(identity, {"x": 1}, BEGAN)
    if complete:
        store.commit(Manifest(identity, State.COMPLETE, {}, {}, {}, [], BEGAN, BEGAN))
    (folder,) = Path(store.root.removeprefix("file://")).glob(
        f"Crash/run/{node.replace(' ', '-')}*/0/try-{identity.attempt}"
    )
    return folder


def test_tries_of_earlier_attempts(tmp_path: Path) -> None:
    """Clocks do not tell which these are: here, all tries seem to have begun before the run."""
    store, address = open_store(str(tmp_path)), StoreAddress(str(tmp_path))
    nodes = [NodePlan(name) for name in ("once", "twice", "later")]
    assert note_earlier_tries(address, "Crash", "run") == {}
    write_attempt(address, Begun("Crash", "run", RUN_BEGAN, {}, nodes))
    begin(store, "once", complete=True)
    begin(store, "twice")
    assert list(_tries(store, _read(store, "Crash", "run", RUN_BEGAN))) == ["once", "twice"]
    assert note_earlier_tries(address, "Crash", "run") == {"once/0": 1, "twice/0": 1}
    begin(store, "twice", complete=True)
    begin(store, "later", complete=True)
    found = _tries(store, _read(store, "Crash", "run", RUN_BEGAN))
    assert {name: of[0].known.state for name, of in found.items()} == dict.fromkeys(("later", "twice"), State.COMPLETE)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'"text"', b"null", b'{"node": "x"}', b"\xff", b"[" * 100_000])
def test_damaged_traces(tmp_path: Path, damage: bytes) -> None:
    store = open_store(str(tmp_path))
    begin(store, "whole", complete=True)
    (begin(store, "two words") / "started.json").write_bytes(damage)
    (begin(store, "lost manifest", complete=True) / "manifest.json").write_bytes(damage)
    nodes = [NodePlan(name) for name in ("whole", "two words", "lost manifest")]
    found = _tries(store, Begun("Crash", "run", RUN_BEGAN, {}, nodes))
    assert {name: of[0].known.state for name, of in found.items()} == {
        "whole": State.COMPLETE,
        "two words": State.ERROR,
        "lost manifest": State.ERROR,
    }


def test_a_damaged_trace_of_a_control_flow_graph(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (begin(store, "m.0.one") / "started.json").write_bytes(b"{}")
    assert list(_tries(store, Begun("Crash", "run", RUN_BEGAN, {}, graph=GraphPlan([MAP])))) == ["m.0.one"]


def calls(items: int) -> int:
    """Count the functions that the graph of a crashed map calls, which does not depend on the load."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    made: Any = {f"m.{index}.{inner}": {0: TRY} for index in range(items) for inner in ("one", "p.b.i")}
    sys.setprofile(counted)
    try:
        tries = _with_composites(made)
        _with_routes(GraphPlan([MAP]), {path: of[0] for path, of in tries.items()}, _branches(tries), [""])
    finally:
        sys.setprofile(None)
    assert {path for path in tries if path.count(".") < 3} >= {"m", "m.0.p", f"m.{items - 1}.p"}
    return count


def test_many_items() -> None:
    assert calls(400) < 2.2 * calls(200)
