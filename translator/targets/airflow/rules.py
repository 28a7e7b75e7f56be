"""Lower a node's policy to tasks of Airflow.

======================== ======================= =====================================================================
on-error                 on-child-error          the node is
======================== ======================= =====================================================================
stop-all, stop-next,     (execution node)        a task; what follows has the default rule ``all_success``
retry
continue                 (execution node)        run, then a gate that passes if the step ran at all
stop-all, stop-next,     none,                   run, then an empty task with the default rule
retry                    stop-all-and-error
continue                 none,                   run, then an empty task: all executions done, one of them a success
                         continue-and-complete
stop-next                continue-and-complete   the same
stop-next                continue-and-error      run, then an empty task with the default rule
stop-all, retry          continue-and-complete   run, then a gate that fails if no execution is complete
stop-all, retry          continue-and-error      run, then a gate that fails if any execution failed
continue                 continue-and-error,     run, then a gate that passes if the node started
                         stop-all-and-error
any                      (over files)            grid, run, then an empty task: the grid is made, no execution failed
any                      (batch by batch)        the batches, then a gate with the same requirement
any                      (stop-condition)        run, then a gate with the same requirement of executions that ran
======================== ======================= =====================================================================

A node with actions at its end is closed by a gate that evaluates them, and requires what the table says. Actions at its
start are evaluated by a task before its grid and its step.

An empty task is never sent to a worker, so it is taken wherever a trigger rule can tell enough. It cannot where
``upstream_failed`` may mean both that the node failed and that an upstream node did: then a gate checks. So it
does after a node that is not part of every run (a gate that ``excludes``), if others wait for it. A node over
files that updates assets is also closed by a gate: the rule of the empty task passes stopped executions, too. The
direct upstream tasks of what closes a node that runs batch by batch are only those of its last batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import requires_approval
from translator.targets.actions import at_events
from translator.targets.render import Name, call, name

if TYPE_CHECKING:
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Call

_ONE_COMPLETE = "TriggerRule.ALL_DONE_MIN_ONE_SUCCESS"
NONE_FAILED = "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS"
COLLECTS = "Runs although unused iterations are skipped, if none failed."
"""Explains ``NONE_FAILED`` of a step that collects the results of iterations."""
_EXPLANATIONS = {
    ("EmptyOperator", _ONE_COMPLETE): "Succeeds once all executions have ended, if at least one is complete.",
    ("EmptyOperator", NONE_FAILED): "If there are no files, run is skipped, and the grid alone must succeed.",
    ("GateOperator", None): "Downstream tasks start if the step ran, even if it failed.",
}
"""What a closing task does that its arguments do not say, by its operator and its trigger rule."""
_ACTIONS = "Skipped if an action stops the run, failed if one makes the run fail."


def closing_task(node: ir.StepNode, *, followed: bool, approval: Arguments = (), updates: bool = False) -> Call | None:
    """Return the call that creates the task ``done`` of a node; None if the node is a single task.

    Args:
        node: the node.
        followed: whether other nodes wait for it.
        approval: the arguments of a task that asks for approvals.
        updates: whether the node updates assets.
    """
    if actions := at_events(node, (ir.Event.COMPLETE, ir.Event.ERROR)):
        return _acting(node, actions, approval)
    over_files = isinstance(node, ir.TaskNode) and node.grid.files is not None
    if (updates and over_files) or (followed and any(gate.excludes for gate in node.policy.gates)):
        return call("GateOperator", task_id="done", needs="all-complete")
    if over_files:
        return _empty(NONE_FAILED)  # with an empty list of files, the step is skipped, and its grid succeeds
    if isinstance(node, ir.ExecutionNode):
        return call("GateOperator", task_id="done") if node.policy.on_error is ir.OnError.CONTINUE else None
    if node.grid.kind is ir.GridKind.OPTIMISER or node.policy.stop_condition is not None:
        return call("GateOperator", task_id="done", needs=_needs(node) or "all-complete")
    return _closing_grid(node.policy.on_error, node.policy.on_child_error)


def _closing_grid(on_error: ir.OnError, on_child_error: ir.OnChildError | None) -> Call:
    """Return the call that creates the task ``done`` of a task node with a grid."""
    tolerant = on_child_error is ir.OnChildError.CONTINUE_AND_COMPLETE
    match on_error:
        case ir.OnError.CONTINUE if on_child_error is None or tolerant:
            closing = _empty(_ONE_COMPLETE)
        case ir.OnError.CONTINUE:
            closing = call("GateOperator", task_id="done")
        case ir.OnError.STOP_NEXT:
            closing = _empty(_ONE_COMPLETE if tolerant else None)
        case _ if tolerant:
            closing = call("GateOperator", task_id="done", needs="one-complete")
        case _ if on_child_error is ir.OnChildError.CONTINUE_AND_ERROR:
            closing = call("GateOperator", task_id="done", needs="all-complete")
        case _:
            closing = _empty(None)
    return closing


def starting_task(node: ir.StepNode, approval: Arguments = ()) -> Call | None:
    """Return the call that creates the task ``starting`` of a node; None if it has no actions at its start.

    Args:
        node: the node.
        approval: the arguments of a task that asks for approvals.
    """
    actions = at_events(node, (ir.Event.STARTING,))
    if not actions:
        return None
    if not requires_approval(node, (ir.Event.STARTING,)):
        return call("StartActionsOperator", task_id="starting", actions=actions)
    return call("StartApprovalOperator", task_id="starting", actions=actions, **dict(approval))


def _acting(node: ir.StepNode, actions: list[Call], approval: Arguments) -> Call:
    """Return the call that creates the task ``actions`` of a node, which closes it as ``done`` would."""
    needs = _needs(node)
    if not requires_approval(node, (ir.Event.COMPLETE, ir.Event.ERROR)):
        return call("EndActionsOperator", task_id="actions", actions=actions, needs=needs)
    return call("EndApprovalOperator", task_id="actions", actions=actions, needs=needs, **dict(approval))


def _needs(node: ir.StepNode) -> str | None:
    """Return what a gate requires of a node before others start; None if all its executions must be complete."""
    on_error, on_child_error = node.policy.on_error, node.policy.on_child_error
    tolerant = isinstance(node, ir.TaskNode) and (
        on_child_error is ir.OnChildError.CONTINUE_AND_COMPLETE
        or (on_child_error is None and on_error is ir.OnError.CONTINUE)
    )
    return "one-complete" if tolerant else "started" if on_error is ir.OnError.CONTINUE else None


def explanation(closing: Call) -> str | None:
    """Return a comment on a closing task, if it needs one."""
    keywords = dict(closing.keywords)
    if "actions" in keywords:
        return _ACTIONS
    if "needs" in keywords:
        return None
    rule = keywords.get("trigger_rule")
    return _EXPLANATIONS.get((closing.function.text, rule.text if isinstance(rule, Name) else None))


def _empty(trigger_rule: str | None) -> Call:
    return call("EmptyOperator", task_id="done", trigger_rule=name(trigger_rule) if trigger_rule else None)
