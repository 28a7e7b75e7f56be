"""Derive the state of a node from its executions; numbers are those of ``translator.semantics``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from translator import ir
from translator.ir import OnChildError, OnError
from translator.semantics.oracle import NOTHING
from translator.shim.actions.conditions import is_met
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Value


@dataclass(frozen=True, slots=True)
class Execution:
    """The end of an execution."""

    index: int
    state: State
    tries: int
    parameters: Mapping[str, Value]
    metadata: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    outputs: tuple[str, ...] | None = ()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str | None = None
    folders: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Fired:
    """An effect of an action that took place (rules 18 to 20)."""

    when: ir.Event
    then: ir.Effect
    conditions: tuple[str, ...] = ()
    approved: bool | None = None
    """The decision of a person, if it needs an approval (rule 21)."""

    @property
    def ends(self) -> State | None:
        """The state that it gives the run; None if the run continues."""
        if self.approved is False:
            return State.STOPPED
        return {ir.Effect.STOP_PIPELINE: State.STOPPED, ir.Effect.ERROR_PIPELINE: State.ERROR}.get(self.then)

    def __str__(self) -> str:
        decision = "" if self.approved is None else f" ({'approved' if self.approved else 'rejected'})"
        return f"{self.when}: {self.then}{decision}" + (
            f", because {' and '.join(self.conditions)}" if self.conditions else ""
        )


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a node; ``why`` names the rule. An ``absent`` node is not part of the run (rule 14)."""

    node: ir.StepNode
    state: State
    executions: tuple[Execution, ...]
    why: str
    started: bool = True
    absent: bool = False
    fired: tuple[Fired, ...] = ()

    @property
    def ends(self) -> State | None:
        """The state that an action gives the run (rule 20)."""
        return next((one.ends for one in self.fired if one.ends is not None), None)

    @property
    def opens(self) -> bool:
        """Whether downstream nodes may start (rules 1 and 20)."""
        return self.ends is None and self.is_open

    @property
    def is_open(self) -> bool:
        """Whether the node is open by rule 1, whatever its actions do."""
        if self.state is State.COMPLETE or self.absent:
            return True
        if self.state is not State.ERROR or not goes_on(self.node):
            return False
        return stops_siblings(self.node) or all(e.state is not State.STOPPED for e in self.executions)

    @property
    def stops_run(self) -> bool:
        """Whether it stops the run (rules 12 and 20)."""
        return self.ends is not None or self._is_fatal

    @property
    def _is_fatal(self) -> bool:
        return self.state is State.ERROR and self.node.policy.on_error in (OnError.STOP_ALL, OnError.RETRY)

    @property
    def fails_run(self) -> bool:
        """Whether it makes the run fail (rules 13 and 20)."""
        return self.ends is State.ERROR or (self.state is State.ERROR and not self.is_open)

    @property
    def skips(self) -> bool:
        """Whether downstream nodes are skipped rather than stopped (rule 2)."""
        if self.state is not State.ERROR:
            return self.state is State.SKIPPED and not self.absent
        return not self._is_fatal and not goes_on(self.node)

    @property
    def complete(self) -> tuple[Execution, ...]:
        """Its complete executions, in grid order."""
        return tuple(execution for execution in self.executions if execution.state is State.COMPLETE)


def ends_task(node: ir.StepNode, execution: Execution) -> bool:
    """Return whether no further executions of a task node start because of one (rule 10)."""
    condition = node.policy.stop_condition
    return condition is not None and execution.state is State.COMPLETE and is_met(condition, execution.metadata)


def settle(node: ir.StepNode, executions: tuple[Execution, ...]) -> Result:
    """Return a started node's state, from those of its executions (rules 8, 9 and 11)."""
    errors = [e for e in executions if e.state is State.ERROR]
    stopped = any(e.state is State.STOPPED for e in executions)
    done = any(e.state is State.COMPLETE for e in executions)
    how = on_child_error(node)
    if isinstance(node, ir.ExecutionNode):
        in_error, rule = bool(errors), f"on-error: {node.policy.on_error}"
    elif how is OnChildError.CONTINUE_AND_COMPLETE:
        in_error, rule = bool(errors) and not done and not stopped, f"{_node_text(node)}; none complete"
    else:
        in_error, rule = bool(errors), _node_text(node)
    if in_error:
        which = "it failed" if isinstance(node, ir.ExecutionNode) else f"{_counted(errors, executions)} failed"
        causes = {e.reason for e in errors if e.reason and e.reason != "its command fails"}
        return Result(node, State.ERROR, executions, "; ".join([which, *sorted(causes), rule]))
    if stopped:
        return Result(node, State.STOPPED, executions, "interrupted by a stop")
    if errors:
        return Result(node, State.COMPLETE, executions, f"{_counted(errors, executions)} failed; {_node_text(node)}")
    tries = max((e.tries for e in executions), default=1)
    return Result(node, State.COMPLETE, executions, "no failure" if tries == 1 else f"complete on attempt {tries}")


def stops_siblings(node: ir.StepNode) -> bool:
    """Return whether a failed execution stops the others of its node at once (rule 10)."""
    policy = node.policy
    if is_group(node):
        return False
    if policy.on_child_error is None:
        return policy.on_error in (OnError.STOP_ALL, OnError.RETRY)
    return policy.on_child_error is OnChildError.STOP_ALL_AND_ERROR


def is_group(node: ir.StepNode) -> bool:
    """Return whether the executions of a node are one group (rules 22 and 23)."""
    return isinstance(node, ir.TaskNode) and node.grid.distributed is not None


def goes_on(node: ir.StepNode) -> bool:
    """Return whether downstream nodes run if this one fails (rule 1)."""
    policy = node.policy
    if policy.on_error is not OnError.CONTINUE:
        return False
    return isinstance(node, ir.ExecutionNode) or on_child_error(node) is not OnChildError.CONTINUE_AND_COMPLETE


def stopped(execution: Execution) -> Execution:
    """Return the execution after a stop, interrupted or not started."""
    return replace(execution, state=State.STOPPED, metadata=NOTHING, outputs=(), reason="stopped")


def on_child_error(node: ir.StepNode) -> OnChildError:
    """Return how a failed execution affects its task node, by ``on-child-error`` or by ``on-error`` (rule 9)."""
    policy = node.policy
    if policy.on_child_error is not None:
        return policy.on_child_error
    if policy.on_error is OnError.CONTINUE:
        return OnChildError.CONTINUE_AND_COMPLETE
    return OnChildError.CONTINUE_AND_ERROR


def _node_text(node: ir.StepNode) -> str:
    named = f"on-error: {node.policy.on_error}"
    child = node.policy.on_child_error
    return named if child is None else f"on-child-error: {child}, {named}"


def _counted(some: Sequence[Execution], executions: Sequence[Execution]) -> str:
    listed = ", ".join(str(e.index) for e in some[:5]) + (", ..." if len(some) > 5 else "")  # noqa: PLR2004  enough
    return f"{len(some)} of {len(executions)} executions ({listed})"
