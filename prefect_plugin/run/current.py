"""Find the run and the node that the calling code belongs to."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prefect.context import TaskRunContext

from prefect_plugin.exceptions import OutsideRunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect import State

    from prefect_plugin.run.run_state import NodeRun, Run

_run: ContextVar[Run] = ContextVar("run")
_node: ContextVar[NodeRun] = ContextVar("node")


def current_run() -> Run:
    """Return the run that the calling flow or task belongs to.

    Raises:
        OutsideRunError: it is not called within ``run_of``.
    """
    try:
        return _run.get()
    except LookupError:
        raise OutsideRunError("nodes run in a flow, within `with run_of(...)`") from None


def current_node() -> NodeRun:
    """Return the node whose body is running.

    Raises:
        OutsideRunError: it is not called in the body of a node.
    """
    try:
        return _node.get()
    except LookupError:
        raise OutsideRunError("create a Job in the body of a node") from None


@contextlib.contextmanager
def enter_run(run: Run) -> Iterator[None]:
    """Make ``run`` the current run."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


@contextlib.contextmanager
def enter_node(node: NodeRun) -> Iterator[None]:
    """Make ``node`` the current node of this thread."""
    node.run.nodes[node.name] = node
    token = _node.set(node)
    try:
        yield
    finally:
        _node.reset(token)


def record_state(state: State[Any]) -> State[Any]:
    """Record that the body of the current task run returns ``state``, and return it.

    On another machine there is no run: there, the state travels to the flow's process.
    """
    context, run = TaskRunContext.get(), _run.get(None)
    if context is not None and run is not None:
        run.returned_states[context.task_run.id] = state
    return state
