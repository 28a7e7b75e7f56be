"""Do to flows that run a pipeline several times what ``tests.prefect.dataflow.histories`` does to flows of one run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.states import Scheduled

from tests import matrices
from tests.matrices import HISTORIES, NODES, SEEDS, Matrix
from tests.prefect.dataflow.histories import POOL, SECONDS, SHOWN, EndsBy, History
from tests.prefect.support import wait_for
from tests.processes import process_in
from translator.targets import prefect as target


@dataclass(frozen=True)
class Plan:
    """What an attempt does: what fails, what waits to be ended (``NODE-SEED``), and how."""

    failures: frozenset[str] = frozenset()
    ends_by: EndsBy = "itself"
    hold: str = ""


@dataclass
class MatrixHistory(History):
    """One flow run of one deployment, attempt by attempt."""

    matrix: Matrix = field(default_factory=Matrix)
    known: dict[int, str] = field(default_factory=dict)
    """By seed when the latest run of it that is known has started."""

    def __post_init__(self) -> None:
        project = self.folder / "work" / "project"
        project.mkdir(parents=True)
        text = HISTORIES.replace("NAME", self.name)
        _, several = matrices.write(target, project, self.folder, text, [f"seed={','.join(map(str, SEEDS))}"])
        (name,) = re.findall(r"^def (\w+)\(", several.read_text(), re.MULTILINE)
        made = flow.from_source(source=str(self.folder), entrypoint=f"{several.name}:{name}")
        self.deployment = made.deploy(
            name=self.name,
            work_pool_name=POOL,
            print_next_steps=False,
            ignore_warnings=True,
            job_variables={"env": {**self.environment, "TRANSLATOR_STORE": str(self.folder / "store")}},
        )

    @property
    def home(self) -> Path:
        """The directory that the commands read."""
        return self.folder / "work" / "home"

    def begins(self, failures: frozenset[str]) -> list[str]:
        """Return what begins in the next attempt, in order, if nothing ends it from outside."""
        return [name for seed in SEEDS for name in self.matrix.begins(seed, failures)]

    def attempt(self, plan: Any) -> None:
        """Run once more, as ``plan`` says, and check what came of it."""
        self.attempts += 1
        matrices.plan(self.home, plan.failures, plan.hold)
        held = self.home / "held"
        with get_client(sync_client=True) as client:
            self._begin(client)
            if plan.ends_by != "itself":
                wait_for(lambda: process_in(held) or self._rest(client), SECONDS, f"{plan.hold} to begin")
                if process_in(held):
                    self._interrupt(client, plan.ends_by)
            state = wait_for(lambda: self._rest(client), SECONDS, f"the flow run to come to rest ({plan})")
            wait_for(lambda: not self._processes(), SECONDS, f"the flow's process to end after {plan}")
            wait_for(lambda: process_in(held) is None, 30, f"the step's process to end after {plan}")
            done = plan
            if state.is_cancelled() and plan.ends_by != "cancel" and self._is_replayed(client):
                done = replace(plan, ends_by="replay")
            self._check_all(done, state)
            self._check_children(client, done)
            if done.ends_by == "kill":
                self._await_second_report(client)
        print(self.name, self.attempts, done, "ok", flush=True)
        self.state = "suspended" if done.ends_by == "suspend" else "ended"
        if done.ends_by == "replay":
            self.attempt(plan)

    def _begin(self, client: Any) -> None:
        match self.state:
            case "new":
                self.flow_run = client.create_flow_run_from_deployment(self.deployment).id
            case "ended":
                client.set_flow_run_state(self.flow_run, Scheduled(name="AwaitingRetry"), force=True)
            case "suspended":
                client.resume_flow_run(self.flow_run)

    def _check_all(self, plan: Plan, state: Any) -> None:
        begun = matrices.begun_in(self.home)
        expected = self.begins(plan.failures)
        if plan.ends_by == "replay":
            assert begun == expected[: len(begun)], f"{plan}: {begun} is not the start of {expected}"
        elif plan.hold:
            expected = expected[: expected.index(plan.hold) + 1]
        if plan.ends_by != "replay":
            assert begun == expected, f"{plan}: {begun} is not {expected}"
        unfinished = {plan.hold, *(begun[-1:] if plan.ends_by == "replay" else [])}
        self.matrix.complete |= {*begun} - plan.failures - unfinished
        records = wait_for(lambda: self._records(plan, begun), 30, f"the records after {plan}")
        if plan.ends_by == "replay":
            self._complete_by(records)
            return
        cut = "error" if plan.ends_by == "kill" else "stopped"
        last = int(plan.hold.rpartition("-")[2] or SEEDS[-1])
        for seed in SEEDS:
            if seed > last:
                assert seed not in records, f"{plan}: the run of {seed} has started"
                continue
            told = f"{plan}, seed {seed}: {json.dumps(records[seed], indent=1)}"
            nodes = records[seed]["nodes"]
            found = {name: node["state"] for name, node in nodes.items()}
            assert found == self.matrix.states(seed, begun, cut if f"-{seed}" in plan.hold else "error"), told
            kept = {name for name in NODES for one in nodes[name]["executions"] if one.get("reused")}
            named = {
                name for name in NODES if f"{name}-{seed}" in self.matrix.complete and f"{name}-{seed}" not in begun
            }
            assert kept == named, told
            assert "marked" not in records[seed], told
        count = sum(map(self.matrix.is_complete, SEEDS))
        if plan.ends_by == "itself":
            assert state.name == ("Completed" if count == len(SEEDS) else "Failed"), state
            assert f"{count} of {len(SEEDS)} runs are complete" in state.message, state
        else:
            assert state.name == SHOWN[plan.ends_by], state

    def _complete_by(self, records: Mapping[int, Any]) -> None:
        """Note what was complete in an attempt that was ended at a place that nobody chose."""
        for seed, document in records.items():
            for name in NODES:
                if document["nodes"].get(name, {}).get("state") == "complete":
                    self.matrix.complete.add(f"{name}-{seed}")

    def _records(self, plan: Plan, begun: list[str]) -> dict[int, Any] | None:
        """Return by seed the records that were written in this attempt, once there are all of what has begun."""
        latest: dict[int, Any] = {}
        for file in (self.folder / "store").glob("*/*/run.json"):
            document = json.loads(file.read_text())
            seed = document["parameters"]["seed"]
            if seed not in latest or _time(document) > _time(latest[seed]):
                latest[seed] = document
        new = {seed: one for seed, one in latest.items() if one["started"] != self.known.get(seed)}
        if not {int(name.rpartition("-")[2]) for name in begun} <= new.keys():
            return None
        self.known |= {seed: one["started"] for seed, one in new.items()}
        return new

    def _check_children(self, client: Any, plan: Plan) -> None:
        """See that no run is left that seems to be running."""
        wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[self.flow_run]))

        def left_open() -> list[str]:
            found = client.read_flow_runs(flow_run_filter=wanted, limit=200)
            return [
                f"{one.name}: {one.state_name}"
                for one in found
                if not one.state.is_final() and not (plan.ends_by == "suspend" and one.state.is_paused())
            ]

        wait_for(lambda: not left_open(), 30, f"the runs to have a final state after {plan}: {left_open()}")


def _time(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["started"])
