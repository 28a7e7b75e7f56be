"""Apply what people do to runs to a real Airflow, and check the runs afterwards.

``Model`` predicts what must be true. The specification (``translator.semantics``) says how a node ends, given the
states of its upstream nodes, and the model remembers how each execution ended last. ``History`` does the same to
Airflow and compares.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.airflow.scheduler import task_runner, wait_until
from tests.processes import TELL, process_in
from translator.load import load_text
from translator.semantics import Ending, Rules
from translator.semantics.results import Result, settle
from translator.shim.contract import State
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.airflow.scheduler import Airflow
    from translator.semantics import Attempt

C, E, S, K = State.COMPLETE, State.ERROR, State.STOPPED, State.SKIPPED
DAG = "histories"
NUMBERS = itertools.count(1)

_STEP = """
- step:
    name: {node}
    image: none
    command: sh $VH_REPOSITORY_DIR/work.sh {node} {{parameters}}
    parameters:
      - {{name: home, type: string, default: /nowhere, pass-as: "{{v}}"}}
"""
_POINT = """
      - {name: x, type: integer, default: 0, pass-as: "{v}"}
"""
_INPUTS = """
    inputs: [{name: files, optional: true}]
"""
_PIPELINE = """
- pipeline:
    name: Histories
    reuse-executions: true
    parameters:
      - name: home
        default: /nowhere
        targets: [list.parameters.home, many.parameters.home, collect.parameters.home, lenient.parameters.home,
                  gather.parameters.home]
    nodes:
      - {name: list, type: execution, step: list, on-error: stop-next}
      - {name: many, type: task, step: many, on-error: stop-next}
      - {name: collect, type: execution, step: collect, on-error: stop-next}
      - {name: lenient, type: task, step: lenient, on-error: continue}
      - {name: gather, type: execution, step: gather, on-error: stop-next}
    edges:
      - [list.metadata.values, many.parameter.x]
      - [list.metadata.values, lenient.parameter.x]
      - [many.output.*, collect.input.files]
      - [lenient.output.*, gather.input.files]
"""


def steps(point: str) -> str:
    """Return the text of the steps; those of grids have the parameters ``point``."""
    more = {"list": "", "many": point, "collect": _INPUTS, "lenient": point, "gather": _INPUTS}
    return "".join(_STEP.format(node=node) + text.lstrip("\n") for node, text in more.items())


SOURCE = steps(_POINT) + _PIPELINE
KILLED = " killed"
"""Follows the name of what fails because its task is killed while its command waits for that."""
WAIT = """
if test -e "$home/kill-$fate"; then
    TELL > "$home/waits-$(cat /proc/sys/kernel/random/uuid)"
    exec sleep 600
fi
test ! -e "$home/fail-$fate"
""".replace("TELL", TELL)
WORK = """
home=$2
fate=$1${3:+-$3}
case $1 in
list) cat "$home/values" ;;
collect|gather) echo "{\\"seen\\": \\"$(cat "$VH_INPUTS_DIR"/files/* 2>/dev/null | sort | tr '\\n' ' ')\\"}" ;;
*) echo "$3@$(cat "$home/stamp")" > "$VH_OUTPUTS_DIR/v-$3.txt" ;;
esac
"""
AFTER = {"list": ("many", "lenient"), "many": ("collect",), "lenient": ("gather",), "collect": (), "gather": ()}
BEFORE = {"collect": "many", "gather": "lenient"}
SINGLE = frozenset({"list", "collect", "gather"})


def failures() -> st.SearchStrategy[frozenset[str]]:
    """Return what fails when it runs, or is killed: nodes, and values of the grids of task nodes."""
    names = ["many-1", "many-2", "many-3", "lenient-1", "lenient-2", "lenient-3"] * 2 + ["list", "collect", "gather"]
    killed = [f"{name}{KILLED}" for name in dict.fromkeys(names)]
    return st.frozensets(st.sampled_from(names + killed), max_size=3)


def grids() -> st.SearchStrategy[list[int]]:
    """Return the values of the grids."""
    return st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True)


@dataclass(frozen=True)
class Past:
    """A complete execution in the store: its place, the stamp in its output, and its metadata."""

    place: str
    stamp: int
    metadata: Mapping[str, object]


@dataclass
class Stored:
    """What the store has of all runs of a history.

    ``completed`` has executions by what they depend on, the oldest first; ``rejected`` the places of those that a
    person marked as failed.
    """

    completed: dict[tuple[object, ...], list[Past]] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)

    def newest(self, key: tuple[object, ...]) -> Past | None:
        """Return the execution whose results another one with the same key has."""
        return next((one for one in reversed(self.completed.get(key, [])) if one.place not in self.rejected), None)


@dataclass
class Model:
    """What is true of one run: how each node stands, and what marks and tries its executions have.

    ``folder`` is its name in the store, ``reuse`` whether it has the results of earlier executions.
    """

    stored: Stored = field(default_factory=Stored)
    folder: str = ""
    reuse: bool = False
    values: list[int] = field(default_factory=lambda: [1])
    failing: frozenset[str] = frozenset()
    stamp: int = 0
    results: dict[str, Result] = field(default_factory=dict)
    tries: dict[tuple[str, int], int] = field(default_factory=dict)
    stamps: dict[tuple[str, int], int | None] = field(default_factory=dict)
    """By execution what its files have in them; None if it was killed before they were published."""
    metadata: dict[tuple[str, int], dict[str, object]] = field(default_factory=dict)
    natural: dict[tuple[str, int], State] = field(default_factory=dict)
    places: dict[tuple[str, int], tuple[str, str | None]] = field(default_factory=dict)
    """By execution the place of its last try, and that of the execution whose results this has."""
    marked: set[tuple[str, int]] = field(default_factory=set)
    marked_nodes: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    """The task nodes that failed by marks of executions alone: Airflow shows their last task as a success."""
    marked_run: str | None = None
    kept: State | None = None
    """How the run stands, where Airflow did not let its last task tell it anew."""
    single: ClassVar[frozenset[str]] = SINGLE
    """The execution nodes: each is one task."""

    def __post_init__(self) -> None:
        self.rules = self._rules()

    def _rules(self) -> Rules:
        return Rules(load_text(SOURCE, "histories.yaml").choose(), oracle=self._ending)

    def point(self, parameters: Mapping[str, object]) -> object:
        """Return what tells the executions of a node apart."""
        return parameters.get("x")

    def _fate(self, name: str, index: int, parameters: Mapping[str, object]) -> str:
        """Return what decides whether an execution fails, or is killed."""
        return name if name in self.single else f"{name}-{parameters['x']}"

    def _fails(self, name: str, index: int, parameters: Mapping[str, object]) -> bool:
        fate = self._fate(name, index, parameters)
        return not self.failing.isdisjoint({fate, f"{fate}{KILLED}"})

    def _is_killed(self, name: str, index: int, parameters: Mapping[str, object]) -> bool:
        return f"{self._fate(name, index, parameters)}{KILLED}" in self.failing

    def _is_reusable(self, name: str) -> bool:
        return self.reuse

    def follows(self, name: str, index: int) -> list[int]:
        """Return the executions of the same node that run after one has ended."""
        return []

    def run_rest(self, name: str, index: int) -> None:
        """Run the executions of a node that run after one has ended, which has just run."""

    def _ending(self, attempt: Attempt) -> Ending:
        past = self._reusable(attempt.node, attempt.index, attempt.parameters)
        printed = self._printed(attempt.node, attempt.index, attempt.parameters)
        metadata = printed if past is None else past.metadata
        return Ending(self._state(attempt.node, attempt.index, attempt.parameters), metadata)

    def _state(self, name: str, index: int, parameters: Mapping[str, object]) -> State:
        """Return how an execution ends that starts now."""
        fails = self._fails(name, index, parameters)
        return E if fails and self._reusable(name, index, parameters) is None else C

    def _printed(self, name: str, index: int, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return the metadata that an execution prints; others get none of it if the execution is killed."""
        seen: dict[str, object] = {"seen": self.seen(BEFORE[name])} if name in BEFORE else {}
        return seen if self._is_killed(name, index, parameters) else seen | self._metadata(name, parameters)

    def _metadata(self, name: str, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return what an execution prints besides what it sees."""
        return {"values": list(self.values)} if name == "list" else {}

    def _reusable(self, name: str, index: int, parameters: Mapping[str, object]) -> Past | None:
        """Return the execution whose results one that starts now has; a complete one that is cleared has its own."""
        if not self._is_reusable(name) or self.natural.get((name, index)) is C:
            return None
        return self.stored.newest(self._key(name, parameters))

    def _key(self, name: str, parameters: Mapping[str, object]) -> tuple[object, ...]:
        return (name, self.point(parameters), self.seen(BEFORE[name]) if name in BEFORE else None)

    def run(self, names: Iterable[str]) -> None:
        """Run nodes as a whole, each after those before it."""
        for name in (name for name in self.rules.order if name in set(names)):
            self._forget(name)
            # What the engine goes by are the last tasks of the nodes before it.
            last = {n: replace(result, state=C) if n in self.done else result for n, result in self.results.items()}
            self.results[name] = self.rules.left_out(name, last) or self.rules.run(name, self.results)
            for execution in self.results[name].executions:
                self._ran(name, execution.index)

    def run_executions(self, name: str, indexes: Iterable[int]) -> None:
        """Run some executions of a node that has them."""
        listed = set(indexes)
        self.marked_nodes.discard(name)
        self.marked -= {(name, index) for index in listed}
        fresh = {execution.index: execution for execution in self.rules.run(name, self.results).executions}
        old = self.results[name]
        merged = tuple(
            replace(
                fresh[index],
                index=one.index,
                parameters=one.parameters,
                state=self._state(name, one.index, one.parameters),
            )
            if one.index in listed and (index := min(one.index, max(fresh))) in fresh
            else one
            for one in old.executions
        )
        self.results[name] = settle(old.node, merged)
        for index in listed:
            self._ran(name, index)

    def _forget(self, name: str) -> None:
        self.marked = {(node, index) for node, index in self.marked if node != name}
        self.marked_nodes.discard(name)
        self.done.discard(name)

    def _ran(self, name: str, index: int) -> None:
        execution = next(one for one in self.results[name].executions if one.index == index)
        past = self._reusable(name, index, execution.parameters)
        key = self._key(name, execution.parameters)
        self.natural[name, index] = execution.state
        self.tries[name, index] = self.tries.get((name, index), 0) + 1
        place = f"{self.folder}/{name}/{index}/try-{self.tries[name, index]}"
        self.places[name, index] = (place, past.place if past is not None else None)
        if past is not None:
            self.stamps[name, index] = past.stamp
            self.metadata[name, index] = dict(past.metadata)
            return
        self.stamps[name, index] = None if self._is_killed(name, index, execution.parameters) else self.stamp
        self.metadata[name, index] = self._printed(name, index, execution.parameters)
        if execution.state is C:
            complete = Past(place, self.stamp, self.metadata.get((name, index), {}))
            self.stored.completed.setdefault(key, []).append(complete)

    def seen(self, source: str) -> str:
        """Return what a consumer of a node must see: the files of its complete executions, from their latest runs."""
        complete = [
            one
            for one in self.results[source].executions
            if one.state is C and self.stamps[source, one.index] is not None
        ]
        lines = sorted(f"{self.point(one.parameters)}@{self.stamps[source, one.index]}" for one in complete)
        return "".join(f"{line} " for line in lines)

    def mark(self, name: str, index: int, state: State) -> None:
        """Let a person say how an execution stands."""
        result = self.results[name]
        executions = list(result.executions)
        executions[index] = replace(executions[index], state=state, metadata=self.metadata.get((name, index), {}))
        self.results[name] = settle(result.node, tuple(executions))
        for place in filter(None, self.places[name, index]):
            (self.stored.rejected.discard if state is C else self.stored.rejected.add)(place)
        # A mark that only takes another mark back leaves no trace.
        self.marked.discard((name, index))
        if state is C and self.natural[name, index] is not C:
            self.marked.add((name, index))

    def unmarked(self, name: str) -> Result:
        """Return how a node would stand if nobody had marked its executions."""
        result = self.results[name]
        return settle(result.node, tuple(replace(e, state=self.natural[name, e.index]) for e in result.executions))

    def mark_node(self, name: str) -> None:
        """Let a person say that a node is complete."""
        self.results[name] = replace(self.results[name], state=C)
        self.marked_nodes.add(name)

    def resume(self, names: Iterable[str]) -> None:
        """Run what failed or was kept from running, as Airflow does after what somebody marked as a success."""
        for name in (name for name in self.rules.order if name in set(names)):
            result = self.results[name]
            failed = [one.index for one in result.executions if one.state is E]
            if result.state is not C and not result.executions:
                self.run([name])
            elif failed:
                self.run_executions(name, failed)

    def now(self) -> dict[str, tuple[State, str | None, list[tuple[Any, ...]]]]:
        """Return by node its state, its mark and its executions, as ``run.json`` must have them."""
        found = {}
        standing = dict(self.results)
        for name in self.rules.order:
            result = standing[name]
            if not result.started:
                left_out = self.rules.left_out(name, standing)
                result = standing[name] = left_out or replace(result, state=S)
            executions = [
                (
                    one.index,
                    one.state,
                    "success" if (name, one.index) in self.marked else None,
                    self.point(one.parameters),
                    self.tries[name, one.index],
                    self.metadata.get((name, one.index), {}).get("seen"),
                    self.places[name, one.index][1],
                )
                for one in result.executions
            ]
            found[name] = (result.state, "success" if name in self.marked_nodes else None, executions)
        return found

    def state_by_nodes(self) -> State:
        """Return the state of the run by its nodes."""
        now = self.now()
        ruled = E if any(state is E for state, _, _ in now.values()) else C
        if ruled is C and any(state is S for state, _, _ in now.values()):
            ruled = S
        return ruled

    def state(self) -> State:
        """Return the current state of the run."""
        if self.kept is not None:
            return self.kept
        ruled = self.state_by_nodes()
        if self.marked_run == "success":
            return C
        return E if self.marked_run == "failed" and ruled is C else ruled


def said(path: Path) -> dict[str, Any]:
    """Return a record without its end: a listener may still write the same once more."""
    return {name: value for name, value in json.loads(path.read_text()).items() if name != "ended"}


def deploy(scheduler: Airflow) -> None:
    """Put the DAG of the histories into Airflow."""
    project = scheduler.home / DAG
    project.mkdir(exist_ok=True)
    (project / "work.sh").write_text(WORK + WAIT)
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    pipeline = load_text(SOURCE, "histories.yaml").choose()
    (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags(DAG)


class History(RuleBasedStateMachine):
    """One run, to which things are done one after another; each is over before the next one."""

    scheduler: ClassVar[Airflow]
    dag: ClassVar[str] = DAG
    pipeline: ClassVar[str] = "Histories"
    model_type: ClassVar[type[Model]] = Model
    log: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.id = self.run = f"history-{next(NUMBERS)}"
        self.stored = Stored()
        self.deleted: Counter[str] = Counter()
        self.model = self.model_type(self.stored, self.run)
        self.home = self.scheduler.home / "homes" / self.id  # the project's files are what reuse depends on
        self.home.mkdir(parents=True)
        self.killed: set[Path] = set()

    # What people do

    @initialize(values=grids(), failing=failures(), reuse=st.booleans())
    def trigger(self, values: list[int], failing: frozenset[str], reuse: bool = False) -> None:
        """Start the run."""
        self._say("trigger", values, failing, "with reuse" if reuse else "")
        self._begin(values, failing, reuse=reuse)

    @rule(values=grids(), failing=failures(), reuse=st.booleans())
    def trigger_another(self, values: list[int], failing: frozenset[str], reuse: bool) -> None:
        """Start another run, which may have the results of those before it."""
        self._say("trigger another", values, failing, "with reuse" if reuse else "")
        path = self.scheduler.store / self.pipeline / self.model.folder / "run.json"
        before = said(path)
        self.run = f"history-{next(NUMBERS)}"
        self.model = self.model_type(self.stored, self.run)
        self._begin(values, failing, reuse=reuse)
        assert said(path) == before, "a run has written over the record of another one"

    @precondition(lambda self: self.model.marked_run is None and self.model.kept is None and self.model.state() is E)
    @rule(failing=failures())
    def clear_failed(self, failing: frozenset[str]) -> None:
        """Clear what failed, or did not run because something before it failed."""
        self._say("clear failed", failing)
        self._change(self.model.values, failing)
        run = f"/api/v2/dags/{self.dag}/dagRuns/{self.run}/clear"
        self.scheduler.api("POST", run, {"dry_run": False, "only_failed": True})
        self.model.resume(AFTER)
        self._check()

    @rule(node=st.sampled_from(sorted(AFTER)), downstream=st.booleans(), values=grids(), failing=failures())
    def clear_node(self, node: str, downstream: bool, values: list[int], failing: frozenset[str]) -> None:
        """Clear all tasks of a node, with or without what follows."""
        self._say("clear", node, "and downstream" if downstream else "alone", values, failing)
        self._change(values, failing)
        self._clear(self._tasks(node) if downstream else [*self._tasks(node), "finish"], downstream=downstream)
        self.model.run([node, *self._after(node)] if downstream else [node])
        self._check()

    @precondition(lambda self: self._with_executions())
    @rule(data=st.data(), downstream=st.booleans(), failing=failures())
    def clear_execution(self, data: st.DataObject, downstream: bool, failing: frozenset[str]) -> None:
        """Clear one instance of a mapped task, and what follows in its node or also after it."""
        node, index = data.draw(st.sampled_from(self._with_executions()))
        self._say("clear", f"{node}[{index}]", "and downstream" if downstream else "alone", failing)
        self._change(self.model.values, failing)
        more: list[Any] = [] if downstream else [f"{node}.done", "finish"]
        self._clear([[*self._instance(node, index)], *more], downstream=downstream)
        self.model.done.discard(node)
        self.model.run_executions(node, [index])
        if downstream:
            self.model.run_rest(node, index)
            self.model.run(self._after(node))
        self._check()

    @rule(values=grids(), failing=failures())
    def clear_all(self, values: list[int], failing: frozenset[str]) -> None:
        """Clear the run."""
        self._say("clear all", values, failing)
        self._change(values, failing)
        run = f"/api/v2/dags/{self.dag}/dagRuns/{self.run}/clear"
        self.scheduler.api("POST", run, {"dry_run": False, "only_failed": False})
        self.model.marked_run = self.model.kept = None
        self.model.run(AFTER)
        self._check()

    @precondition(lambda self: self._with_state(E))
    @rule(data=st.data(), failing=failures())
    def mark_success(self, data: st.DataObject, failing: frozenset[str]) -> None:
        """Mark an instance that failed as success: Airflow runs what failed or did not run after it."""
        node, index = data.draw(st.sampled_from(self._with_state(E)))
        self.do_mark(node, index, failing)

    def do_mark(self, node: str, index: int, failing: frozenset[str] = frozenset()) -> None:
        """Mark an instance as success."""
        self._say("mark", f"{node}[{index}]", "success", failing)
        self._change(self.model.values, failing)
        before = self.model.state()
        self._mark(node, index, "success")
        self.model.mark(node, index, C)
        if self._finish_runs():
            if failed := [one for one in self.model.follows(node, index) if (node, one) in self._with_state(E)]:
                self.model.run_executions(node, failed)
            self.model.resume(self._after(node))
        else:
            self.model.kept = before
        self._check()

    @precondition(lambda self: self._naturally_complete())
    @rule(data=st.data())
    def mark_failed_alone(self, data: st.DataObject) -> None:
        """Mark an instance as failed, and nothing else: in Airflow the run keeps its state."""
        self.do_mark_failed_alone(*data.draw(st.sampled_from(self._naturally_complete())))

    def do_mark_failed_alone(self, node: str, index: int) -> None:
        """Mark an instance as failed, and nothing else, not even the last task of its node."""
        self._say("mark only", f"{node}[{index}]", "failed")
        before = self.model.state()
        self._mark(node, index, "failed")
        if node not in self.model.single and self.model.results[node].state is C:
            self.model.done.add(node)
        self.model.mark(node, index, E)
        if not self._finish_runs():
            self.model.kept = before
        self._check()

    @precondition(lambda self: self.model.kept is None)
    @rule(node=st.sampled_from(sorted(AFTER)), values=grids(), failing=failures())
    def clear_without_finish(self, node: str, values: list[int], failing: frozenset[str]) -> None:
        """Clear a node and nothing after it, not even the task that ends the run, which so keeps its state."""
        self._say("clear only", node, values, failing)
        self._change(values, failing)
        before, mark = self.model.state(), self.model.marked_run
        self._clear(self._tasks(node), downstream=False)
        self.model.run([node])
        self.model.kept, self.model.marked_run = before, mark
        self._ended()
        decided = self.scheduler.tasks(self.dag, self.run)["finish", -1]["state"] == "success"
        if mark is not None and decided is not (before is C):  # Airflow, which ran something, takes the mark back
            ruled = self.model.state_by_nodes()
            self.model.kept, self.model.marked_run = C if decided else S if ruled is C else ruled, None
        self._check()

    @precondition(lambda self: self._failed_nodes())
    @rule(data=st.data(), failing=failures())
    def mark_node(self, data: st.DataObject, failing: frozenset[str]) -> None:
        """Mark the last task of a node in error as success."""
        node = data.draw(st.sampled_from(self._failed_nodes()))
        self._say("mark node", node, failing)
        self._change(self.model.values, failing)
        self._patch(f"taskInstances/{node}.done", "new_state", "success")
        self.model.mark_node(node)
        self._finish_runs()
        self.model.resume(self._after(node))
        self._check()

    @precondition(lambda self: self._with_nothing_failed_after())
    @rule(data=st.data(), failing=failures())
    def mark_failed(self, data: st.DataObject, failing: frozenset[str]) -> None:
        """Mark an instance as failed, and have what follows run again.

        If something after it had failed, Airflow would run that at once, also after a mark as failed.
        """
        node, index = data.draw(st.sampled_from(self._with_nothing_failed_after()))
        self._say("mark", f"{node}[{index}]", "failed", failing)
        self._change(self.model.values, failing)
        self._mark(node, index, "failed")
        self._ended()
        self.model.mark(node, index, E)
        after = list(dict.fromkeys([node, *self._after(node)]))
        listed = [task for one in after for task in self._tasks(one)]
        own = self._tasks(node)[:-1] if node not in self.model.single else self._tasks(node)
        self.model.done.discard(node)
        self._clear([task for task in listed if task not in own] + ["finish"], downstream=False)
        self.model.marked_nodes.discard(node)
        self.model.run(self._after(node))
        self._check()

    @precondition(lambda self: self.model.marked_run is None)
    @rule(state=st.sampled_from(["success", "failed"]))
    def mark_run(self, state: str) -> None:
        """Mark the run, which has ended."""
        self._say("mark run", state)
        self._patch("", "state", state)
        if self.model.kept is not None:
            self.model.kept = C if state == "success" else E if self.model.kept is C else self.model.kept
        self.model.marked_run = state
        self._check()

    @rule(values=grids(), failing=failures(), reuse=st.booleans())
    def delete(self, values: list[int], failing: frozenset[str], reuse: bool = False) -> None:
        """Delete the run, and start another one with its id; the store still has what it made."""
        self._say("delete and trigger", values, failing, "with reuse" if reuse else "")
        path = self.scheduler.store / self.pipeline / self.model.folder / "run.json"
        before = said(path)
        request = f"/api/v2/dags/{self.dag}/dagRuns/{self.run}"
        self.scheduler.delete(request)
        self.deleted[self.run] += 1
        self.model = self.model_type(self.stored, f"{self.run}-{self.deleted[self.run] + 1}")
        self._begin(values, failing, reuse=reuse)
        assert said(path) == before, f"the run of the same id has written over the record of the deleted one: {before}"

    # How it is done

    def _say(self, *what: object) -> None:
        line = f"{self.id}: " + " ".join(str(sorted(w) if isinstance(w, frozenset) else w) for w in what)
        self.log.append(line)

    def _change(self, values: list[int], failing: frozenset[str]) -> None:
        """Change what the steps do from now on."""
        self.model.values, self.model.failing = values, failing
        self.model.stamp = next(NUMBERS)
        for old in [*self.home.glob("fail-*"), *self.home.glob("kill-*")]:
            old.unlink()
        for name in failing:
            kind = "kill" if name.endswith(KILLED) else "fail"
            (self.home / f"{kind}-{name.removesuffix(KILLED)}").touch()
        (self.home / "values").write_text(f"{json.dumps({'values': values})}\n")
        (self.home / "stamp").write_text(f"{self.model.stamp}\n")

    def _begin(self, values: list[int], failing: frozenset[str], *, reuse: bool) -> None:
        self._change(values, failing)
        self.model.reuse = reuse
        self.scheduler.trigger(self.dag, self.run, {"home": str(self.home), "reuse": reuse})
        self.model.run(AFTER)
        self._check()

    def _clear(self, listed: list[Any], *, downstream: bool) -> None:
        body = {"dag_run_id": self.run, "task_ids": listed, "include_downstream": downstream}
        options = {"dry_run": False, "only_failed": False, "reset_dag_runs": True}
        self.scheduler.api("POST", f"/api/v2/dags/{self.dag}/clearTaskInstances", {**body, **options})
        self.model.marked_run = self.model.kept = None

    def _mark(self, node: str, index: int, state: str) -> None:
        task, map_index = self._instance(node, index)
        of_task = task if node in self.model.single else f"{task}/{map_index}"
        self._patch(f"taskInstances/{of_task}", "new_state", state)

    def _tasks(self, node: str) -> list[str]:
        """Return the ids of the tasks of a node."""
        return [node] if node in self.model.single else [f"{node}.{part}" for part in ("grid", "run", "done")]

    def _instance(self, node: str, index: int) -> tuple[str, int]:
        """Return the task of an execution of a node, and its map index."""
        return (node, -1) if node in self.model.single else (f"{node}.run", index)

    def _patch(self, what: str, key: str, value: str) -> None:
        path = f"/api/v2/dags/{self.dag}/dagRuns/{self.run}/{what}".rstrip("/")
        self.scheduler.api("PATCH", path, {key: value})

    def _finish_runs(self) -> bool:
        """Return whether marking a success made Airflow run tasks again, which it does if ``finish`` had failed."""
        running = self.scheduler.state(self.dag, self.run) not in ("success", "failed") or self._runs_again()
        if running:
            self.model.marked_run = self.model.kept = None
        return running

    def _runs_again(self) -> bool:
        return self.scheduler.tasks(self.dag, self.run)["finish", -1]["try_number"] != self.tried

    tried: int = 0

    def _after(self, node: str) -> list[str]:
        found = list(AFTER[node])
        for one in found:
            found += AFTER[one]
        return found

    def _with_executions(self) -> list[tuple[str, int]]:
        nodes = [node for node in self.model.results if node not in self.model.single]
        return [(node, one.index) for node in nodes for one in self.model.results[node].executions]

    def _with_state(self, state: State) -> list[tuple[str, int]]:
        results = self.model.results
        return [(node, one.index) for node in results for one in results[node].executions if one.state is state]

    def _with_nothing_failed_after(self) -> list[tuple[str, int]]:
        failed = {node for node, _ in self._with_state(E)} | {n for n, r in self.model.results.items() if not r.started}
        failed_executions = set(self._with_state(E))
        return [
            (node, index)
            for node, index in self._with_state(C)
            if not failed & set(self._after(node))
            and not failed_executions & {(node, one) for one in self.model.follows(node, index)}
        ]

    def _naturally_complete(self) -> list[tuple[str, int]]:
        """Return the executions that are complete without a mark, and after which nothing failed.

        Where a person takes a mark back, nothing says why the last task of the node is a success.
        """
        return [one for one in self._with_nothing_failed_after() if self.model.natural[one] is C]

    def _failed_nodes(self) -> list[str]:
        """Return the nodes with an unsuccessful last task: their executions failed, and not only by marks."""
        results = self.model.results
        nodes = [
            node
            for node in results
            if node not in self.model.single and results[node].state is E and results[node].executions
        ]
        return [node for node in nodes if self.model.unmarked(node).state is E]

    def _kill(self) -> None:
        """Kill the tasks of the commands that wait for it."""
        for told in self.home.glob("waits-*"):
            pid = process_in(told)
            if told not in self.killed and pid is not None:
                self.killed.add(told)
                os.kill(task_runner(pid), signal.SIGKILL)

    def _ended(self) -> None:
        self.scheduler.wait(self.dag, self.run, meanwhile=self._kill)
        wait_until(lambda: not any(process_in(told) for told in self.killed))
        self.tried = self.scheduler.tasks(self.dag, self.run)["finish", -1]["try_number"]

    # What must be true then

    def _check(self) -> None:
        self._ended()
        expected = (self.model.now(), self.model.state(), self.model.marked_run)
        # The plugin writes without being waited for where it is not a task that does.
        for _ in range(400):
            found = self._found()
            if found == expected:
                break
            time.sleep(0.3)
        story = "\n".join(line for line in self.log if line.startswith(f"{self.id}:"))
        states = {key: ti["state"] for key, ti in self.scheduler.tasks(self.dag, self.run).items()}
        for name, of_node in expected[0].items():
            assert found[0][name] == of_node, f"{name}: {found[0][name]} is not {of_node}\n{story}\n{states}"
        assert found == expected, f"{found[1:]} is not {expected[1:]}\n{story}\n{states}"
        state = self.scheduler.state(self.dag, self.run)
        assert (state == "success") is (expected[1] == C), f"{state}\n{story}\n{states}"

    def _found(self) -> tuple[dict[str, Any], str, str | None]:
        """Return the states in ``run.json`` as the model has them."""
        path = self.scheduler.store / self.pipeline / self.model.folder / "run.json"
        document = json.loads(path.read_text())
        nodes = {}
        for name, node in document["nodes"].items():
            executions = [
                (
                    *(one.get(key) for key in ("index", "state", "marked")),
                    self.model.point(one["parameters"]),
                    one["tries"],
                    one["metadata"].get("seen"),
                    one.get("reused"),
                )
                for one in node["executions"]
            ]
            nodes[name] = (node["state"], node.get("marked"), executions)
        return nodes, document["state"], document.get("marked")
