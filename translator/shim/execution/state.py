"""Hold the state of a running execution: what it logs, hides, is asked for, and leaves in its manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.shim.clock import now
from translator.shim.contract import Manifest, Pickle, State
from translator.shim.controlflow import scopes
from translator.shim.errors import TranslatorError
from translator.shim.json_values import thawed
from translator.shim.json_values.storable import reason_text
from translator.shim.masking.uris import MASK
from translator.shim.parameters.metrics import metrics
from translator.shim.process import supervise
from translator.shim.process.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Context, ExecutionId, FileRecord, Json, NamedData, ReuseKey, Scope, Step, Value
    from translator.shim.distributed.group import Membership
    from translator.shim.execution.live_outputs import LiveOutputs
    from translator.shim.reuse.project_files import ProjectFiles
    from translator.shim.store.log import Log

KILLED = "the engine cancelled the execution"
NOTE = "[shim] "
_METRICS = 3
"""The number of values that are shown while the command runs."""


class ExecutionError(TranslatorError):
    """A failure of the execution; its message is the reason."""


class Stopped(BaseException):
    """A stop of the execution; its message is the reason. It is not an ``Exception``, which other code could catch."""


class Late(BaseException):
    """A time-out of the inputs; it is not an ``Exception`` either."""


@dataclass(slots=True)
class Execution:
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
    data: list[NamedData] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    exit_status: int | None = None
    begun: bool = False
    manifest_uri: str = ""
    """That of its manifest, as long as the engine was not told."""
    deaf: bool = False
    mute: bool = False
    next_ask: float = 0.0
    infrastructure: bool = False
    scope: Scope | None = None
    written: Mapping[str, Json] = field(default_factory=dict)
    hide: Callable[[str], str] | None = None
    attempt_log: Log | None = None
    staging: float | None = None
    live: LiveOutputs | None = None
    reused: str = ""
    from_edges: bool = False
    key: ReuseKey | None = None
    group: Membership | None = None
    """Its part in the group of a distributed task."""
    files: ProjectFiles | None = None
    """The files of the project when the execution began, if its key has their digest."""

    def tell_uri(self) -> None:
        """Tell the engine where the manifest of this try is, unless it was told."""
        if uri := self.manifest_uri:
            self.manifest_uri = ""
            self.context.claimed(uri)

    def log(self, line: str) -> None:
        """Write a line to the try's log and to the engine's; a broken log does not end the command."""
        self.keep(line)
        if self.mute:
            return
        try:
            self.context.log(self.hidden(line))
        except Exception:  # noqa: BLE001 - an engine may raise anything, and nothing can be reported now
            self.mute = True

    def keep(self, line: str) -> None:
        """Write a line to the try's own log."""
        if self.attempt_log is not None:
            self.attempt_log.add(self.hidden(line))

    def hidden(self, text: str) -> str:
        """Return ``text`` without values of secrets."""
        return self.hide(text) if self.hide is not None else text

    def masked(self, value: Any) -> Any:  # noqa: PLR0911 - one per type
        """Return ``value``, a JSON value, without secrets; numbers are masked only if they equal a secret."""
        if self.hide is None:
            return value
        if isinstance(value, Mapping):
            if isinstance(value, Pickle):
                return value
            return {self.hide(key): self.masked(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.masked(item) for item in value]
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return MASK if self.hide(str(value)) == MASK else value
        return value

    def described(self, file: FileRecord, properties: Mapping[str, Json] = MappingProxyType({})) -> FileRecord:
        """Return the record of an output with its properties; secrets are masked in these and in what is shown."""
        masked_path = self.hidden(file.path)
        return replace(
            file,
            masked_path=masked_path if masked_path != file.path else "",
            properties=self.masked(properties),
        )

    def uploads(self) -> list[FileRecord]:
        """Return the records of the outputs that were published while the command ran."""
        return [] if self.live is None else [self.described(file) for file in list(self.live.records.values())]

    def secretive(self) -> str:
        """Return the names of the parameters that contain a secret."""
        if self.scope is None or self.hide is None:
            return ""
        seen = {**self.scope.parameters, **self.written}
        return ", ".join(n for n, value in seen.items() if repr(self.masked(value)) != repr(thawed(value)))

    def metrics(self) -> str:
        """Return the last values that the command printed, as a short text."""
        return self.hidden(metrics(self.metadata.values, _METRICS))

    def note(self, message: str) -> None:
        """Write a line that is not from the command to the execution's log."""
        for line in message.splitlines():
            self.log(f"{NOTE}{line}")
        self.flush()

    def flush(self) -> None:
        """Flush the try's log."""
        if self.attempt_log is None:
            return
        self.attempt_log.flush()
        if self.attempt_log.failure:
            failure, self.attempt_log = self.attempt_log.failure, None
            self.note(f"warning: cannot write the log of this attempt to the store: {failure}")

    def stop_reason(self) -> str | None:
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
        """Stop between two blocks of a transfer, if the engine requests it."""
        if self.ticket.killed:
            raise Stopped(KILLED)
        if self.staging is not None and time.monotonic() > self.staging:
            limit = self.step.time_limit or 0
            raise Late(f"the inputs were not staged within the time limit of {limit:g} s")
        if time.monotonic() >= self.next_ask and (stop := self.stop_reason()) is not None:
            raise Stopped(stop)

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
            reason=reason_text(reason),
            begun=self.begun,
            image=self.step.image,
            folders=self.folders or (),
            data=self.data or (),
            scope=scope,
            reused=self.reused,
            step=self.step.name,
            key=self.key,
            infrastructure=self.infrastructure and state is State.ERROR,
        )
