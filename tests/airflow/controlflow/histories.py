"""Apply what people do to runs of control-flow graphs to a real Airflow, and compare with ``model``."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.airflow.controlflow.model import C, Cleared, E, Instance, K, Model, is_item, plain, task_of
from tests.airflow.dataflow.histories import said
from tests.controlflow.histories import SHAPES, Plan, Shape, drawn, key_of, seen, shown, write
from tests.controlflow.run import predicted, recorded
from translator.shim.contract import State
from translator.shim.json_values import thawed
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from random import Random

    from tests.airflow.scheduler import Airflow

NUMBERS = itertools.count(1)


def deploy(scheduler: Airflow) -> None:
    """Put the DAGs of the histories into Airflow."""
    project = scheduler.home / "controlflow_histories"
    project.mkdir(exist_ok=True)
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    for shape in SHAPES.values():
        pipeline = shape.pipeline()
        (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags(*SHAPES)


class History:
    """One run, to which things are done one after another; each is over before the next one."""

    scheduler: ClassVar[Airflow]
    shape: ClassVar[Shape]
    log: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.id = f"{self.shape.name}-{next(NUMBERS)}"
        self.folder = self.id
        self.count = 1
        # Steps write to it, and cannot write to the project.
        self.home: Path = self.scheduler.home / "controlflow_notes" / self.id
        self.home.mkdir(parents=True)
        self.model = Model(self.shape, str(self.home))
        listed = self.scheduler.api("GET", f"/api/v2/dags/{self.shape.name}/tasks")["tasks"]
        self.after = {task["task_id"]: set(task["downstream_task_ids"]) for task in listed}
        self.ids = {plain(task): task for task in self.after}

    # What people do

    def begin(self, chance: Random) -> None:
        """Start the run."""
        self.trigger(drawn(chance, self.shape))

    def go_on(self, chance: Random) -> None:
        """Do one of the things that can be done to the run now; each is as likely as any other."""
        chance.choice(self._possible())(chance)

    def _possible(self) -> list[Callable[[Random], None]]:
        found = [self.clear_node, self.clear_run, self.delete_run]
        if self._items():
            found.append(self.clear_item)
        if self.model.kept is None:
            found.append(self.clear_without_finish)
        if self._ran(E):
            found.append(self.mark_success)
        if self._ran(C):
            found.append(self.mark_failed)
        if self.model.marked_run is None:
            found.append(self.mark_either)
        return found

    def trigger(self, plan: Plan) -> None:
        """Start a run of this id."""
        self._say("trigger", plan)
        self._change(plan)
        self.scheduler.trigger(self.shape.name, self.id, {"home": str(self.home)})
        self.model.run()
        self._check(whole=True)

    def clear_node(self, chance: Random) -> None:
        """Clear all tasks of a node, with or without what follows."""
        node = chance.choice([node.name for node in self.model.pipeline.graph.nodes])
        self.do_clear(self._tasks(node), drawn(chance, self.shape), downstream=chance.random() < 0.5)

    def clear_item(self, chance: Random) -> None:
        """Clear a step of one item of a map, with or without what follows."""
        path = chance.choice(self._items())
        self.do_clear([self._addressed(path)], drawn(chance, self.shape), downstream=chance.random() < 0.5)

    def do_clear(self, listed: list[Any], plan: Plan, *, downstream: bool, finish: bool = True) -> None:
        """Clear some tasks and instances."""
        self._say("clear", listed, "and downstream" if downstream else "alone", "" if finish else "nor finish", plan)
        self._change(plan)
        before, mark = self.model.state(), self.model.marked_run
        listed = [*listed, *(["finish"] if finish and not downstream else [])]
        self.model.run(self._clear(listed, downstream=downstream))
        if finish:
            self.model.kept = self.model.marked_run = None
        else:
            self.model.keep(before, mark, self._finished())
        self._check()

    def clear_without_finish(self, chance: Random) -> None:
        """Clear a node and nothing after it, not even the task that ends the run, which so keeps its state."""
        node = chance.choice([node.name for node in self.model.pipeline.graph.nodes])
        self.do_clear(self._tasks(node), drawn(chance, self.shape), downstream=False, finish=False)

    def clear_run(self, chance: Random) -> None:
        """Clear the run."""
        self.clear_all(drawn(chance, self.shape))

    def clear_all(self, plan: Plan) -> None:
        """Clear the run."""
        self._say("clear all", plan)
        self._change(plan)
        self.scheduler.api("POST", f"{self._run}/clear", {"dry_run": False, "only_failed": False})
        self.model.marked_run = self.model.kept = None
        self.model.run()
        self._check(whole=True)

    def mark_success(self, chance: Random) -> None:
        """Mark a step or the fan-in of a node that failed as success."""
        self.mark(chance.choice(self._ran(E)), C)

    def mark_failed(self, chance: Random) -> None:
        """Mark a step or the fan-in of a node that is complete as failed."""
        self.mark(chance.choice(self._ran(C)), E)

    def mark(self, path: str, state: State) -> None:
        """Mark an instance: Airflow then runs again what failed after it."""
        task, index = self._addressed(path)
        self._say("mark", path, state.value)
        before, of_run = self.model.state(), self.model.marked_run
        after = self._after(task)
        failed = {
            Instance(plain(key[0]), key[1])
            for key, ti in self.scheduler.tasks(self.shape.name, self.id).items()
            if key[0] in after and ti["state"] in ("failed", "upstream_failed")
        }
        what = f"taskInstances/{task}" + (f"/{index}" if index >= 0 else "")
        self.scheduler.api("PATCH", f"{self._run}/{what}", {"new_state": "success" if state is C else "failed"})
        self.model.states[path] = state
        self.model.run(Cleared(failed, set()))
        if Instance("finish") in failed:
            self.model.kept = self.model.marked_run = None
        else:
            self.model.keep(before, of_run, self._finished() if failed else None)
        self._check()

    def mark_either(self, chance: Random) -> None:
        """Mark the run, which has ended, as one of both."""
        self.mark_run(chance.choice(["success", "failed"]))

    def mark_run(self, state: str) -> None:
        """Mark the run, which has ended."""
        self._say("mark run", state)
        self.scheduler.api("PATCH", self._run, {"state": state})
        if self.model.kept is not None:
            self.model.kept = C if state == "success" else E if self.model.kept is C else self.model.kept
        self.model.marked_run = state
        self._check()

    def delete_run(self, chance: Random) -> None:
        """Delete the run, and start another one with its id."""
        self.delete(drawn(chance, self.shape))

    def delete(self, plan: Plan) -> None:
        """Delete the run, and start another one with its id."""
        self._say("delete")
        path = self._document
        before = said(path)
        self.scheduler.delete(self._run)
        self.count += 1
        self.folder = f"{self.id}-{self.count}"
        self.model = Model(self.shape, str(self.home))
        self.trigger(plan)
        assert said(path) == before, "the run of the same id has written over the record of the deleted one"

    # How it is done

    @property
    def _run(self) -> str:
        return f"/api/v2/dags/{self.shape.name}/dagRuns/{self.id}"

    @property
    def _document(self) -> Path:
        return self.scheduler.store / self.shape.name / self.folder / "run.json"

    def _say(self, *what: object) -> None:
        self.log.append(f"{self.id}: " + " ".join(map(str, what)))

    def _change(self, plan: Plan) -> None:
        """Change what the steps do from now on."""
        self.model.plan, self.model.stamp = plan, next(NUMBERS)
        write(self.home, plan, self.model.stamp)

    def _clear(self, listed: list[Any], *, downstream: bool) -> Cleared:
        """Clear tasks; returns what that is."""
        body = {"dag_run_id": self.id, "task_ids": listed, "include_downstream": downstream, "only_failed": False}
        path = f"/api/v2/dags/{self.shape.name}/clearTaskInstances"
        answer = self.scheduler.api("POST", path, {**body, "dry_run": True})["task_instances"]
        cleared = {Instance(plain(ti["task_id"]), ti["map_index"]) for ti in answer}
        found = self.scheduler.tasks(self.shape.name, self.id)
        there = {Instance(plain(task), index): ti for (task, index), ti in found.items()}
        left = {one.task for one, ti in there.items() if one not in cleared and ti["state"] != "removed"}
        self.scheduler.api("POST", path, {**body, "dry_run": False, "reset_dag_runs": True})
        return Cleared(cleared, {one.task for one in cleared} - left)

    def _finished(self) -> bool:
        """Return whether the task that ends the run is a success: Airflow gives the run the state of this task."""
        return bool(self.scheduler.tasks(self.shape.name, self.id)["finish", -1]["state"] == "success")

    def _tasks(self, node: str) -> list[str]:
        own = task_of(node)
        return [task for task in self.after if task == own or task.startswith(f"{own}.")]

    def _after(self, task: str) -> set[str]:
        found: set[str] = set()
        todo = [task]
        while todo:
            more = self.after[todo.pop()] - found
            found |= more
            todo += more
        return found

    def _instance(self, path: str) -> Instance:
        """Return the instance that has the state of a node."""
        parts = path.split(".")
        places = [place for place, _ in enumerate(parts) if is_item(path, place)]
        index = -1
        if places:
            index = self.model.first(".".join(parts[: places[-1]])) + int(parts[places[-1]])
        task = task_of(path)
        return Instance(task if task in self.ids else f"{task}.join", index)

    def _addressed(self, path: str) -> list[Any]:
        """Return the same, as Airflow's API wants it."""
        task, index = self._instance(path)
        return [self.ids[task], index]

    def _items(self) -> list[str]:
        return sorted(path for path in self.model.tries if self._instance(path).index >= 0 and self._is_there(path))

    def _ran(self, state: State) -> list[str]:
        found = self.model.states
        nodes = (path for path, of in found.items() if of is state and path in self.model.left)
        return sorted(path for path in nodes if self._is_there(path))

    def _is_there(self, path: str) -> bool:
        """Return whether the item of a map that the path leads through, if any, is in its list now."""
        parts = path.split(".")
        return all(
            int(name) < len(self.model.lists.get(".".join(parts[:place]), []))
            for place, name in enumerate(parts)
            if is_item(path, place)
        )

    # What must be true then

    def _check(self, *, whole: bool = False) -> None:
        self.scheduler.wait(self.shape.name, self.id)
        state, nodes = self.model.now()
        story = "\n".join(line for line in self.log if line.startswith(f"{self.id}:"))
        if whole:
            fate = self.model.fate()
            assert (state, self._shown(nodes)) == (fate.state, _states(predicted(fate))), f"the model is wrong\n{story}"
        ran = [path for path in self.model.tries if nodes.get(path) in (C, E)]
        expected = (
            self.model.state().value,
            self.model.marked_run,
            self._shown(nodes),
            self._marks(nodes),
            {path: [self.model.tries[path]] for path in ran},
            {} if self.model.last is None else thawed(self.model.last.all),
        )
        # The plugin writes without being waited for where it is not a task that does.
        for _ in range(400):
            document = json.loads(self._document.read_text())
            found = self._found(document, nodes)
            if found == expected:
                break
            time.sleep(0.3)
        states = {key: ti["state"] for key, ti in self.scheduler.tasks(self.shape.name, self.id).items()}
        told = f"\n{story}\n{states}\n{json.dumps(document)}"
        for one, other in zip(found, expected, strict=True):
            assert one == other, f"{one} is not {other}{told}"
        of_run = self.scheduler.state(self.shape.name, self.id)
        assert (of_run == "success") is (expected[0] == C.value), f"{of_run}{told}"
        for path in (path for path in ran if path in self.model.saw):
            saw, wanted = seen(self.home, self._key(path)), shown(self.model.saw[path])
            assert saw == wanted, f"{path} saw {saw}, not {wanted}{told}"

    def _key(self, path: str) -> str:
        """Return what the step at a path calls itself."""
        parts = path.split(".")
        numbers = [place for place, _ in enumerate(parts) if is_item(path, place)]
        return key_of(path, [self.model.lists[".".join(parts[:place])][int(parts[place])] for place in numbers])

    @staticmethod
    def _shown(nodes: Mapping[str, State]) -> dict[str, str]:
        return {path: state.value for path, state in nodes.items() if state is not K}

    def _marks(self, nodes: Mapping[str, State]) -> set[str]:
        return {path for path, state in nodes.items() if state is C and self.model.natural[path] is not C}

    def _found(self, document: Mapping[str, Any], nodes: Mapping[str, State]) -> tuple[Any, ...]:
        """Return the states in ``run.json`` as the model has them."""
        marks = {path for path in _marked(document["nodes"]) if nodes.get(path, K) is not K}
        tries = {path: [one["tries"] for one in of] for path, of in _executions(document["nodes"]).items()}
        return (
            document["state"],
            document.get("marked"),
            _states(recorded(document["nodes"])),
            marks,
            {path: of for path, of in tries.items() if nodes.get(path) in (C, E)},
            {} if self.model.last is None else document["parameters"],
        )


def _states(found: Mapping[str, str]) -> dict[str, str]:
    """Return the states of the nodes that a token reached."""
    nodes = {path: of.partition(" ")[2] for path, of in found.items() if " " in of}
    return {path: state for path, state in nodes.items() if state != "skipped"}


def _executions(nodes: Mapping[str, Any], prefix: str = "") -> dict[str, list[Any]]:
    found = {}
    for name, node in nodes.items():
        if "executions" in node:
            found[prefix + name] = node["executions"]
        for branch, of in node.get("branches", {}).items():
            found |= _executions(of["nodes"], f"{prefix}{name}.{branch}.")
    return found


def _marked(nodes: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    """Return the paths that a person marked as complete."""
    for name, node in nodes.items():
        if any("marked" in one for one in (node, *node.get("executions", ()))):
            yield prefix + name
        for branch, of in node.get("branches", {}).items():
            yield from _marked(of["nodes"], f"{prefix}{name}.{branch}.")
