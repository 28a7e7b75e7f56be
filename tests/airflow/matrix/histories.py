"""Do to DAGs that run a pipeline several times what people do: clear, cancel, and lose what runs.

``tests.matrices.Matrix`` predicts what begins: only a run that failed is started again, and keeps what was complete.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tests import matrices
from tests.airflow.scheduler import task_runner, wait_until
from tests.matrices import HISTORIES, NODES, SEEDS, Matrix
from tests.processes import process_in
from translator.targets import airflow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from tests.airflow.scheduler import Airflow

NUMBERS = itertools.count(1)
RUN = "all"


@dataclass(frozen=True)
class Plan:
    """What an attempt does: what fails, and what waits (``NODE-SEED``) for its end, from which the attempt continues.

    That is a kill of its task, or a cancel of its run.
    """

    failures: frozenset[str] = frozenset()
    ends_by: Literal["itself", "kill", "cancel"] = "itself"
    hold: str = ""

    @property
    def failing(self) -> frozenset[str]:
        """What is not complete."""
        return self.failures | ({self.hold} if self.hold else frozenset())


class MatrixHistory:
    """One run of a DAG that starts the runs of a pipeline, attempt by attempt."""

    scheduler: ClassVar[Airflow]

    def __init__(self) -> None:
        self.number = next(NUMBERS)
        self.own, self.dag = f"matrix_{self.number}", f"matrix_{self.number}_matrix"
        project = self.scheduler.home / "matrices" / str(self.number) / "project"
        project.mkdir(parents=True)
        self.home: Path = project.parent / "home"
        text = HISTORIES.replace("NAME", f"Matrix {self.number}")
        matrices.write(airflow, project, self.scheduler.dags, text, [f"seed={','.join(map(str, SEEDS))}"])
        self.scheduler.wait_for_dags(self.own, self.dag)
        self.scheduler.api("PATCH", f"/api/v2/dags/{self.own}", {"is_paused": False})
        self.matrix = Matrix()
        self.starts: Counter[int] = Counter()
        self.states: dict[int, dict[str, str]] = {}
        self.kept: dict[int, set[str]] = {}
        self.log: list[object] = []

    def failed(self) -> list[int]:
        """Return the seeds whose runs are not complete."""
        return [seed for seed in SEEDS if not self.matrix.is_complete(seed)]

    def begins(self, seeds: Collection[int], failures: Collection[str]) -> list[str]:
        """Return what begins if some runs are started, or cleared."""
        return [name for seed in seeds if seed in self.failed() for name in self.matrix.begins(seed, failures)]

    def trigger(self, plan: Plan) -> None:
        """Start all runs."""
        self._attempt(SEEDS, plan, lambda: self.scheduler.trigger(self.dag, RUN))

    def clear(self, seeds: Collection[int], plan: Plan) -> None:
        """Clear the tasks of some runs, and what follows them."""
        indexes = [SEEDS.index(seed) for seed in seeds]
        body = {
            "dag_run_id": RUN,
            "task_ids": [*([task, index] for index in indexes for task in ("start", "wait")), "summary"],
            "dry_run": False,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._attempt(
            seeds, plan, lambda: self.scheduler.api("POST", f"/api/v2/dags/{self.dag}/clearTaskInstances", body)
        )

    def _attempt(self, seeds: Collection[int], plan: Plan, begin: Any) -> None:
        self.log.append((sorted(seeds), plan))
        matrices.plan(self.home, plan.failures, plan.hold)
        expected = self.begins(seeds, plan.failing)
        for seed in set(seeds).intersection(self.failed()):
            self.starts[seed] += 1
            self.kept[seed] = {name for node in NODES if (name := f"{node}-{seed}") in self.matrix.complete}
        begin()
        ended: list[str] = []
        state = self.scheduler.wait(self.dag, RUN, meanwhile=lambda: self._end(plan, ended))
        assert bool(ended) is bool(plan.hold), self.log
        wait_until(lambda: process_in(self.home / "held") is None)
        begun = matrices.begun_in(self.home)
        assert Counter(begun) == Counter(expected), f"{begun} is not {expected}: {self.log}"
        self.matrix.complete |= {*begun} - plan.failing
        for seed in seeds:
            if names := [name for name in begun if name.endswith(f"-{seed}")]:
                cut = "stopped" if plan.hold in names and plan.ends_by == "cancel" else "error"
                self.states[seed] = self.matrix.states(seed, names, cut)
        assert state == ("failed" if self.failed() else "success"), self.log
        self._check()

    def _end(self, plan: Plan, ended: list[str]) -> None:
        """End what waits, once."""
        pid = process_in(self.home / "held") if plan.hold and not ended else None
        if pid is None:
            return
        ended.append(plan.hold)
        if plan.ends_by == "kill":
            os.kill(task_runner(pid), signal.SIGKILL)
        else:
            run = self._name(int(plan.hold.rpartition("-")[2]))
            self.scheduler.api("PATCH", f"/api/v2/dags/{self.own}/dagRuns/{run}", {"state": "failed"})

    def _name(self, seed: int) -> str:
        """Return the name of the latest run of a seed."""
        first = f"{RUN}__{SEEDS.index(seed)}"
        return first if self.starts[seed] == 1 else f"{first}__{self.starts[seed]}"

    def _check(self) -> None:
        rows = self._summary()
        assert [row["run"] for row in rows] == [self._name(seed) for seed in SEEDS], self.log
        for seed, row in zip(SEEDS, rows, strict=True):
            states = self.states[seed]
            # After a cancel, a listener may write the record, and nothing waits for that.
            for _ in range(100):
                document = self._document(seed)
                if {name: node["state"] for name, node in document.get("nodes", {}).items()} == states:
                    break
                time.sleep(0.3)
            told = f"seed {seed} of {self.log}: {json.dumps(document, indent=1)}"
            assert {name: node["state"] for name, node in document["nodes"].items()} == states, told
            kept = {
                f"{name}-{seed}"
                for name, node in document["nodes"].items()
                for one in node["executions"]
                if one.get("reused")
            }
            assert kept == self.kept[seed], told
            if row["state"] != "no record":
                assert (row["state"] == "complete") is self.matrix.is_complete(seed), told

    def _document(self, seed: int) -> Mapping[str, Any]:
        files = list(self.scheduler.store.glob(f"Matrix-{self.number}-*/{self._name(seed)}/run.json"))
        document: Mapping[str, Any] = json.loads(files[0].read_text()) if files else {}
        return document

    def _summary(self) -> list[dict[str, Any]]:
        task = f"/api/v2/dags/{self.dag}/dagRuns/{RUN}/taskInstances/summary"
        value = self.scheduler.api("GET", f"{task}/xcomEntries/summary?deserialize=true")["value"]
        rows: list[dict[str, Any]] = json.loads(value) if isinstance(value, str) else value
        return rows
