"""Tell the shim of an execution: whose it is, where things go, and what Prefect is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prefect.context import TaskRunContext

from prefect_plugin.configuration import connections, secrets
from prefect_plugin.tasks.logs import line_log
from translator.shim.contract import Context, ExecutionId

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from translator.shim.contract import NodeKind, StoreAddress


class _Run(Protocol):
    """A run, as far as its executions need to know it."""

    @property
    def pipeline(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def store(self) -> StoreAddress: ...
    @property
    def code(self) -> str | Path: ...
    @property
    def catalogue(self) -> str | None: ...
    @property
    def git_remote(self) -> str | None: ...
    @property
    def input_blocks(self) -> Mapping[str, str]: ...
    @property
    def project_name(self) -> str | None: ...
    @property
    def creator(self) -> str | None: ...
    @property
    def started(self) -> str: ...
    @property
    def resumes(self) -> str | None: ...
    @property
    def reuse_nodes(self) -> Collection[str] | None: ...


class _Node(Protocol):
    """A node, as far as its executions need to know it, in the flow's process or on another machine."""

    @property
    def run(self) -> _Run: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> NodeKind: ...

    def should_stop(self) -> str | None:
        """Return the reason to stop, if there is one."""

    def claimed(self, index: int) -> Callable[[str], None]:
        """Return a function that gets the manifest's URI of a try that begins."""


def execution_context(node: _Node, label: str, index: int = 0, *, rejected: bool = False) -> Context:
    """Return the context of an execution, which the current task run runs.

    Args:
        node: its node, in this run.
        label: its name in the log.
        index: its index in the node.
        rejected: whether its earlier attempt is failed in the API, whatever its command did.
    """
    run, task_run = node.run, TaskRunContext.get()
    attempt = task_run.task_run.run_count if task_run else 1
    return Context(
        id=ExecutionId(run.pipeline, run.id, node.name, index, attempt, node.kind),
        store=run.store,
        project=run.code,
        engine="prefect",
        log=line_log(label),
        should_stop=node.should_stop,
        secret=secrets.lookup,
        claimed=node.claimed(index),
        connection=connections.lookup,
        catalogue=run.catalogue,
        git_remote=run.git_remote,
        project_name=run.project_name,
        creator=run.creator,
        input_connections=run.input_blocks,
        resumes=run.resumes,
        rejects=rejected,
        reuse=run.reuse_nodes is None or node.name in run.reuse_nodes,
        round=run.started,
    )
