"""Run an execution on a worker, from its workspace to its manifest, on every engine."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing, suppress
from copy import copy
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from translator.shim import code, run_contract, runners
from translator.shim.clock import now
from translator.shim.contract import State
from translator.shim.distributed.group import GroupError, GroupStopped
from translator.shim.embedded import events
from translator.shim.execution import earlier, secrets, together
from translator.shim.execution.command import run_command
from translator.shim.execution.live_outputs import LiveOutputs
from translator.shim.execution.results import commit, publish
from translator.shim.execution.state import KILLED, NOTE, Execution, ExecutionError, Late, Stopped
from translator.shim.files.digest import no_pulse
from translator.shim.inputs import stage
from translator.shim.json_values.storable import brief, sane
from translator.shim.masking.uris import MASK
from translator.shim.parameters import ParameterError, resolve
from translator.shim.parameters.variables import texts as variable_texts
from translator.shim.process import environment, supervise
from translator.shim.process.supervise import kill_all
from translator.shim.runners import RunnerError, UnfitError
from translator.shim.store import MANIFEST, Store, StoreAddress, StoreError, open_store, try_key
from translator.shim.store.access import Access
from translator.shim.workspace import WorkspaceError, commits, working_copy, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from translator.shim.contract import Context, InputFiles, Manifest, Scope, Step, Value
    from translator.shim.run_contract import Launch
    from translator.shim.runners import Place, Request
    from translator.shim.workspace import Workspace

__all__ = ["KILLED", "OUT_OF_TIME", "execute", "kill_all"]

OUT_OF_TIME = "the execution exceeded the engine's time limit for its task"


def execute(  # noqa: PLR0913 - all but the first two are keywords
    step: Step,
    context: Context,
    *,
    parameters: Mapping[str, Value] = MappingProxyType({}),
    inputs: Mapping[str, InputFiles] = MappingProxyType({}),
    variables: Mapping[str, object] = MappingProxyType({}),
    scope: Scope | None = None,
    store: Store | None = None,
    problem: str | None = None,
) -> Manifest:
    """Run one execution of ``step``.

    Args:
        step: what to run.
        context: the execution, the store, and the callbacks of the engine.
        parameters: values by name from the run, the grid and edges; a parameter that is missing has its default.
        inputs: by name what edges bring to inputs (``translator.shim.inputs.edges.files``); one that is missing has its
            defaults.
        variables: by environment variable the JSON value that an edge brings, which replaces that of the step.
        scope: what a step of a control-flow graph sees; the manifest has the scope after it
        (``translator.shim.controlflow.scopes``).
        store: the context's store, if it is open already.
        problem: why it must fail before its command starts, if the engine knows such a reason.

    Returns:
        The manifest, whose state is complete, error or stopped. It is also in the store, if the store can be written;
        else its ``uri`` is empty. A failing command, an empty required input, a bad value of a parameter and a store
        that is full are errors with a reason, not exceptions.

    Raises:
        BaseException: what the engine raises in this thread to cancel it; all processes have ended before.
    """
    texts, bad_variable = variable_texts(variables)
    problem = problem or bad_variable
    step = replace(step, environment={**step.environment, **texts}) if texts else step
    with supervise.ticket() as ticket, ExitStack() as ends:
        values, bad_value = _values(step, parameters) if scope is None else (_shortened_parameters(scope), None)
        execution = Execution(
            *(step, context, ticket, context.id, values, now()),
            scope=scope,
            from_edges=bool(texts),
            hide=secrets.in_step(step).hide,
        )
        shown = parameters if scope is None else scope.items
        shown_values = {name: value for name, value in values.items() if name in shown}
        label, opened, store = "", store, None
        try:
            try:
                store = _claimed(execution, opened)
                if context.claims_reused or not earlier.is_likely(execution):
                    execution.tell_uri()
                execution.pulse()
                # The values of other secrets are not known yet.
                named: dict[str, Value] = {} if step.secrets or step.secret_variables else execution.masked(values)
                store.begin(execution.id, named, execution.started)
                execution.begun = True
                execution.attempt_log = ends.enter_context(closing(store.log(execution.id)))
                try:
                    label = run_contract.load(step.dialect).label(step, shown_values)
                except run_contract.NotInstalledError as error:
                    problem = str(error)
                events.emit(
                    "execution-started",
                    node=context.id.node,
                    index=context.id.index,
                    label=label,
                    process=os.getpid(),
                )
                _run(execution, store, inputs, problem or bad_value)
                state, reason = State.COMPLETE, None
            except (Stopped, GroupStopped) as stop:
                state, reason = State.STOPPED, str(stop)
            except (ExecutionError, Late, GroupError) as error:
                state, reason = State.ERROR, str(error)
            except (RunnerError, StoreError, WorkspaceError, OSError) as error:
                execution.infrastructure = not isinstance(error, UnfitError)
                what = "cannot process the execution's files: " if isinstance(error, OSError) else ""
                state, reason = State.ERROR, f"{what}{error}"
            manifest = _ended(execution, store, state, reason)
            if manifest.state is not State.COMPLETE:
                execution.tell_uri()
        except BaseException as error:
            _end_cut_short(execution, store, label, error)
            raise
        if manifest.reason is not None:
            execution.note(f"{manifest.state}: {manifest.reason}")
        _report_end(execution, label, manifest.state, manifest.reason)
        if store is not None:
            earlier.enter(execution, store, manifest)
        return manifest


def _claimed(execution: Execution, opened: Store | None) -> Store:
    """Claim the next try in the store; return the store as this execution uses it."""
    store = copy(opened) if opened is not None else open_store(execution.context.store)
    store.pulse = execution.pulse  # only for this execution
    execution.id = store.claim(execution.context.id)
    execution.manifest_uri = store.uri(try_key(execution.id, MANIFEST))
    return store


def _ended(execution: Execution, store: Store | None, state: State, reason: str | None) -> Manifest:
    """Tell the other members of a distributed task how an execution ended, and write its manifest."""
    together.leave(execution, state, reason)
    return commit(execution, store, state, reason)


def _end_cut_short(execution: Execution, store: Store | None, label: str, error: BaseException) -> None:
    """Write the manifest of an execution that an exception ends, and tell everybody."""
    state, reason = _cut_short(error, execution.context)
    execution.keep(f"{NOTE}{state}: {reason}")
    _ended(execution, store, state, reason)
    with suppress(Exception):  # what ends the execution counts more
        execution.tell_uri()
    _report_end(execution, label, state, reason)


def _cut_short(error: BaseException, context: Context) -> tuple[State, str]:
    """Return the state and the reason of an execution that an exception ends."""
    if isinstance(error, Exception):
        return State.ERROR, f"the execution failed unexpectedly: {type(error).__name__}: {error}"
    if isinstance(error, context.out_of_time):
        return State.ERROR, OUT_OF_TIME
    return State.STOPPED, KILLED


def _report_end(execution: Execution, label: str, state: State, reason: str | None) -> None:
    """Tell the process that started the run that the execution has ended."""
    identity = execution.context.id
    events.emit(
        "execution-ended",
        node=identity.node,
        index=identity.index,
        state=state.value,
        label=execution.hidden(label),
        reason=execution.hidden(reason) if reason is not None else earlier.origin(execution),
        metric=execution.metrics() or None,
    )


def _values(step: Step, parameters: Mapping[str, Value]) -> tuple[dict[str, Value], str | None]:
    """Return the values of the parameters as far as possible, and the problems."""
    try:
        return resolve(step, parameters, {}), None
    except ParameterError as error:
        effective = {parameter.name: parameters.get(parameter.name, parameter.default) for parameter in step.parameters}
        kept = sane(effective)
        return (kept if isinstance(kept, dict) else {}), str(error)


def _shortened_parameters(scope: Scope) -> dict[str, Value]:
    """Return the parameters as the manifest shows them, long values shortened."""
    shown = {name: brief(value) for name, value in scope.parameters.items()}
    return cast("dict[str, Value]", sane({**shown, **scope.items}))


def _run(  # noqa: C901 - one thing after another
    execution: Execution, store: Store, input_files: Mapping[str, InputFiles], problem: str | None
) -> None:
    step, context = execution.step, execution.context
    if problem is not None:
        raise ExecutionError(problem)
    project, catalogue = _project(execution, store)
    inherited = _inherited(step)
    if not project.is_dir():
        raise ExecutionError(f"the project directory {project} does not exist")
    dialect = run_contract.load(step.dialect)
    secret = secrets.find(step, context, inherited)
    execution.hide = secret.mask.hide  # connections of inputs have secrets, too
    results = _earlier_results(execution, store, project, dialect, inherited)
    if results is not None and results.taken_at_once(input_files):
        return
    execution.tell_uri()
    with workspace(store, execution.id, project, step.dialect) as space, ExitStack() as ends:
        if code.is_fetched(context.project) and dialect.use(step) == "written":
            # Other executions find the same directory on this worker.
            working_copy.make(project, space.repository, None, execution.pulse)
            project = space.repository
        request = _request(execution, space, store, project, dialect, inherited)
        place = ends.enter_context(_opened(request))
        if results is not None:
            results.check_code()
        work = run_contract.Work(
            step,
            execution.id,
            execution.values,
            input_files,
            space,
            place.store(store),
            project,
            execution.note,
            execution.pulse,
            execution.scope,
            secret=context.secret,
            ends=ends,
            catalogue=catalogue,
            project_name=_project_name(context),
            creator=context.creator,
            data=execution.data,
            view=place.view,
            surroundings=place.surroundings,
            python=place.python,
            where=place.where,
            reaches_worker=place.reaches_worker,
            access=_access(execution.context, secret),
        )
        try:
            _bring(execution, dialect, work)
            if results is not None and results.taken(input_files, work.offered):
                dialect.register(replace(work, origin=results.origin), execution.outputs)
                return
            together.join(execution, store)
            launch = dialect.launch(work, execution.inputs)
        except (stage.InputError, ValueError) as error:
            raise ExecutionError(str(error)) from error
        variables = {**step.environment, **launch.environment, **secret.variables}
        launch = replace(launch, environment=variables, hide=secret.hiding(launch.hide))
        execution.hide, execution.written = launch.hide, work.written
        work = replace(work, hide=execution.hidden)
        execution.live = _live_outputs(execution, space, store) if dialect.live_outputs else None
        failure = _followed(execution, place, launch, project, space) if launch.arguments else None
        store.pulse = no_pulse if failure is not None else execution.pulse
        # The outputs of a failed command help to explain it; those of a stopped command may be its last checkpoint.
        published = work if failure is None else replace(work, pulse=no_pulse, complete=False)
        problems = [*publish(execution, dialect, published), *place.problems]
        if hidden := execution.secretive():
            execution.note(f"warning: parameters contain secrets; downstream steps see {MASK}: {hidden}")
        problems += [f"the command wrote to its input {name}" for name in stage.changed(execution.inputs, store)]
        if failure is not None:
            execution.note("\n".join(problems))
            raise failure
        if problems:
            raise ExecutionError("\n".join(problems))
        _register(execution, dialect, work)
        together.finish(execution)


def _earlier_results(
    execution: Execution,
    store: Store,
    project: Path,
    dialect: run_contract.Contract,
    inherited: Mapping[str, str],
) -> earlier.EarlierResults | None:
    """Return the results that an execution may have; a member that has none for sure joins its group at once."""
    results = earlier.begin(execution, store, project, dialect.use(execution.step), inherited)
    if results is None or results.resumable is None:
        together.join(execution, store)
    return results


def _register(execution: Execution, dialect: run_contract.Contract, work: run_contract.Work) -> None:
    try:
        dialect.register(work, execution.outputs)
    except ValueError as error:
        raise ExecutionError(str(error)) from error


def _inherited(step: Step) -> dict[str, str]:
    """Return the worker's environment as the step may see it.

    Raises:
        ExecutionError: it lacks variables that the step requires.
    """
    inherited = environment.of_step(os.environ, step.required_environment)
    if absent := environment.missing(step.required_environment, step.environment, inherited):
        names = ", ".join(absent)
        raise ExecutionError(
            f"step {step.name!r} requires environment variables that are not set on this worker: {names}"
        )
    return inherited


def _live_outputs(execution: Execution, space: Workspace, store: Store) -> LiveOutputs:
    aside = space.root.parent / "uploads"
    return LiveOutputs(store, execution.id, space.outputs, aside, execution.inputs, execution.described)


def _followed(
    execution: Execution, place: Place, launch: Launch, project: Path, space: Workspace
) -> ExecutionError | Stopped | None:
    """Run the command; see ``run_command``. If the engine interrupts that, outputs that it published stay known."""
    run = together.meeting(execution, place, launch, space)
    try:
        failure = run_command(execution, place, launch, project, run)
    except BaseException:
        if execution.live is not None:
            execution.live.abandon()
            execution.outputs = execution.uploads()
        raise
    together.tell(execution, failure)
    return failure


def _access(context: Context, secret: secrets.Secrets) -> Access:
    """Return the access of an execution to the addresses of its inputs."""
    store = context.store if isinstance(context.store, StoreAddress) else None
    return Access(context.input_connections, context.connection, secret.mask, context.mask, context.engine, store)


def _project(execution: Execution, store: Store) -> tuple[Path, Path | None]:
    """Return the directory of the project on this worker, and the file in it that has names of data.

    Raises:
        ExecutionError: this worker cannot have the snapshot of the project, or cannot export the step's commit.
    """
    context, commit = execution.context, execution.step.commit
    try:
        project = code.directory(context.project, store, execution.pulse).absolute()
        catalogue = project / context.catalogue if context.catalogue is not None else None
        if commit is not None:
            project = commits.export(project, commit, execution.pulse, context.git_remote)
    except (code.CodeError, commits.CommitError) as error:
        execution.infrastructure = isinstance(error, code.UnreachableError)
        raise ExecutionError(str(error)) from error
    return project, catalogue


def _project_name(context: Context) -> str:
    """Return the name of the project in the settings, else that of its directory; a snapshot has none."""
    if context.project_name is not None or code.is_fetched(context.project):
        return context.project_name or ""
    return code.directory(context.project, context.store).resolve().name


def _request(  # noqa: PLR0913, PLR0917 - what a place depends on
    execution: Execution,
    space: Workspace,
    store: Store,
    project: Path,
    dialect: run_contract.Contract,
    inherited: Mapping[str, str],
) -> Request:
    step, context, scratch = execution.step, execution.context, store.scratch()
    if execution.scope is not None:
        prefix = run_contract.scoping(step.dialect).prefix
        inherited = {name: value for name, value in inherited.items() if not name.startswith(prefix)}
    return runners.Request(
        step=step,
        id=execution.id,
        space=space,
        project=project,
        store=scratch.parent if scratch is not None else None,
        address=context.store if isinstance(context.store, StoreAddress) else StoreAddress(str(context.store)),
        use=dialect.use(step),
        home=dialect.home,
        programs=dialect.programs,
        settings=step.runner.settings if step.runner is not None else runners.NO_SETTINGS,
        inherited=inherited,
        ticket=execution.ticket,
        note=execution.note,
        pulse=execution.pulse,
        connection=context.connection,
        archive=code.archive_of(context.project, store) if step.commit is None else None,
    )


def _opened(request: Request) -> AbstractContextManager[Place]:
    if request.step.deployment is not None:
        from translator.shim.deployers.execution_place import open_place  # few executions deploy

        return open_place(request)
    chosen = request.step.runner
    return runners.load(chosen.name if chosen is not None else runners.DEFAULT).open(request)


def _bring(execution: Execution, dialect: run_contract.Contract, work: run_contract.Work) -> None:
    """Bring the inputs, within the time limit of the command."""
    limit = execution.step.time_limit
    execution.staging = time.monotonic() + limit if limit is not None else None
    dialect.bring(work, execution.inputs)
    execution.staging = None
