"""Provide a store with runs, as engines leave them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import ExecutionId, Manifest, State
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.store import LOG, MANIFEST, open_store, try_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from translator.shim.outcome.run_record import RunRecord
    from translator.shim.store import Store

_stores = itertools.count()


@dataclass
class Made:
    """A store, and a way to put runs into it."""

    uri: str
    scratch: Path
    known: dict[str, dict[int, EngineState]] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return open_store(self.uri)

    def execution(
        self,
        run: str,
        node: str,
        index: int = 0,
        *,
        pipeline: str = "Training Pipeline",
        state: State | None = State.COMPLETE,
        outputs: Mapping[str, str] | None = None,
        log: str = "",
        kind: str = "execution",
        started: str = "2026-11-28T08:00:00.000Z",
        ended: str = "2026-11-28T08:00:12.500Z",
        **values: Mapping[str, object],
    ) -> None:
        """Leave what an execution leaves; without a state, it is still running."""
        store = self.store
        identity = store.claim(ExecutionId(pipeline, run, node, index, kind=kind))
        store.begin(identity, values.get("parameters", {}), started)
        store.write(try_key(identity, LOG), log.encode())
        uri = store.uri(try_key(identity, MANIFEST))
        if state is not None:
            folder = self.scratch / f"{run}-{node}-{index}"
            folder.mkdir(parents=True)
            for path, text in (outputs or {}).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
            manifest = Manifest(
                id=identity,
                state=state,
                parameters=values.get("parameters", {}),
                metadata=values.get("metadata", {}),
                inputs={},
                outputs=store.publish(identity, folder, list(outputs or {})),
                started=started,
                ended=ended,
                exit_status=0 if state is State.COMPLETE else 1,
                reason=None if state is State.COMPLETE else "the command ended with exit status 1",
            )
            uri = store.commit(manifest).uri
        self.known.setdefault(node, {})[index] = EngineState(state or State.ERROR, uri)

    def finish(
        self,
        run: str,
        *,
        pipeline: str = "Training Pipeline",
        engine: str = "airflow",
        started: str = "2026-11-28T08:00:00.000Z",
    ) -> RunRecord:
        """Write the record of a run, from the executions since the last one."""
        known, self.known = self.known, {}
        plans = [NodePlan(name, "task" if max(of) else "execution") for name, of in known.items()]
        return finish(
            self.store,
            pipeline=pipeline,
            run=run,
            engine=engine,
            started=started,
            parameters={"rate": 0.1},
            engine_states=known,
            nodes=plans,
        )


@pytest.fixture(params=["folder", "objects"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    uri = str(tmp_path / "store") if request.param == "folder" else f"memory://history-{next(_stores)}"
    return Made(uri, tmp_path / "scratch")
