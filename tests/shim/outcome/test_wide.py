"""Test that the record of a run costs the same per execution, however many there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from translator.shim.contract import ExecutionId, Manifest, State
from translator.shim.outcome import run_record
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.traces import EngineState
from translator.shim.store import open_store

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

BEGAN = "2026-11-27T10:00:00.000Z"


def cost(folder: Path, executions: int) -> tuple[int, int]:
    """Return the calls of functions that write a record, which do not depend on the load, and its bytes."""
    store = open_store(str(folder))
    states: dict[int, EngineState] = {}
    for index in range(executions):
        identity = ExecutionId("Wide", "run", "train", index, 1)
        manifest = Manifest(identity, State.COMPLETE, {"x": index}, {"score": index / 7}, {}, [], BEGAN, BEGAN)
        states[index] = EngineState(State.COMPLETE, store.commit(manifest).uri)
    calls = 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        record = run_record.finish(
            store,
            pipeline="Wide",
            run="run",
            engine="prefect",
            started=BEGAN,
            parameters={},
            engine_states={"train": states},
            nodes=[NodePlan("train", "task")],
        )
    finally:
        sys.setprofile(None)
    assert len(record.document["nodes"]["train"]["executions"]) == executions
    return calls, (folder / "Wide" / "run" / "run.json").stat().st_size


def test_a_record_is_linear_in_its_executions(tmp_path: Path) -> None:
    cost(tmp_path / "warm", 1)
    (calls, size), (twice, double) = cost(tmp_path / "some", 200), cost(tmp_path / "more", 400)
    assert twice < 2.1 * calls
    assert double < 2.1 * size
