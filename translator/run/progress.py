"""Follow a run in progress by its events (``translator.shim.embedded.events``)."""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Protocol, Self

from translator.shim.process.lines import uncoloured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

_OF_EXECUTIONS = frozenset({"execution-started", "execution-metric", "execution-ended"})
_HINTS = ("note:", "hint:", "[notice]", "╰─>", "│", "\N{MULTIPLICATION SIGN}")
"""How lines start with which pip ends, whatever failed."""


@dataclass
class Progress:
    """The state of a running run: the executions by node, in file order."""

    nodes: dict[str, dict[int, Execution]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def take(self, event: Mapping[str, object]) -> list[Execution]:
        """Apply an event; return the executions that started or ended."""
        node, index, kind = event.get("node"), event.get("index"), event.get("event")
        if kind == "process-lost":
            lost = [one for one in self._running() if one.process == event.get("process")]
            for one in lost:
                one.end("error", str(event.get("reason") or ""))
            return lost
        if kind not in _OF_EXECUTIONS or not isinstance(index, int):
            return []
        execution = self.nodes.setdefault(str(node), {}).setdefault(index, Execution(str(node), index))
        metric = str(event.get("metric") or "")
        if kind == "execution-metric":
            execution.metric = metric
            return []
        execution.label = str(event.get("label") or "")
        if kind == "execution-ended":
            execution.metric = metric or execution.metric
            execution.end(str(event.get("state")), str(event.get("reason") or ""))
        else:
            execution.begin(event.get("process"))
        return [execution]

    def _running(self) -> Iterator[Execution]:
        for executions in self.nodes.values():
            yield from (execution for execution in executions.values() if execution.state == "running")


@dataclass
class Execution:
    """The progress of an execution; ``label`` shows its parameters, ``metric`` what it printed last."""

    node: str
    index: int
    state: str = "running"
    label: str = ""
    reason: str = ""
    metric: str = ""
    tries: int = 0
    process: object = None
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def begin(self, process: object) -> None:
        """Begin an attempt, in a process of the engine."""
        self.state, self.reason, self.metric, self.process = "running", "", "", process
        self.began, self.ended = time.monotonic(), None
        self.tries += 1

    def end(self, state: str, reason: str) -> None:
        """End the attempt."""
        self.state, self.reason, self.ended = state, reason, time.monotonic()

    @property
    def seconds(self) -> float:
        """Return how long it took, or takes so far."""
        return (self.ended or time.monotonic()) - self.began


class View(Protocol):
    """A view of a run while it runs."""

    def __enter__(self) -> Self:
        """Start the display."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display, and leave the final screen."""

    def changed(self, execution: Execution) -> None:
        """Show that an execution started or ended."""

    def print_line(self, line: str) -> None:
        """Show a line that a step or the engine printed."""

    def making_room(self) -> AbstractContextManager[None]:
        """Return a context in which the display leaves the terminal to a question."""


class Follower:
    """A thread that reads the events of a run from a file that is being written."""

    def __init__(
        self, file: Path, progress: Progress, display: View, ask: Callable[[Mapping[str, object]], None] | None = None
    ) -> None:
        self._progress, self._view, self._ask = progress, display, ask
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)
        self._one_at_a_time = threading.Lock()
        file.touch()
        self._stream = file.open(encoding="utf-8")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def print_line(self, line: str) -> None:
        """Show a line of the output, after the events that precede it."""
        with self._one_at_a_time:
            if not self._ended.is_set():
                self._read()
            self._view.print_line(line)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with self._one_at_a_time:
            self._stream.close()

    def _follow(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(0.1)
            with self._one_at_a_time:
                self._read()

    def _read(self) -> None:
        for event in _events(self._stream):
            if self._ask is not None:
                self._ask(event)
            for execution in self._progress.take(event):
                self._view.changed(execution)


def called(execution: Execution, kinds: Mapping[str, str]) -> str:
    """Return the display name of an execution: ``preprocess``, ``train[1] (lr=0.1)``."""
    if kinds.get(execution.node) != "task":
        return execution.node
    return f"{execution.node}[{execution.index}]" + (f" ({execution.label})" if execution.label else "")


def plain(line: str) -> str:
    """Return a line of output as text: without colours, and with spaces for tabs."""
    return uncoloured(line).expandtabs()


def brief(reason: str) -> str:
    """Return a reason on one line: its first line, and if that only announces the reason, the most telling other."""
    lines = reason.strip().splitlines()
    return (
        " ".join(lines[:1] + ([_telling(lines[1:])] if lines[0].endswith(":") and lines[1:] else [])) if lines else ""
    )


def _telling(lines: Sequence[str]) -> str:
    """Return the last line, but if pip ends with hints, its error or the last line of what it could not build."""
    last = lines[-1].strip()
    if not last.startswith(_HINTS):
        return last
    printed = [line.strip() for line in lines if line.strip()]
    errors = [line for line in printed if line.startswith("ERROR:")]
    built = [line for line, end in itertools.pairwise(printed) if end == "[end of output]"]
    others = [line for line in printed if not line.startswith(_HINTS)]
    return [last, *others, *built, *errors][-1]


def _events(stream: IO[str]) -> Iterator[Mapping[str, object]]:
    """Yield the complete lines so far; an incomplete line is left for the next call."""
    while True:
        place = stream.tell()
        line = stream.readline()
        if not line.endswith("\n"):
            stream.seek(place)
            return
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def again(execution: Execution) -> str:
    """Return how often an execution was tried, if more than once."""
    return f" (try {execution.tries})" if execution.tries > 1 else ""


def why(execution: Execution) -> str:
    """Return why an execution ended as it did, without the last lines that it printed."""
    reason = execution.reason.strip().partition("\n")[0].removesuffix("; its last lines:")
    return f": {reason}" if reason else ""
