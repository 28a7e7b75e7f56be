"""Define the operators around the branches of a composite node: its start, the starts of branches, and its fan-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import conf
from airflow.providers.standard.operators.branch import BaseBranchOperator

from airflow_plugin.controlflow.progress import innermost
from airflow_plugin.controlflow.steps import NOT_REACHED, ControlFlowOperator
from airflow_plugin.controlflow.structure import find
from airflow_plugin.exceptions import NodeError, NotStarted, Stopped
from airflow_plugin.tasks.entries import texts_of
from airflow_plugin.tasks.instances import gone_for_good, name_try
from translator.shim.clock import now
from translator.shim.contract import State
from translator.shim.controlflow import fan
from translator.shim.controlflow.fan import FanError
from translator.shim.outcome.plans import BODY
from translator.shim.store.manifest import summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow.sdk import Context

    from airflow_plugin.controlflow.progress import Run
    from airflow_plugin.controlflow.steps import Item
    from airflow_plugin.controlflow.structure import Node, Path


class GuardOperator(ControlFlowOperator):
    """An operator that starts a composite node if the token reached it, by one of several routes or after a failure."""

    ui_color = "#f4f4f4"
    role = "enter"

    def execute(self, context: Context) -> None:
        """Pass, or be skipped.

        Raises:
            NotStarted: the token did not come here.
        """
        self.begin(context)


class ItemsOperator(ControlFlowOperator):
    """An operator that lists the items of a map by index and label; steps take the item itself from their scope.

    For a map in the body of another map, it lists the items of all outer items in one list, which Airflow maps over.

    Args:
        over: the parameter that holds the list.
        item: the name of an item in the body.
        kwargs: of every operator of a control-flow graph.
    """

    template_fields = ()
    ui_color = "#eef3f8"
    role = "items"

    def __init__(self, *, over: str, item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.over = over
        self.item = item  # how a DAG file calls it

    @property
    def own_item(self) -> None:
        """Return None: this operator runs for no item, ``item`` is the name of those that it lists."""
        return None

    def is_reached(self, run: Run, path: Path) -> bool:
        """Return whether the token came here; in the body of a map, ``listed`` looks for each of its items."""
        return BODY in path or super().is_reached(run, path)

    def execute(self, context: Context) -> list[str]:
        """List the items.

        Raises:
            NotStarted: the token did not come.
            NodeError: there is no list, or it is longer than Airflow maps over.
        """
        run, path = self.begin(context)
        try:
            listed_items = listed(run, find(run.root, path), self.log.warning)
        except FanError as error:
            raise NodeError(str(error)) from None
        if listed_items is None:
            raise NotStarted(NOT_REACHED)
        steps = [
            one for one in self.downstream_task_ids if context["dag"].get_task(one).get_closest_mapped_task_group()
        ]
        if gone := gone_for_good(context, steps, len(listed_items)):
            raise NodeError(gone)
        return texts_of(listed_items)


class ChoiceOperator(ControlFlowOperator, BaseBranchOperator):
    """An operator that chooses the branch with the name that a parameter holds; the others are skipped.

    Args:
        on: the parameter.
        kwargs: of every operator of a control-flow graph.
    """

    ui_color = "#eef3f8"
    role = "choose"

    def __init__(self, *, on: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on = on

    def choose_branch(self, context: Context) -> str | Iterable[str]:
        """Return the id of the chosen branch's group.

        Raises:
            NotStarted: the token did not come.
            NodeError: no branch has that name.
        """
        run, path = self.begin(context)
        choice = find(run.root, path)
        try:
            start = choice.branches[run.case(choice)].start
        except FanError as error:
            raise NodeError(str(error)) from None
        if start is None:
            raise NodeError(f"the branch {run.case(choice)!r} has no first node")
        own = self.task_id.split(".")
        return ".".join((start.entry or start.task).split(".")[: len(own)])


class IterationOperator(ControlFlowOperator):
    """An operator that starts an iteration of a loop, unless the loop is over.

    Args:
        number: of the iteration, from 0.
        until: the parameter that ends the loop when it is true.
        index: the environment variable that holds the number.
        kwargs: of every operator of a control-flow graph.
    """

    ui_color = "#eef3f8"
    role = "again"

    def __init__(self, *, number: int, until: str, index: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.until = until
        self.index = index

    def is_reached(self, run: Run, path: Path) -> bool:
        """Return whether the token came to the loop; ``execute`` checks the previous iteration."""
        return self.number > 0 or super().is_reached(run, path[:-1])

    def execute(self, context: Context) -> None:
        """Pass, or be skipped.

        Raises:
            NotStarted: the loop is over.
        """
        run, path = self.begin(context)
        if self.number == 0:
            return
        run.ask_all()
        loop = find(run.root, path[:-1])
        state, scope = run.follow(loop.branches[str(self.number - 1)])
        if state is not State.COMPLETE or scope is None:
            raise NotStarted("the previous iteration is not complete")
        if not fan.again(scope, self.until, self.number - 1, len(loop.branches)):
            raise NotStarted(f"{self.until!r} is true")


class JoinOperator(ControlFlowOperator):
    """An operator for the fan-in of a composite node; it is complete if every branch is.

    Args:
        kind: of the node.
        reducer: for a map of runnable, the function that combines the values of all items.
        next: ``fail`` if the graph fails after the node, although the node is complete.
        on_failure: ``success`` if a failure of the node ends the graph as complete.
        kwargs: of every operator of a control-flow graph.
    """

    ui_color = "#f4f4f4"
    role = "join"
    waits_for_all = True

    def __init__(
        self,
        *,
        kind: Literal["parallel", "map", "loop", "choice"],
        reducer: str | None = None,
        next: Literal["fail"] | None = None,  # noqa: A002 - Magnus' own word
        on_failure: Literal["success"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.reducer = reducer
        self.next = next
        self.on_failure = on_failure

    def is_reached(self, run: Run, path: Path) -> bool:
        """Return whether the token came to the node."""
        run.ask_all()
        return super().is_reached(run, path)

    def execute(self, context: Context) -> dict[str, Any]:
        """Combine the results of the branches.

        Raises:
            NotStarted: the node was not reached, or was stopped.
            NodeError: it failed.
        """
        started = now()
        run, path = self.begin(context)
        node = find(run.root, path)
        outer = run.scope_before(path)
        state, scope, reason = State.ERROR, outer, self.changed(run, path)
        if reason is None:
            try:
                branches = _branches(run, node)
                state, scope = fan.join(
                    run.dialect, self.kind, outer, branches, reducer=self.reducer, returns=_returns(node)
                )
                reason = fan.failure(branches) if state is State.ERROR else None
            except FanError as error:
                reason = str(error)
        identity = run.identity(path, context["ti"].try_number)
        claimed = name_try(context)
        manifest = fan.commit(run.store, identity, state, scope, reason=reason, started=started, claimed=claimed)
        if state is State.STOPPED:
            raise Stopped("stopped: a branch was stopped")
        if state is not State.COMPLETE:
            raise NodeError(reason or "a branch failed")
        return summary(manifest)


def listed(run: Run, node: Node, warn: Callable[[str], object]) -> list[Item] | None:
    """Return the items of a map, for all items of the enclosing maps; None if the token came for none of them.

    Args:
        run: the run.
        node: the map.
        warn: called for outer items that have no list for this map; its fan-in fails for them.

    Raises:
        FanError: there is no list, or more than Airflow maps over.
    """
    outer_indexes = run.indexes(innermost(node.path)) if node.maps else [()]
    entries: list[Item] = []
    reached = False
    run.ask_all()
    for item_run in map(run.of, outer_indexes):
        if node.maps and not item_run.reached(node.path):
            continue
        reached = True
        try:
            items = item_run.items(node)
        except FanError as error:
            if not node.maps:
                raise
            warn(f"{item_run.name(node.path)}: {error}")
            continue
        entries += [
            {"index": [*item_run.index, number], "label": item_run.label(node, item)}
            for number, item in enumerate(items)
        ]
    if len(entries) > (most := conf.getint("core", "max_map_length", fallback=1024)):
        of_all = f", for all {len(outer_indexes)} items around it together" if node.maps else ""
        raise FanError(
            f"{node.says['over']!r} has {len(entries)} items{of_all}; Airflow maps over at most {most}; "
            "raise max_map_length in the section [core] of its configuration"
        )
    return entries if reached else None


def _branches(run: Run, node: Node) -> list[fan.Branch]:
    """Return how the branches ended, in declared order.

    Raises:
        FanError: the node could not begin.
    """
    if node.kind == "map":
        if run.task_state(node.entry or "", node.path[:1]) != "success":
            listed(run, node, str)
            raise FanError(f"the task {node.entry!r} failed, see its log")
        indexes = run.indexes_of(node)
        if not indexes and (items := run.items(node)):
            raise FanError(
                f"{node.entry!r} listed no items, but now {node.says['over']!r} holds {len(items)}: "
                f"clear {node.entry!r} and what follows it"
            )
        ended = [(str(index[-1]), run.of(index).follow(node.branches[BODY])) for index in indexes]
    else:
        if node.entry and run.task_state(node.entry, node.path) != "success":
            if node.kind == "choice":
                run.case(node)
            raise FanError(f"the task {node.entry!r} failed, see its log")
        if node.kind == "choice":
            name = run.chosen(node)
            return [fan.Branch(name, *run.follow(node.branches[name], begun=True))]
        ended = [(name, run.follow(graph)) for name, graph in node.branches.items()]
    return [fan.Branch(name, state, scope) for name, (state, scope) in ended]


def _returns(node: Node) -> list[str]:
    """Return the parameters that steps directly in the body of a map return."""
    if node.kind != "map":
        return []
    return [
        name
        for inner in node.branches[BODY].nodes.values()
        if inner.kind == "execution"
        for name in inner.says["step"].returns
    ]
