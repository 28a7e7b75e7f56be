"""Make one flow run one run of a pipeline, and stop it if something ends it early."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from prefect import get_run_logger
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.transactions import CommitMode, transaction

from prefect_plugin.configuration.stores import choose
from prefect_plugin.exceptions import OutsideRunError, RunFailedError
from prefect_plugin.recovery import attempts, stop_documents
from prefect_plugin.recovery.repair import close_earlier_attempts, repair
from prefect_plugin.recovery.stop_documents import Attempt
from prefect_plugin.run import task_runs
from prefect_plugin.run.current import enter_run
from prefect_plugin.run.matrix_run import current_matrix_run
from prefect_plugin.run.record import write_record
from prefect_plugin.run.replacement import has_later_attempt, is_replaced
from prefect_plugin.run.run_state import Run
from prefect_plugin.run.stopping import Cause, state_watched
from prefect_plugin.tasks.display_names import flat
from translator.shim import variables
from translator.shim.code import is_fetched
from translator.shim.embedded import events
from translator.shim.execution import kill_all
from translator.shim.json_values import thawed
from translator.shim.masking.uris import redact
from translator.shim.outcome import resumed
from translator.shim.store import StoreError, open_store
from translator.shim.store.owner import own_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from prefect.client.schemas.objects import FlowRun

    from prefect_plugin.run.matrix_run import MatrixRun
    from translator.shim.contract import Json, StoreAddress, Value

SETTLE_SECONDS = 20.0
"""How long an interrupted run waits for its executions to end; each obeys within a few seconds.

Prefect's worker kills a flow that does not end within 30 seconds.
"""
KILLED_SECONDS = 5.0
"""The time that a run waits for executions after it killed their processes."""


@contextlib.contextmanager
def run_of(  # noqa: PLR0913 - all but the name are keywords
    pipeline: str,
    *,
    project: str | Path,
    project_name: str | None = None,
    catalogue: str | None = None,
    git_remote: str | None = None,
    store: str | None = None,
    store_block: str | None = None,
    input_blocks: Mapping[str, str] | None = None,
    max_workers: int | None = None,
    parameters: Mapping[str, Value | Json] | None = None,
    reuse: bool = False,
    reuse_nodes: Collection[str] | None = None,
) -> Iterator[Run]:
    """Make the current flow run a run of ``pipeline``; a flow opens it around its whole body.

    Whatever ends the run early (a cancel, a suspension, a signal from a worker, Ctrl-C, a time limit, an exception in
    the flow's body), the executions are stopped and ``run.json`` is still written.

    Args:
        pipeline: the pipeline's name, as the source file spells it.
        project: the directory of the source file, or its snapshot.
        project_name: the project's name in the source system, ``OWNER/NAME``.
        catalogue: the file with names of data, relative to the project.
        git_remote: the Git repository of the project, for steps of commits that the project's directory lacks.
        store: URI of the artifact store (default: that of the block); ``TRANSLATOR_STORE`` replaces it.
        store_block: name of the *Artifact Store* block with the credentials (default: the block called ``default``, if
            ``store`` does not say where the store is).
        input_blocks: names of blocks with the credentials for inputs, by the start of their addresses. A private server
            (``translate run``) does not have the blocks: there, credentials come from the environment.
        max_workers: how many nodes run at once (default: no limit). The task runner still needs a thread for each
            node: a waiting node occupies a thread, but does not count here.
        parameters: the pipeline's own parameters, by the names of the source file.
        reuse: whether executions have the results of earlier ones that depend on the same command, code, parameters and
            inputs.
        reuse_nodes: the nodes whose executions may (default: all).
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("call run_of in the body of a flow")
    flow_run = context.flow_run
    matrix_run = current_matrix_run()
    chosen = choose(store, store_block)
    address = chosen.address
    run = Run(
        pipeline=pipeline,
        id=_chosen_name(matrix_run) or _folder(address, pipeline, flow_run),
        store=address,
        store_block=chosen.block,
        code=project if is_fetched(project) else Path(os.environ.get(variables.PROJECT) or project).resolve(),
        parameters={name: thawed(value) for name, value in (parameters or {}).items()},
        flow_run=flow_run.id,
        catalogue=catalogue,
        git_remote=git_remote,
        project_name=project_name,
        creator=flow_run.created_by.display_value if flow_run.created_by is not None else None,
        input_blocks=_available(input_blocks or {}),
        resumes=matrix_run.resumes if matrix_run is not None else os.environ.get(variables.RESUME) or None,
        reuse_nodes=reuse_nodes if reuse else (),
        slots=BoundedSemaphore(max_workers) if max_workers is not None else None,
    )
    with enter_run(run):
        get_run_logger().info("Run %s of %r; artifacts are kept in %s", run.id, flat(pipeline), redact(address.uri))
        events.emit("run-started")
        if attempts.BEGAN in flow_run.labels:
            run.failed_before = close_earlier_attempts(flow_run.id)
            _look_at_earlier_attempts(run, str(flow_run.labels[attempts.BEGAN]))
            # A retry or a resumption: Prefect says that it skips what is complete.
            run.resumes = run.id
        elif os.environ.get(variables.RUN):  # another flow run may have had this place, and a larger grid
            _note_earlier_tries(run)
        # Before anybody can resume this one.
        if run.resumes is not None and run.resumes != run.id:
            _record_resumed(run, run.resumes)
        if matrix_run is not None:
            matrix_run.run = run
            matrix_run.stop.lead(run.stop)
            matrix_run.begun(matrix_run)
        run.labelled = attempts.label_flow_run(flow_run, chosen, pipeline, run.id, run.started)
        try:
            # How an execution ended is final: Prefect would otherwise roll it back when its node fails.
            watched = state_watched(run.stop, flow_run.id, lambda now: has_later_attempt(run, now))
            with transaction(commit_mode=CommitMode.EAGER), watched:
                yield run
        except RunFailedError:
            raise
        except BaseException as error:
            run.stop.trip(*_interruption(error))
            _settle(run)
            raise


def _look_at_earlier_attempts(run: Run, started: str) -> None:
    """Stop executions on other machines that outlived the attempt begun at ``started``, and note what there is."""
    try:
        stop_documents.end(open_store(run.store), Attempt(run.pipeline, run.id, started))
    except StoreError as error:
        get_run_logger().warning("cannot read what earlier attempts have left in the store: %s", error)
    else:
        _note_earlier_tries(run)


def _note_earlier_tries(run: Run) -> None:
    """Note which tries there have been in the run's place in the store, so that a crash does not count them."""
    try:
        run.earlier_tries = attempts.note_earlier_tries(run.store, run.pipeline, run.id)
    except StoreError as error:
        get_run_logger().warning("cannot read what earlier attempts have left in the store: %s", error)


def _available(blocks: Mapping[str, str]) -> Mapping[str, str]:
    """Return the blocks that this server may have: a private one has none, so its user's environment counts."""
    if not blocks or not os.environ.get(variables.PRIVATE):
        return blocks
    get_run_logger().warning("Credentials for inputs come from the environment: a private server has no blocks.")
    return {}


def _chosen_name(matrix_run: MatrixRun | None) -> str | None:
    """Return the name in the store that the environment chooses for a run; each of several has its own."""
    chosen = os.environ.get(variables.RUN) or None
    return chosen if matrix_run is None or chosen is None else f"{chosen}-{matrix_run.number + 1}"


def _record_resumed(run: Run, resumed_run: str) -> None:
    """Record which run a run resumes, so that resuming this one keeps what both have."""
    try:
        resumed.write(open_store(run.store), run.pipeline, run.id, resumed_run)
    except StoreError as error:
        get_run_logger().warning("cannot record that this run resumes %s: %s", resumed_run, error)


def _folder(store: StoreAddress, pipeline: str, flow_run: FlowRun) -> str:
    """Return the name of a flow run in the store; all attempts have the same."""
    name = f"{flow_run.name}-{flow_run.id.hex[-8:]}"
    try:
        owner = {"engine": "prefect", "flow_run": str(flow_run.id)}
        return own_folder(
            open_store(store),
            pipeline,
            name,
            owner,
            is_own=lambda other, _: other.get("flow_run") == str(flow_run.id),
        )
    except StoreError:
        return name  # executions report it, and fail


def _interruption(error: BaseException) -> tuple[Cause, str]:
    """Return why a run stops if ``error`` ends its flow."""
    if isinstance(error, Pause):
        return Cause.SUSPEND, "the run was suspended"
    if isinstance(error, Exception):
        return Cause.ERROR, f"the flow failed: {type(error).__name__}: {error}"
    what = "" if isinstance(error, KeyboardInterrupt) else f" ({type(error).__name__})"
    return Cause.INTERRUPT, f"the run was interrupted{what}"


def _settle(run: Run) -> None:
    """Let the executions of an interrupted run end, and write what is known; the caller raises the interruption."""
    try:
        task_runs.await_all(run, SETTLE_SECONDS)
    except BaseException:  # noqa: BLE001 - a second Ctrl-C
        kill_all()
        task_runs.await_all(run, KILLED_SECONDS)
    if run.record is None and not is_replaced(run):
        try:
            write_record(run)
        except StoreError as error:
            get_run_logger().error("the run's record cannot be written: %s", error)
    repair(task_runs.ends(run))
