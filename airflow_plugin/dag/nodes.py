"""Find which tasks of a DAG make up each node of the pipeline.

A node is a ``StepOperator``, or a task group around one: ``starting``, ``grid``, ``run``, and ``done`` or ``actions``.
The group of a search that runs batch by batch has ``ask_1`` and ``run_1``, ``ask_2`` and ``run_2``, ... instead of
``grid`` and ``run``. A node has the name that its task or its group is displayed with. Other task groups hold nodes
that are shown together. What the plugin has to know of a pipeline while it runs is read off the DAG, so that a DAG file
says each thing once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow_plugin.dag.cache import once_per_dag
from airflow_plugin.dag.finish_task import FINISH
from airflow_plugin.dag.references import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import DAG, BaseOperator
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from airflow_plugin.dag.conditions import Condition

    Operator: TypeAlias = BaseOperator | MappedOperator

PARTS = ("starting", "grid", "run", "done", "actions")
"""The names of the tasks in a node's task group; ``starting`` and ``actions`` evaluate actions of the node."""

_OF_BATCH = re.compile("(ask|run)_([0-9]+)")
"""The names of the tasks of a batch: the one that chooses its points, and its step."""
_FIRST_ASK = "ask_1"

OnError: TypeAlias = Literal["stop-all", "stop-next", "continue", "retry"]
OnChildError: TypeAlias = Literal["continue-and-complete", "continue-and-error", "stop-all-and-error"]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a DAG: its name in the source file, its rules, and the ids of its tasks.

    ``run`` is the task that runs the step, ``tasks`` are all tasks of the node, ``upstream`` names the nodes that it
    waits for. If a condition of ``only_if`` does not hold, the node and its downstream nodes are skipped. If a
    condition of ``included_if`` does not hold, the node is not part of the run. ``sequential``: its executions run
    one after another until one fails. Once ``stop_condition`` holds for the metadata of a complete execution, no others
    start.

    If the node runs batch by batch, ``batches`` are the tasks that run its step, and ``run`` is none of them: it stands
    for all of their instances (``airflow_plugin.tasks.batches``). There are ``count`` executions in all, and
    ``batch_size`` in each batch but the last.
    """

    name: str
    kind: Literal["execution", "task"]
    on_error: OnError
    on_child_error: OnChildError | None
    run: str
    tasks: tuple[str, ...]
    upstream: tuple[str, ...] = ()
    only_if: tuple[Condition, ...] = ()
    included_if: tuple[Condition, ...] = ()
    sequential: bool = False
    stop_condition: str | None = None
    batches: tuple[str, ...] = ()
    batch_size: int = 0
    count: int = 0

    @property
    def stops_all(self) -> bool:
        """Return whether a failure of the node stops the run."""
        return self.on_error in ("stop-all", "retry")

    @property
    def stops_siblings(self) -> bool:
        """Return whether the failure of an execution stops the others of the node."""
        return self.on_child_error == "stop-all-and-error"

    @property
    def ends_at_failure(self) -> bool:
        """Return whether no more batches of the node start once an execution has failed."""
        return self.stops_siblings or (self.on_child_error is None and self.stops_all)

    @property
    def starting(self) -> str | None:
        """Return the task that evaluates actions before the node starts, if it has one."""
        return self._part("starting")

    @property
    def grid(self) -> str | None:
        """Return the task that computes the node's grid, if it has one."""
        return self._part("grid")

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the tasks that run the node's step: several if it runs batch by batch."""
        return self.batches or (self.run,)

    @property
    def choosing(self) -> tuple[str, ...]:
        """Return the tasks that decide the points of the node's executions, in the order of ``steps``."""
        if self.batches:
            return _of_batches(self.tasks, "ask")
        return (self.grid,) if self.grid is not None else ()

    def index(self, task: str, map_index: int) -> int:
        """Return the index of the execution that an instance of one of the ``steps`` is."""
        return self.steps.index(task) * self.batch_size + max(map_index, 0)

    @property
    def done(self) -> str | None:
        """Return the last task of the node, which closes it, if it has one besides its step."""
        return self._part("done") or self._part("actions")

    def _part(self, name: str) -> str | None:
        return next((task for task in self.tasks if task.endswith(f".{name}")), None)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Return the tasks whose failure means that the node failed.

        If the node may complete although executions failed, only the last task, ``done``, can tell. A task ``actions``
        can fail although no execution did: it is lost with its worker, or Airflow loses the answer to an approval.
        """
        if self.on_child_error in ("continue-and-complete", "continue-and-error"):
            return tuple(task for task in (self.starting, self.done) if task)
        return tuple(task for task in self.tasks if task != self._part("done"))


@once_per_dag
def nodes(dag: DAG) -> Mapping[str, Node]:
    """Return the nodes of a DAG by name, in the order of the source file, which ``finish`` lists if it differs."""
    by_name: dict[str, Node] = {}
    groups: dict[str, list[str]] = {}
    for task in dag.tasks:
        if group := _group(task):
            groups.setdefault(group, []).append(task.task_id)
    for task in dag.tasks:
        if not _runs_a_step(task):
            continue
        group = _group(task)
        name = node_name(task)
        if group and name in by_name:  # another batch
            continue
        of_node = [dag.get_task(one) for one in groups[group]] if group else [task]
        by_name[name] = Node(
            name=name,
            kind="task" if task.is_mapped else "execution",
            on_error=_argument(task, "on_error") or dag.default_args.get("on_error", "stop-all"),
            on_child_error=_argument(task, "on_child_error"),
            run=task.task_id,
            tasks=tuple(groups[group]) if group else (task.task_id,),
            only_if=_conditions(of_node, "only_if"),
            included_if=_conditions(of_node, "included_if"),
            sequential=bool(_argument(task, "sequential")),
            stop_condition=_argument(task, "stop_condition"),
        )
        if group and _OF_BATCH.fullmatch(task.label or ""):
            by_name[name] = _with_batches(by_name[name], group, of_node)
    owners = {task: node.name for node in by_name.values() for task in node.tasks}
    # A node that ``finish`` does not list, because somebody added it to the file, counts as well.
    listed = getattr(dag.task_dict.get(FINISH), "nodes", None) or ()
    places = {name: place for place, name in enumerate(dict.fromkeys((*listed, *by_name)))}
    return {
        name: replace(by_name[name], upstream=_upstream(dag, by_name[name], owners, places))
        for name in sorted(by_name, key=places.__getitem__)
    }


def _with_batches(node: Node, group: str, tasks: list[Operator]) -> Node:
    """Return a node that runs batch by batch, from one that has only the first batch."""
    search = _argument(next(task for task in tasks if task.label == _FIRST_ASK), "search")
    return replace(
        node,
        run=f"{group}.run",
        batches=_of_batches(node.tasks, "run"),
        batch_size=search.objective.batch_size,
        count=search.count,
    )


def _of_batches(tasks: Iterable[str], part: Literal["ask", "run"]) -> tuple[str, ...]:
    """Return those of a node's tasks that are one part of its batches, in the order of the batches."""
    numbers = {
        task: int(match[2])
        for task in tasks
        if (match := _OF_BATCH.fullmatch(task.rpartition(".")[2])) and match[1] == part
    }
    return tuple(sorted(numbers, key=numbers.__getitem__))


def node_name(task: Operator) -> str:
    """Return the name of the node that a task is part of, as defined or as Airflow stores it."""
    return name_of(task.task_group if task.task_group and _group(task) else task)


def _upstream(dag: DAG, node: Node, owners: Mapping[str, str], places: Mapping[str, int]) -> tuple[str, ...]:
    tasks = {before for task in node.tasks for before in dag.get_task(task).upstream_task_ids}
    names = {owners[task] for task in tasks if task in owners} - {node.name}
    return tuple(sorted(names, key=places.__getitem__))


def _group(task: Operator) -> str | None:
    """Return the id of the task group that makes a task part of a node with several tasks."""
    group = task.task_group
    if group is None:
        return None
    is_part = task.label in PARTS or (
        _OF_BATCH.fullmatch(task.label or "") and f"{group.group_id}.{_FIRST_ASK}" in group.children
    )
    return group.group_id if is_part else None


def _conditions(tasks: list[Operator], name: Literal["only_if", "included_if"]) -> tuple[Condition, ...]:
    """Return the conditions of a node, from the first of its tasks that has conditions."""
    return next((tuple(conditions) for task in tasks if (conditions := _argument(task, name))), ())


def _runs_a_step(task: Operator) -> bool:
    operator_class: type = task.operator_class if task.is_mapped else type(task)
    return getattr(operator_class, "runs_a_step", False)


def is_group(task: Operator) -> bool:
    """Return whether the instances of a task are the members of a distributed task."""
    step = _argument(task, "step")
    return getattr(step, "distributed", None) is not None


def _argument(task: Operator, name: str) -> Any:
    return getattr(task, "partial_kwargs", {}).get(name) if task.is_mapped else getattr(task, name, None)
