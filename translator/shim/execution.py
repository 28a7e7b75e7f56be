"""Run an execution on a worker, from its workspace to its manifest, on every engine."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from translator.shim import dialects, events, scopes
from translator.shim.clock import now
from translator.shim.contract import Manifest, State
from translator.shim.digest import no_pulse
from translator.shim.inputs import stage
from translator.shim.parameters import ParameterError, resolve
from translator.shim.process import environment, lines, supervise
from translator.shim.process.metadata import Metadata
from translator.shim.process.supervise import kill_all
from translator.shim.store import HURRY, MANIFEST, Store, StoreError, open_store, try_key
from translator.shim.store.manifest import brief, sane, text
from translator.shim.uris import MASK
from translator.shim.workspace import WorkspaceError, workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Context, ExecutionId, FileRecord, InputFiles, Json, Scope, Step, Value
    from translator.shim.store.log import Log

__all__ = ["execute", "kill_all"]

KILLED = "the engine cancelled the execution"
OUT_OF_TIME = "the execution exceeded the engine's time limit for its task"
NOTE = "[shim] "
_TAIL_LINES = 10
_TAIL_LENGTH = 300
_REASON_LENGTH = 4_000
# A shell whose last program was ended by a signal says 128 and its number.
_SHELL_SIGNAL = 128


class _Error(Exception):
    """The execution fails, with the message as the reason."""


class _Stop(BaseException):
    """The execution is stopped, for the reason of the message; no error that code below could handle."""


class _Late(BaseException):
    """The inputs take too long; no error that code below could handle either."""


@dataclass(slots=True)
class _Execution:
    """The state of a running execution."""

    step: Step
    context: Context
    ticket: supervise.Ticket
    id: ExecutionId
    values: dict[str, Value]
    started: str
    metadata: Metadata = field(default_factory=Metadata)
    inputs: dict[str, list[FileRecord]] = field(default_factory=dict)
    outputs: list[FileRecord] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    exit_status: int | None = None
    begun: bool = False
    deaf: bool = False
    mute: bool = False
    next_ask: float = 0.0
    scope: Scope | None = None
    written: Mapping[str, Json] = field(default_factory=dict)
    hide: Callable[[str], str] | None = None
    kept: Log | None = None
    staging: float | None = None

    def log(self, line: str) -> None:
        """Hand a line to the try's log and to the engine's; one that has broken ends no command."""
        self.keep(line)
        if self.mute:
            return
        try:
            self.context.log(self.hidden(line))
        except Exception:  # noqa: BLE001 - an engine may raise anything, and nothing can be reported now
            self.mute = True

    def keep(self, line: str) -> None:
        """Hand a line to the try's own log."""
        if self.kept is not None:
            self.kept.add(self.hidden(line))

    def hidden(self, text: str) -> str:
        """Return ``text`` without values of secrets."""
        return self.hide(text) if self.hide is not None else text

    def masked(self, value: Any) -> Any:  # noqa: PLR0911 - one per type
        """Return ``value``, a JSON value, without secrets; numbers are masked only if they equal a secret."""
        if self.hide is None:
            return value
        if isinstance(value, Mapping):
            if isinstance(value, scopes.Pickle):
                return value
            return {self.hide(key): self.masked(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.masked(item) for item in value]
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if self.hide(str(value)) == MASK else value
        return value

    def secretive(self) -> str:
        """Return the names of the parameters that contain a secret."""
        if self.scope is None or self.hide is None:
            return ""
        seen = {**self.scope.parameters, **self.written}
        return ", ".join(n for n, value in seen.items() if repr(self.masked(value)) != repr(scopes.plain(value)))

    def note(self, message: str) -> None:
        """Tell something in the execution's log that is not of its command."""
        for line in message.splitlines():
            self.log(f"{NOTE}{line}")
        self.flush()

    def flush(self) -> None:
        """Write what has been logged to the try's log."""
        if self.kept is None:
            return
        self.kept.flush()
        if self.kept.failure:
            failure, self.kept = self.kept.failure, None
            self.note(f"warning: cannot write the log of this attempt to the store: {failure}")

    def asked(self) -> str | None:
        """Ask the engine whether to stop; an engine that cannot tell does not stop anything."""
        self.next_ask = time.monotonic() + supervise.ASK_EVERY
        try:
            return self.context.should_stop()
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            if not self.deaf:
                self.deaf = True
                self.note(f"warning: cannot ask the engine whether to stop ({type(error).__name__}: {error})")
            return None

    def pulse(self) -> None:
        """Stop between two blocks of a transfer, if the engine wants it."""
        if self.ticket.killed:
            raise _Stop(KILLED)
        if self.staging is not None and time.monotonic() > self.staging:
            limit = self.step.time_limit or 0
            raise _Late(f"the inputs were not staged within the time limit of {limit:g} s")
        if time.monotonic() >= self.next_ask and (stop := self.asked()) is not None:
            raise _Stop(stop)

    def manifest(self, state: State, reason: str | None) -> Manifest:
        """Return the manifest of the execution as it is now."""
        scope = self.scope
        if scope is not None and state is not State.STOPPED:
            put = {file.path: file for file in self.outputs}
            scope = scopes.after(scope, self.written if state is State.COMPLETE else {}, put)
        if scope is not None:
            seen, left, items = self.masked(scope.inherited), self.masked(scope.written), self.masked(scope.items)
            scope = replace(scope, inherited=seen, written=left, items=items)
        if reason is not None:
            reason = self.hidden(self.step.located(reason) if state is State.ERROR else reason)
        return Manifest(
            id=self.id,
            state=state,
            parameters=self.masked(self.values),
            metadata=self.masked(self.metadata.values),
            inputs=self.inputs,
            outputs=self.outputs,
            started=self.started,
            ended=now(),
            exit_status=self.exit_status,
            reason=text(reason)[:_REASON_LENGTH] if reason is not None else None,
            begun=self.begun,
            image=self.step.image,
            folders=self.folders or (),
            scope=scope,
        )


def execute(  # noqa: PLR0913 - all but the first two are keywords
    step: Step,
    context: Context,
    *,
    parameters: Mapping[str, Value] = MappingProxyType({}),
    inputs: Mapping[str, InputFiles] = MappingProxyType({}),
    scope: Scope | None = None,
    store: Store | None = None,
    problem: str | None = None,
) -> Manifest:
    """Run one execution of ``step``.

    Args:
        step: what to run.
        context: which execution this is, where its artifacts go, and the engine's log and will.
        parameters: values by name from the run, the grid and edges; a parameter that is missing has its default.
        inputs: by name what edges bring to inputs (``translator.shim.inputs.edges.files``); one that is missing has its
            defaults.
        scope: of a step of a control-flow graph, what it sees; the manifest's is what it leaves
        (``translator.shim.scopes``).
        store: the context's store, if it is open already.
        problem: why it must fail before its command starts, if the engine found such a reason.

    Returns:
        The manifest, whose state is complete, error or stopped. It is also in the store, if the store can be written;
        else its ``uri`` is empty. A failing command, an empty required input, a bad value of a parameter and a store
        that is full are errors with a reason, not exceptions.

    Raises:
        BaseException: what the engine raises in this thread to cancel it; all processes have ended before.
    """
    with supervise.ticket() as ticket, ExitStack() as ends:
        values, bad_value = _values(step, parameters) if scope is None else (_seen(scope), None)
        execution = _Execution(step, context, ticket, context.id, values, now(), scope=scope)
        shown = parameters if scope is None else scope.items
        given = {name: value for name, value in values.items() if name in shown}
        try:
            label = dialects.load(step.dialect).label(step, given)
        except dialects.NotInstalledError as error:
            label, problem = "", str(error)
        opened, store = store, None
        try:
            try:
                opened = copy(opened) if opened is not None else open_store(context.store)
                opened.pulse = execution.pulse  # of this execution alone
                execution.id = opened.claim(context.id)
                store = opened
                context.claimed(store.uri(try_key(execution.id, MANIFEST)))
                execution.pulse()
                store.begin(execution.id, {} if step.secrets else values, execution.started)
                execution.begun = True
                execution.kept = ends.enter_context(closing(store.log(execution.id)))
                events.emit("execution-started", node=context.id.node, index=context.id.index, label=label)
                _run(execution, store, inputs, problem or bad_value)
                state, reason = State.COMPLETE, None
            except _Stop as stop:
                state, reason = State.STOPPED, str(stop)
            except (_Error, _Late, StoreError, WorkspaceError) as error:
                state, reason = State.ERROR, str(error)
            except OSError as error:
                state, reason = State.ERROR, f"cannot process the execution's files: {error}"
            manifest = _commit(execution, store, state, reason)
        except Exception as error:
            reason = f"the execution failed unexpectedly: {type(error).__name__}: {error}"
            execution.keep(f"{NOTE}{State.ERROR}: {reason}")
            _commit(execution, store, State.ERROR, reason)
            raise
        except BaseException as error:
            late = isinstance(error, context.out_of_time)
            state, reason = (State.ERROR, OUT_OF_TIME) if late else (State.STOPPED, KILLED)
            execution.keep(f"{NOTE}{state}: {reason}")
            _commit(execution, store, state, reason)
            raise
        if manifest.reason is not None:
            execution.note(f"{manifest.state}: {manifest.reason}")
        events.emit(
            "execution-ended",
            node=context.id.node,
            index=context.id.index,
            state=manifest.state.value,
            label=execution.hidden(label),
            reason=manifest.reason,
        )
        return manifest


def _values(step: Step, parameters: Mapping[str, Value]) -> tuple[dict[str, Value], str | None]:
    """Return the values of the parameters as far as possible, and the problems."""
    try:
        return resolve(step, parameters, {}), None
    except ParameterError as error:
        given = {parameter.name: parameters.get(parameter.name, parameter.default) for parameter in step.parameters}
        kept = sane(given)
        return (kept if isinstance(kept, dict) else {}), str(error)


def _seen(scope: Scope) -> dict[str, Value]:
    """Return the parameters as the manifest shows them, long values shortened."""
    shown = {name: brief(value) for name, value in scope.parameters.items()}
    return cast("dict[str, Value]", sane({**shown, **scope.items}))


def _run(execution: _Execution, store: Store, wanted: Mapping[str, InputFiles], problem: str | None) -> None:
    step, project = execution.step, execution.context.project.absolute()
    if problem is not None:
        raise _Error(problem)
    inherited = environment.of_step(os.environ, step.required_environment)
    if absent := environment.missing(step.required_environment, step.environment, inherited):
        names = ", ".join(absent)
        raise _Error(f"step {step.name!r} requires environment variables that are not set on this worker: {names}")
    if not project.is_dir():
        raise _Error(f"the project directory {project} does not exist")
    if step.image is not None:
        execution.note(f"image {step.image} ignored: running as a process on this worker")
    dialect = dialects.load(step.dialect)
    with workspace(store, execution.id, project, step.dialect) as space, ExitStack() as ends:
        work = dialects.Work(
            step,
            execution.id,
            execution.values,
            wanted,
            space,
            store,
            project,
            execution.note,
            execution.pulse,
            execution.scope,
            secret=execution.context.secret,
            ends=ends,
        )
        try:
            _bring(execution, dialect, work)
            launch = dialect.launch(work, execution.inputs)
        except (stage.InputError, ValueError) as error:
            raise _Error(str(error)) from error
        execution.hide, execution.written = launch.hide, work.written
        work = replace(work, hide=execution.hidden)
        temporary = {name: str(space.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
        if execution.scope is not None:
            prefix = dialects.scoping(step.dialect).prefix
            inherited = {name: value for name, value in inherited.items() if not name.startswith(prefix)}
        surroundings = launch.environment if launch.bare else {**inherited, **temporary, **launch.environment}
        failure = _command(execution, launch, surroundings) if launch.arguments else None
        store.pulse = no_pulse if failure is not None else execution.pulse
        # What a failed command leaves helps to find out why; what a stopped one leaves may be its last checkpoint.
        problems = _publish(
            execution, dialect, work if failure is None else replace(work, pulse=no_pulse, complete=False)
        )
        if hidden := execution.secretive():
            execution.note(f"warning: parameters contain secrets; downstream steps see {MASK}: {hidden}")
        problems += [f"the command wrote to its input {name}" for name in stage.changed(execution.inputs, store)]
        if failure is not None:
            execution.note("\n".join(problems))
            raise failure
        if problems:
            raise _Error("\n".join(problems))


def _bring(execution: _Execution, dialect: dialects.Contract, work: dialects.Work) -> None:
    """Bring the inputs, which may take as long as the command after them."""
    limit = execution.step.time_limit
    execution.staging = time.monotonic() + limit if limit is not None else None
    dialect.bring(work, execution.inputs)
    execution.staging = None


def _command(execution: _Execution, launch: dialects.Launch, surroundings: Mapping[str, str]) -> _Error | _Stop | None:
    """Run the command; return the error to raise once its outputs are published."""
    tails: dict[str, deque[str]] = {"output": deque(maxlen=_TAIL_LINES), "errors": deque(maxlen=_TAIL_LINES)}

    def show(stream: str, line: bytes, length: int) -> None:
        # Hidden before it is cut: half a secret is not recognised.
        shown = execution.hidden(lines.readable(line, length))
        execution.log(shown)
        if shown and not shown.isspace():
            tails[stream].append(shown[:_TAIL_LENGTH])

    def line_of_output(line: bytes, length: int) -> None:
        show("output", line, length)
        (launch.take or execution.metadata.take)(line, length)

    def line_of_errors(line: bytes, length: int) -> None:
        show("errors", line, length)

    output = lines.Lines(line_of_output, line_of_errors)
    errors = lines.Lines(line_of_errors, line_of_errors)

    def feed_output(chunk: bytes) -> None:
        output.feed(chunk)
        execution.flush()

    def feed_errors(chunk: bytes) -> None:
        errors.feed(chunk)
        execution.flush()

    limits = supervise.Limits(execution.step.time_limit, execution.step.no_output_timeout)
    try:
        ended = supervise.run(
            launch.arguments,
            folder=launch.folder or execution.context.project.absolute(),
            environment=surroundings,
            one=execution.ticket,
            output=feed_output,
            errors=feed_errors,
            limits=limits,
            should_stop=execution.asked,
        )
    except OSError as error:
        return _Error(f"the command cannot be started: {error}")
    output.close()
    errors.close()
    if execution.metadata.dropped:
        execution.note("warning: some metadata is dropped: there is too much, or it is nested too deep")
    execution.exit_status = ended.exit_status
    # Even without a tail: the secrets that the command used are known only while its workspace exists.
    tail = execution.hidden("\n".join(tails["errors"] or tails["output"]))
    for folder, name in launch.names.items():
        tail = tail.replace(folder, name)
    return _failure(ended, limits, tail)


def _failure(  # noqa: PLR0911 - one per cause
    ended: supervise.Ended, limits: supervise.Limits, tail: str
) -> _Error | _Stop | None:
    last = f"; its last lines:\n{tail}" if tail else ""
    match ended.cause:
        case "killed":
            return _Stop(KILLED)
        case "stop":
            return _Stop(ended.stop or KILLED)
        case "time-limit":
            return _Error(f"the command was ended at its time limit of {limits.time:g} s{last}")
        case "no-output-timeout":
            return _Error(f"the command was ended because it printed nothing for {limits.no_output:g} s{last}")
        case _ if ended.exit_status == 0:
            return None
        case _ if ended.exit_status < 0:
            return _Error(f"the command was ended by {_signal(-ended.exit_status)}{last}")
        case _ if ended.exit_status > _SHELL_SIGNAL:
            name = _signal(ended.exit_status - _SHELL_SIGNAL)
            return _Error(f"the command ended with exit status {ended.exit_status} ({name}){last}")
        case _:
            return _Error(f"the command ended with exit status {ended.exit_status}{last}")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, which the system also sends when memory runs out" if name == "SIGKILL" else name


def _publish(execution: _Execution, dialect: dialects.Contract, work: dialects.Work) -> list[str]:
    """Publish the outputs; tells what is wrong with them."""
    try:
        found = dialect.gather(work, execution.metadata.values)
    except RecursionError:
        return ["the directories of the outputs are nested too deep"]
    except (ValueError, KeyError, TypeError) as error:
        # Files that the command wrote, or could have.
        return [f"cannot read the command's outputs: {type(error).__name__}: {error}"]
    for note in found.notes:
        execution.note(f"warning: {note}")
    if found.taken:
        return found.problems
    try:
        published = work.store.publish(execution.id, work.space.outputs, found.paths, work.pulse)
    except StoreError as error:
        return [*found.problems, str(error)]
    execution.outputs = [
        file if (shown := execution.hidden(file.path)) == file.path else replace(file, shown=shown)
        for file in published
    ]
    if any(file.shown for file in execution.outputs):
        execution.note(f"warning: names of outputs contain secrets; run.json shows {MASK}, but the store has the names")
    execution.folders = found.folders
    return found.problems


def _commit(execution: _Execution, store: Store | None, state: State, reason: str | None) -> Manifest:
    """Write the manifest; where the store cannot take it, at least one without outputs, which may fit."""
    manifest = execution.manifest(state, reason)
    if store is None:
        return manifest
    if state is State.STOPPED:
        store.patience = HURRY
    store.pulse = no_pulse  # that it ended is written also of an execution that is stopped
    try:
        return store.commit(manifest)
    except StoreError as error:
        store.discard(execution.id)
        failed = State.ERROR if state is State.COMPLETE else state
        manifest = replace(manifest, outputs=[], state=failed, reason=manifest.reason or str(error))
    try:
        return store.commit(manifest)
    except StoreError:
        return manifest
