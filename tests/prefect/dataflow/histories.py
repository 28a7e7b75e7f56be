"""Do to runs of a deployed flow what people and machines do: cancel, suspend, kill, mark, retry, resume, change data.

After every attempt, ``run.json``, the files that each consumer read, the task runs and the flow run's state are
compared with the specification. Steps read from a directory what fails, which values the grid has, and where to wait.

What an earlier attempt completed is kept if its inputs are the same; the input ``salt`` of all steps decides that. It
changes with the grid, and with each attempt that is ended from outside while a step waits. A run that reuses results
also has those of the earlier runs of its history, and of all their attempts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.states import Cancelling, Completed, Failed, Scheduled, Suspended

from prefect_plugin.recovery.attempts import BEGAN
from tests.prefect.support import compiled, flow_of, is_alive, wait_for
from tests.processes import process_in
from translator.ir import Pipeline
from translator.load import load_text
from translator.semantics import Attempt, Ending, Rules, disagreements
from translator.shim.contract import State

POOL = "histories"
SECONDS = 60
ATTEMPTS = 5
"""How many attempts a random history has."""
ANEW = 0.2
"""How likely another flow run follows one that has ended, and not a retry."""
EndsBy = Literal["itself", "cancel", "suspend", "kill", "mark success", "mark failed", "replay"]
ENDS: tuple[EndsBy, ...] = get_args(EndsBy)[:-1]
"""How an attempt can be made to end; a worker that replays a cancellation is not asked to."""
SHOWN = {
    "cancel": "Cancelled",
    "replay": "Cancelled",
    "suspend": "Suspended",
    "kill": "Crashed",
    "mark success": "Completed",
    "mark failed": "Failed",
}
"""By what ended an attempt the name of the flow run's state."""
LAST_WORD = "Check whether the flow run exceeded its memory allocation"
"""How the line begins that a worker logs after it has reported a killed process for the second time."""
CANCELLED_BY_WORKER = "Flow run was cancelled successfully"
"""How the message of the state begins that a worker gives a flow run whose process it has ended."""
NOT_SUBMITTED = "Failed to submit flow run to infrastructure"
"""How the message of a worker begins that gave up; a Prefect on SQLite says 503 while that is locked."""
TEXT = r"""
- step:
    name: work
    image: none
    command:
      - |
        if test -e "$PLAN/hold-{parameter-value:tag}-{parameter-value:n}"; then
          TELL > "$PLAN/held.new"
          mv "$PLAN/held.new" "$PLAN/held"
          exec sleep 600
        fi
      - test ! -e "$PLAN/fail-{parameter-value:tag}-{parameter-value:n}"
      - if test {parameter-value:tag} = make; then cat "$PLAN/values.json"; fi
      - |
        { find /valohai/inputs -name '*.txt' | sort | xargs -r cat
          echo "$(cat "$PLAN/attempt") {parameter-value:tag} {parameter-value:n}"
        } > /valohai/outputs/{parameter-value:tag}-{parameter-value:n}.txt
    parameters:
      - {name: tag, type: string}
      - {name: n, type: integer, default: 1}
    inputs:
      - {name: before, optional: true}
      - {name: salt, default: salt}
- pipeline:
    name: NAME
    reuse-executions: true
    nodes:
      - {name: make, type: execution, step: work, override: {parameters: [{name: tag, default: make}]}}
      - name: train
        type: task
        step: work
        on-error: ON_ERROR
        override: {parameters: [{name: tag, default: train}]}
      - {name: collect, type: execution, step: work, override: {parameters: [{name: tag, default: collect}]}}
      - name: side
        type: execution
        step: work
        on-error: stop-next
        override: {parameters: [{name: tag, default: side}]}
      - {name: after, type: execution, step: work, override: {parameters: [{name: tag, default: after}]}}
    edges:
      - [make.metadata.values, train.parameter.n]
      - [make.output.*, train.input.before]
      - [train.output.*, collect.input.before]
      - [side.output.*, after.input.before]
"""
BEFORE: Mapping[str, tuple[str, ...]] = {"train": ("make",), "collect": ("train",), "after": ("side",)}


@dataclass(frozen=True)
class Plan:
    """What an attempt does: the grid, the executions that fail (``TAG-N``), where it waits to be ended, and how.

    Only an attempt that ends by itself has failures: else it could end before it comes to where it waits. ``reuses``:
    it is the first one of another flow run, which reuses results.
    """

    values: tuple[int, ...] = (1, 2)
    failures: frozenset[str] = frozenset()
    ends_by: EndsBy = "itself"
    hold: str = ""
    reuses: bool = False


@dataclass(frozen=True)
class Past:
    """A complete execution: its place in the store, its values, the contents of its inputs, and of its output."""

    place: str
    values: str
    inputs: tuple[object, ...]
    lines: tuple[str, ...]


@dataclass
class History:
    """One flow run of one deployment, attempt by attempt."""

    name: str
    folder: Path
    on_error: str
    environment: Mapping[str, str]
    text: str = field(init=False)
    deployment: Any = field(init=False)
    flow_run: Any = None
    run: str = "run"
    reuse: bool = False
    attempts: int = 0
    salts: int = 0
    """How many attempts there have been in all its runs."""
    began: str = ""
    started: str = ""
    state: Literal["new", "ended", "suspended"] = "new"
    kills: int = 0
    completed: dict[tuple[str, int], Past] = field(default_factory=dict)
    """By node and index the execution that was last complete in this run."""
    stored: dict[tuple[str, str, tuple[object, ...]], Past] = field(default_factory=dict)
    """By node, values and inputs the execution that was last complete in any run, and is not reused itself."""
    before: ClassVar[Mapping[str, tuple[str, ...]]] = BEFORE
    """By node those with edges into its input, in the order of the names of their files."""
    grids: ClassVar[frozenset[str]] = frozenset({"train"})
    """The task nodes to which ``on_error`` applies."""
    may_end: ClassVar[frozenset[str]] = frozenset()
    """How executions that nothing ended from outside may end, where nothing fails, besides complete."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.text = self._source()
        file = compiled(self.text, self.folder)
        made = flow_of(file).from_source(source=str(self.folder), entrypoint=f"{file.name}:{file.stem[:-5]}")
        self.deployment = made.deploy(
            name=self.name,  # the flows of control-flow histories all have one name
            work_pool_name=POOL,
            print_next_steps=False,
            ignore_warnings=True,
            job_variables=self._job_variables(),
        )

    def _job_variables(self) -> dict[str, Any]:
        place = {"TRANSLATOR_STORE": str(self.folder / "store"), "TRANSLATOR_RUN": self.run}
        return {"env": {**self.environment, **self._steps_environment(), **place}}

    def _source(self) -> str:
        """Return the text of the pipeline file."""
        return TEXT.replace("NAME", self.name).replace("ON_ERROR", self.on_error)

    def _parameters(self) -> dict[str, Any]:
        return {"reuse": self.reuse}

    def _steps_environment(self) -> dict[str, str]:
        return {"PLAN": str(self.folder / "plan")}

    def attempt(self, plan: Plan) -> None:
        """Run once more, as ``plan`` says, and check what came of it."""
        self.attempts += 1
        self.salts += 1
        self._write(plan)
        earlier = self._tries()
        with get_client(sync_client=True) as client:
            self._begin(client)
            held = self._held()
            if plan.ends_by != "itself":
                wait_for(lambda: held.exists() or self._rest(client), SECONDS, f"the execution {plan.hold} to begin")
                if held.exists():
                    self._interrupt(client, plan.ends_by)
            state = wait_for(lambda: self._rest(client), SECONDS, f"the flow run to come to rest ({plan})")
            wait_for(lambda: not self._processes(), SECONDS, "the flow's process to end")
            # After a kill a watchdog ends it, a moment later.
            wait_for(lambda: process_in(held) is None, 30, "the step's process to end")
            done = plan
            if state.is_cancelled() and plan.ends_by != "cancel" and self._is_replayed(client):
                done = replace(plan, ends_by="replay")
            self._check(done, state, earlier)
            self._check_task_runs(client, done)
            if done.ends_by == "kill":
                self._await_second_report(client)
        print(self.name, self.attempts, done, "ok")
        self.state = "suspended" if done.ends_by == "suspend" else "ended"
        if done.ends_by == "replay":
            self.attempt(plan)

    def start_anew(self) -> None:
        """Have the next attempt be one of another flow run with the same place in the store."""
        self.state, self.attempts, self.kills = "new", 0, 0

    def start_another(self, *, reuse: bool) -> None:
        """Have the next attempt be one of another flow run with another place in the store."""
        self.start_anew()
        self.run = f"run-{self.salts}"
        self.reuse = reuse
        self.completed = {}

    def _await_second_report(self, client: Any) -> None:
        """Wait until the worker has reported the killed process twice, see docs/deploying.md.

        The second report undoes a retry before it; ``tests.prefect.recovery.test_two_processes`` does that in each
        order.
        """
        self.kills += 1
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.flow_run]))

        def has_come() -> bool:
            logs = client.read_logs(log_filter=wanted, limit=200)
            return sum(line.message.startswith(LAST_WORD) for line in logs) >= self.kills

        wait_for(has_come, 60, f"report {self.kills} of the worker that it has lost a process")

    def _write(self, plan: Plan) -> None:
        folder = self.folder / "plan"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (self.folder / "project" / "salt").write_text(self._salt(plan))
        (folder / "attempt").write_text(f"{self.salts}")
        (folder / "values.json").write_text(json.dumps({"values": plan.values}) + "\n")
        for failure in plan.failures:
            (folder / f"fail-{failure}").touch()
        if plan.hold:
            (folder / f"hold-{plan.hold}").touch()

    def _held(self) -> Path:
        """Return the file to which the waiting step writes what tells its process."""
        return self.folder / "plan" / "held"

    def _begin(self, client: Any) -> None:
        match self.state:
            case "new":
                self.flow_run = client.create_flow_run_from_deployment(
                    self.deployment, parameters=self._parameters(), job_variables=self._job_variables()
                ).id
                self.began = ""
            case "ended":  # as the button "Retry" does
                client.set_flow_run_state(self.flow_run, Scheduled(name="AwaitingRetry"), force=True)
            case "suspended":
                client.resume_flow_run(self.flow_run)
        begun = wait_for(lambda: self._has_begun(client), SECONDS, f"attempt {self.attempts} to start")
        if begun == "never":
            states = client.read_flow_run_states(self.flow_run)
            told = [f"{one.name}: {one.message}" for one in states]
            raise AssertionError(f"attempt {self.attempts} does not start: {told}")
        if begun == "lost":
            print(self.name, self.attempts, "was lost before it began")
            self.state = "ended"
            self._begin(client)

    def _has_begun(self, client: Any) -> Literal["begun", "lost", "never"] | None:
        """Return whether the attempt has begun, or Prefect has lost it, or has ended it for another reason.

        Prefect does not count an attempt that continues after a suspension.
        """
        now = client.read_flow_run(self.flow_run)
        began = now.labels.get(BEGAN, "")
        if began != self.began:
            self.began = began
            return "begun"
        if not now.state.is_final() or self._processes():
            return None
        return "lost" if self._is_lost(client, now.state) else "never"

    def _is_lost(self, client: Any, state: Any) -> bool:
        """Return whether the worker did not start the attempt, or has cancelled it once more."""
        if not (state.is_cancelled() or state.is_crashed()):
            return False
        return (state.message or "").startswith(NOT_SUBMITTED) or self._is_replayed(client)

    def _is_replayed(self, client: Any) -> bool:
        """Return whether a worker has cancelled the attempt because an earlier one was to be cancelled.

        It may do so before or after the attempt has begun; see docs/how-to/failures.md.
        """
        states = client.read_flow_run_states(self.flow_run)
        asked = max(state.timestamp for state in states if state.is_scheduled())
        return any(state.is_cancelling() and state.timestamp < asked for state in states) and any(
            state.is_cancelled() and state.timestamp > asked and (state.message or "").startswith(CANCELLED_BY_WORKER)
            for state in states
        )

    def _interrupt(self, client: Any, how: EndsBy) -> None:
        match how:
            case "cancel":
                client.set_flow_run_state(self.flow_run, Cancelling())
            case "suspend":
                client.set_flow_run_state(self.flow_run, Suspended(timeout_seconds=3600))
            case "mark success":
                client.set_flow_run_state(self.flow_run, Completed(), force=True)
            case "mark failed":
                client.set_flow_run_state(self.flow_run, Failed(), force=True)
            case "kill":
                for process in self._processes():
                    os.kill(process, signal.SIGKILL)

    def _rest(self, client: Any) -> Any:
        state = client.read_flow_run(self.flow_run).state
        return state if state.is_final() or state.is_paused() else None

    def _processes(self) -> list[int]:
        """Return the processes that run this flow."""
        sign = f"PREFECT__FLOW_RUN_ID={self.flow_run}".encode()
        return [
            process
            for process in _processes()
            if sign in _read(process, "environ").split(b"\0")
            and b"prefect.engine" in _read(process, "cmdline")
            and is_alive(process)
        ]

    def _tries(self) -> Counter[tuple[str, int]]:
        """Return by node and index the tries that have begun so far."""
        begun = (self.folder / "store").glob(f"*/{self.run}/*/*/try-*/started.json")
        return Counter((path.parts[-4], int(path.parts[-3])) for path in begun)

    def _check(self, plan: Plan, state: Any, earlier: Counter[tuple[str, int]]) -> None:
        file, document = wait_for(self._record, 30, f"run.json of this attempt ({plan})")
        for name, node in self._step_nodes(document):
            for one in node["executions"]:
                one["tries"] -= earlier[name, one["index"]]  # run.json counts those of all attempts
        if plan.ends_by == "itself":
            self._check_end(plan, document)
            expected = "Completed" if document["state"] == "complete" else "Failed"
            assert state.name == expected, state
        elif plan.ends_by != "replay":  # that may strike anywhere
            assert state.name == SHOWN[plan.ends_by], state
            mark = plan.ends_by.removeprefix("mark ") if plan.ends_by.startswith("mark ") else None
            assert document.get("marked") == mark, json.dumps(document, indent=1)
            self._check_cut(plan, document)
        self._check_outputs(plan, file.parent, document)

    def _step_nodes(self, document: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        """Return the nodes that have executions."""
        nodes: Mapping[str, Any] = document["nodes"]
        return nodes.items()

    def _check_end(self, plan: Plan, document: Mapping[str, Any]) -> None:
        """Hold a run that came to its own end to the specification."""
        (pipeline,) = load_text(self.text).pipelines
        wrong = disagreements(self._rules(pipeline, plan, document), document)
        assert not wrong, "\n".join([str(plan), *wrong, json.dumps(document, indent=1)])

    def _rules(self, pipeline: Pipeline, plan: Plan, document: Mapping[str, Any]) -> Rules:
        """Return the specification of an attempt; what the document says is only which executions are kept."""
        return Rules(pipeline, {}, _oracle(plan, document))

    def _record(self) -> tuple[Path, dict[str, Any]] | None:
        """Return the record of this attempt; after a kill, the worker's hook writes it shortly after the state."""
        for file in (self.folder / "store").glob(f"*/{self.run}/run.json"):
            document = json.loads(file.read_text())
            if document["started"] != self.started:
                self.started = document["started"]
                return file, document
        return None

    def _check_cut(self, plan: Plan, document: Mapping[str, Any]) -> None:
        """Hold a run that was ended from outside to what must be true of it."""
        held = plan.hold.partition("-")[0]
        nodes = document["nodes"]
        told = f"{plan}: {json.dumps(document, indent=1)}"
        cut = "error" if plan.ends_by == "kill" else "stopped"
        of_run = "complete" if plan.ends_by == "mark success" else cut
        # A task node that continues may be complete without the execution that was lost.
        continues = plan.ends_by == "kill" and held in self.grids and self.on_error == "continue"
        assert document["state"] in {cut, "stopped"} if continues else document["state"] == of_run, told
        assert nodes[held]["state"] in {cut, "complete"} if continues else nodes[held]["state"] == cut, told
        for name, node in nodes.items():
            if held in self._ancestors(name):
                assert node["state"] in {"stopped", "skipped"}, told
                assert not node["executions"], told
            if name in self._ancestors(held):
                assert node["state"] == "complete", told
            assert {one["state"] for one in node["executions"]} <= {"complete", cut, *self.may_end}, told
            assert all(one["tries"] <= 1 for one in node["executions"]), told

    def _ancestors(self, node: str) -> set[str]:
        direct = self.before.get(node, ())
        return {*direct, *(further for one in direct for further in self._ancestors(one))}

    def _check_outputs(self, plan: Plan, run: Path, document: Mapping[str, Any]) -> None:
        """Hold what each complete execution read to what those before it made or kept in this attempt."""
        lines: dict[str, dict[str, list[str]]] = {}
        completed = dict(self.completed)
        for name, node in document["nodes"].items():
            for one in node["executions"]:
                if one["state"] != "complete":
                    # The last try counts, unless it was killed (then it has no manifest) or stopped.
                    manifest = last_try(run / name / str(one["index"]), "manifest.json")
                    if manifest is not None and json.loads(manifest.read_text())["state"] == "error":
                        completed.pop((name, one["index"]), None)
                    continue
                values = self._values(name, one)
                read = [sorted(lines.get(source, {}).items()) for source in self.before.get(name, ())]  # by their names
                before = [line for files in read for _, made in files for line in made]
                files_read = sorted(tuple(made) for files in read for _, made in files)
                inputs = (self._salt(plan), *files_read)
                manifest = last_try(run / name / str(one["index"]), "manifest.json")
                assert manifest is not None
                earlier = self.completed.get((name, one["index"])) if self.attempts > 1 else None
                if earlier is not None and (earlier.values, earlier.inputs) != (values, inputs):
                    earlier = None
                if earlier is None and self.reuse and self._is_reusable(name):
                    earlier = self.stored.get((name, values, inputs))
                told = f"{name}[{one['index']}] of {plan}: {json.dumps(document, indent=1)}"
                assert one.get("reused") == (earlier.place if earlier is not None else None), told
                place = str(manifest.parent.relative_to(run.parent))
                expected = [*before, f"{self.salts} {name} {values}"] if earlier is None else [*earlier.lines]
                past = earlier or Past(place, values, inputs, tuple(expected))
                completed[name, one["index"]] = past
                if earlier is None:
                    self.stored[name, values, inputs] = past
                lines.setdefault(name, {})[values] = expected
                output = run.parent / past.place / "outputs" / f"{name}-{values}.txt"
                assert output.read_text().splitlines() == expected, f"{output} in {document}"
        self.completed = completed

    def _values(self, name: str, execution: Mapping[str, Any]) -> str:
        """Return what tells an execution of a node apart, as its file is named."""
        return str(execution["parameters"]["n"])

    def _is_reusable(self, name: str) -> bool:
        """Return whether other runs reuse the executions of a node."""
        return True

    def _salt(self, plan: Plan) -> str:
        return f"{plan.values} {self.salts if plan.hold else ''}"

    def _check_task_runs(self, client: Any, plan: Plan) -> None:
        """See that no task run is left without a final state."""
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[self.flow_run]))

        def left_open() -> list[str]:
            found = client.read_task_runs(flow_run_filter=wanted)
            wrong = [run for run in found if not (run.state and run.state.is_final()) or run.state_name == "RolledBack"]
            return [f"{run.name}: {run.state_name}" for run in wrong]

        wait_for(lambda: not left_open(), 60, f"task runs to have a final state after {plan}: {left_open()}")


def last_try(execution: Path, file: str) -> Path | None:
    """Return a file of the last try of an execution that has it."""
    tries = [(int(path.name.removeprefix("try-")), path / file) for path in execution.glob("try-*")]
    return max(((number, path) for number, path in tries if path.exists()), default=(0, None))[1]


def kept_in(document: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Return by node and index the executions that have the results of earlier ones."""
    return {
        (name, one["index"])
        for name, node in document["nodes"].items()
        for one in node["executions"]
        if "reused" in one
    }


def _oracle(plan: Plan, document: Mapping[str, Any]) -> Any:
    """Return how executions end as planned; those that are kept do not fail again."""
    kept = kept_in(document)

    def ending(attempt: Attempt) -> Ending:
        is_kept = (attempt.node, attempt.index) in kept
        fails = f"{attempt.node}-{attempt.parameters['n']}" in plan.failures and not is_kept
        metadata = {"values": list(plan.values)} if attempt.node == "make" else {}
        return Ending(State.ERROR if fails else State.COMPLETE, metadata)

    return ending


def _processes() -> Iterator[int]:
    yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _read(process: int, what: str) -> bytes:
    try:
        return (Path("/proc") / str(process) / what).read_bytes()
    except OSError:
        return b""
