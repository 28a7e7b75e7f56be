"""The operators around the branches of a composite node: what begins it, what leads into branches, and its fan-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk import BaseBranchOperator, TriggerRule

from airflow_plugin.routed.step import NOT_REACHED, RoutedOperator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

    from airflow_plugin.routed.graph import Node
    from airflow_plugin.routed.run import Run
    from translator.shim.contract import Scope
    from translator.shim.fan import Branch


class GuardOperator(RoutedOperator):
    """Lets a composite node begin if the token came to it, by one of several ways or from an error."""

    ui_color = "#f4f4f4"
    role = "enter"

    def execute(self, context: Context) -> None:
        """Pass, or be skipped.

        Raises:
            AirflowSkipException: the token did not come.
        """
        self.reached(context)


class ItemsOperator(RoutedOperator):
    """The items of a map: returns what each is to be recognised by; the steps take the item from their scope.

    Args:
        over: the parameter that holds the list.
        item: the name of an item in the body.
        kwargs: of every operator of a routed graph.
    """

    template_fields = ()
    ui_color = "#eef3f8"
    role = "items"

    def __init__(self, *, over: str, item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.over = over
        self.item = item

    def execute(self, context: Context) -> list[str]:
        """List the items.

        Raises:
            AirflowSkipException: the token did not come.
            AirflowFailException: there is no list, or it is longer than Airflow maps over.
        """
        from airflow.providers.common.compat.sdk import conf

        from airflow_plugin.routed.graph import place_of
        from translator.shim.fan import FanError, items
        from translator.shim.grid import label

        run = self.reached(context)
        try:
            found = items(run.found(place_of(self)), self.over)
        except FanError as error:
            raise AirflowFailException(str(error)) from None
        if len(found) > (most := conf.getint("core", "max_map_length", fallback=1024)):
            raise AirflowFailException(f"{self.over!r} has {len(found)} items; [core] max_map_length allows {most}")
        return [label({str(self.item): str(item)}) for item in found]


class ChooseOperator(RoutedOperator, BaseBranchOperator):
    """Chooses the branch that is called as the value of a parameter; the others are skipped.

    Args:
        on: the parameter.
        kwargs: of every operator of a routed graph.
    """

    ui_color = "#eef3f8"
    role = "choose"

    def __init__(self, *, on: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on = on

    def choose_branch(self, context: Context) -> str | Iterable[str]:
        """The id of the chosen branch's group.

        Raises:
            AirflowSkipException: the token did not come.
            AirflowFailException: no branch is called so.
        """
        from airflow_plugin.routed.graph import find, place_of
        from translator.shim.fan import FanError, case

        run = self.reached(context)
        path = place_of(self)
        branches = find(run.root, path).branches
        try:
            chosen = case(run.found(path), self.on, branches)
        except FanError as error:
            raise AirflowFailException(str(error)) from None
        start = branches[chosen].start
        assert start is not None and self.task_group is not None  # noqa: S101 - as generated
        first = start.entry or start.task
        depth = str(self.task_group.group_id).count(".") + 2
        return ".".join(first.split(".")[:depth])


class AgainOperator(RoutedOperator):
    """Begins an iteration of a loop, if there is to be one.

    Args:
        number: of the iteration, from 0.
        until: the parameter that ends the loop when it is true.
        index: the environment variable that holds the number.
        kwargs: of every operator of a routed graph.
    """

    ui_color = "#eef3f8"
    role = "again"

    def __init__(self, *, number: int, until: str, index: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.until = until
        self.index = index

    def execute(self, context: Context) -> None:
        """Pass, or be skipped.

        Raises:
            AirflowSkipException: the loop is over.
        """
        from airflow_plugin.routed.graph import find, place_of
        from translator.shim import fan
        from translator.shim.contract import State

        run = self.reached(context)
        if self.number == 0:
            return
        loop = find(run.root, place_of(self)[:-1])
        state, scope = run.follow(loop.branches[str(self.number - 1)])
        if state is not State.COMPLETE or scope is None:
            raise AirflowSkipException("the iteration before is not complete")
        if not fan.again(self.dialect, scope, self.until, self.number - 1, len(loop.branches)):
            raise AirflowSkipException(f"{self.until!r} is true")


class JoinOperator(RoutedOperator):
    """The fan-in of a composite node, and its state: complete if every branch is.

    Args:
        kind: of the node.
        reducer: of a map of runnable, the function of all items' values that makes one of them.
        next: ``fail`` where the graph ends in error after it, though it is complete.
        on_failure: ``success`` where its error ends the graph as complete.
        kwargs: of every operator of a routed graph.
    """

    ui_color = "#f4f4f4"
    role = "join"

    def __init__(
        self,
        *,
        kind: Literal["parallel", "map", "loop", "choice"],
        reducer: str | None = None,
        next: Literal["fail"] | None = None,  # noqa: A002 - Magnus' own word
        on_failure: Literal["success"] | None = None,
        trigger_rule: str = TriggerRule.ALL_DONE,
        **kwargs: Any,
    ) -> None:
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.kind = kind
        self.reducer = reducer
        self.next = next
        self.on_failure = on_failure

    def execute(self, context: Context) -> dict[str, Any]:
        """Put together what the branches left.

        Raises:
            AirflowSkipException: the node was not reached, or was stopped.
            AirflowException: it is in error.
        """
        from airflow_plugin.routed.graph import find, place_of
        from translator.shim import fan
        from translator.shim.clock import now
        from translator.shim.contract import State
        from translator.shim.manifest import summary

        started = now()
        run = self.reached(context)
        node = find(run.root, place_of(self))
        if node.entry is not None and run.states.get(run.key(node.entry, node)) not in ("success", "failed"):
            raise AirflowSkipException(NOT_REACHED)
        outer = run.found(node.path)
        reason = None
        try:
            branches = self._branches(run, node, outer)
            if branches is None:
                raise AirflowSkipException(NOT_REACHED)
            state, scope = fan.join(
                self.dialect, self.kind, outer, branches, reducer=self.reducer, returns=_returns(node)
            )
        except fan.FanError as error:
            state, scope, reason = State.ERROR, outer, str(error)
        else:
            ended = [branch.name for branch in branches if branch.state is State.ERROR]
            reason = f"in error: {', '.join(map(repr, ended))}" if state is State.ERROR else None
        identity = run.identity(node.path, context["ti"].try_number)
        manifest = fan.commit(run.store, identity, state, scope, reason=reason, started=started)
        if state is State.STOPPED:
            raise AirflowSkipException("stopped: a branch was stopped")
        if state is not State.COMPLETE:
            raise AirflowException(reason or "a branch is in error")
        return summary(manifest)

    def _branches(self, run: Run, node: Node, outer: Scope) -> list[Branch] | None:
        """How the branches ended, in declared order; None if none of them was begun."""
        from translator.shim import fan
        from translator.shim.contract import State

        if self.kind == "map":
            count = len(fan.items(outer, node.source.over))
            return [fan.Branch(str(i), *run.of_item(i).follow(node.branches["*"])) for i in range(count)]
        ended = [fan.Branch(name, *run.follow(graph)) for name, graph in node.branches.items()]
        if self.kind == "choice" and run.states.get(run.key(node.entry or "", node)) == "failed":
            fan.case(outer, node.source.on, node.branches)
        return None if all(branch.state is State.SKIPPED for branch in ended) else ended


def _returns(node: Node) -> list[str]:
    """What the steps directly in the body of a map return."""
    if node.kind != "map":
        return []
    return [
        name
        for inner in node.branches["*"].nodes.values()
        if inner.kind == "execution"
        for name in inner.operator.step.returns
    ]
