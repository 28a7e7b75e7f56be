"""Show a run in progress: a live tree on a terminal, plain lines elsewhere.

Both follow the same events (``translator.shim.embedded.events``). ``rich`` draws the tree; it comes with either engine
and is not needed without a terminal.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Protocol, Self

from translator.diagnostics import printable
from translator.shim.process.lines import uncoloured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from rich.live import Live
    from rich.text import Text
    from rich.tree import Tree

_MARKS = {"running": "…", "complete": "✓", "error": "✗", "stopped": "■", "skipped": "-"}
_STYLES = {"running": "cyan", "complete": "green", "error": "bold red", "stopped": "yellow", "skipped": "dim"}
_WIDEST = 12
"""The maximum number of executions per task node in the tree."""
_HINTS = ("note:", "hint:", "[notice]", "╰─>", "│", "\N{MULTIPLICATION SIGN}")
"""How lines start with which pip ends, whatever failed."""


@dataclass
class Progress:
    """The state of a running run: the executions by node, in file order."""

    nodes: dict[str, dict[int, Execution]] = field(default_factory=dict)

    def take(self, event: Mapping[str, object]) -> Execution | None:
        """Apply an event; return the execution that it changed."""
        node, index = event.get("node"), event.get("index")
        if event.get("event") not in ("execution-started", "execution-ended") or not isinstance(index, int):
            return None
        ended = event["event"] == "execution-ended"
        execution = self.nodes.setdefault(str(node), {}).setdefault(index, Execution(str(node), index))
        execution.state = str(event.get("state")) if ended else "running"
        execution.label = str(event.get("label") or "")
        execution.reason = str(event.get("reason") or "")
        execution.tries += not ended
        return execution


@dataclass
class Execution:
    """The progress of an execution; ``label`` shows its parameters."""

    node: str
    index: int
    state: str = "running"
    label: str = ""
    reason: str = ""
    tries: int = 0


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

    def said(self, line: str) -> None:
        """Show a line that a step or the engine printed."""


def view(progress: Progress, kinds: Mapping[str, str], *, quiet: bool, stream: IO[str] | None = None) -> View:
    """Return the view that fits standard output.

    Args:
        progress: what to show.
        kinds: the kinds of nodes by path; each node precedes those in its branches.
        quiet: whether to show only requested lines.
        stream: where to print; standard output by default.
    """
    out = stream or sys.stdout
    if quiet:
        return Lines(kinds, out, quiet=True)
    if out.isatty() and find_spec("rich") is not None:
        return LiveTree(progress, kinds, out)
    return Lines(kinds, out)


class Lines:
    """One line per event, for logs and pipes."""

    def __init__(self, kinds: Mapping[str, str], out: IO[str], *, quiet: bool = False) -> None:
        self._kinds, self._out, self._quiet = kinds, out, quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def changed(self, execution: Execution) -> None:
        """Print a line for an execution that started or ended."""
        if not self._quiet:
            state = "started" if execution.state == "running" else execution.state
            self._print(f"{called(execution, self._kinds)}: {state}{_again(execution)}{_why(execution)}")

    def said(self, line: str) -> None:
        """Print the line."""
        self._print(plain(line))

    def _print(self, line: str) -> None:
        self._out.write(printable(line) + "\n")
        self._out.flush()


class LiveTree:
    """The pipeline as a tree that changes in place, drawn by ``rich``."""

    def __init__(self, progress: Progress, kinds: Mapping[str, str], out: IO[str]) -> None:
        self._progress, self._kinds, self._out = progress, kinds, out
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._out, highlight=False)
        self._live = Live(get_renderable=self._tree, console=console, refresh_per_second=8, transient=True)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def changed(self, execution: Execution) -> None:
        """Do nothing: the tree is redrawn several times a second."""

    def said(self, line: str) -> None:
        """Print the line above the tree."""
        if self._live is not None:
            self._live.console.print(printable(plain(line)), markup=False, soft_wrap=True)

    def _tree(self) -> Tree:
        from rich.tree import Tree

        root = Tree("", hide_root=True)
        beneath: dict[str, Tree] = {}
        # Nodes in the branches of a map or a loop are only known when they begin, by paths below that of the node.
        kinds = {**self._kinds, **dict.fromkeys([n for n in self._progress.nodes if n not in self._kinds], "execution")}
        for path, kind in kinds.items():
            executions = self._progress.nodes.get(path, {})
            enclosing = max((p for p in beneath if path.startswith(f"{p}.")), key=len, default=None)
            tree, name = (root, path) if enclosing is None else (beneath[enclosing], path[len(enclosing) + 1 :])
            if kind not in {"execution", "task"}:
                beneath[path] = tree.add(self._line(name, executions.get(0)))
                continue
            if kind == "execution":
                tree.add(self._line(name, executions[0]) if 0 in executions else self._line(name, None))
                continue
            branch = tree.add(self._summary(name, executions))
            shown = sorted(executions)[-_WIDEST:]
            if len(executions) > len(shown):
                branch.add(f"[dim]{len(executions) - len(shown)} more[/dim]")
            for index in shown:
                branch.add(self._line(f"[{index}]", executions[index]))
        return root

    def _line(self, name: str, execution: Execution | None) -> Text:
        from rich.text import Text

        if execution is None:
            return Text(f"  {printable(name)}", style="dim")
        text = Text(_MARKS.get(execution.state, "?"), style=_STYLES.get(execution.state, ""))
        return text.append(f" {printable(name)} {printable(execution.label)}{_again(execution)}", style="default")

    def _summary(self, name: str, executions: Mapping[int, Execution]) -> Text:
        from rich.text import Text

        if not executions:
            return self._line(name, None)
        states = [execution.state for execution in executions.values()]
        text = Text("  " + printable(name) + " ", style="default")
        for state in _MARKS:
            if state in states:
                text.append(f"{states.count(state)} {state} ", style=_STYLES[state])
        return text


class Follower:
    """A thread that reads the events of a run from a file that is being written."""

    def __init__(self, file: Path, progress: Progress, shown: View) -> None:
        self._progress, self._view = progress, shown
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)
        self._one_at_a_time = threading.Lock()
        file.touch()
        self._stream = file.open(encoding="utf-8")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def said(self, line: str) -> None:
        """Show a line of the output, after the events that precede it."""
        with self._one_at_a_time:
            if not self._ended.is_set():
                self._read()
            self._view.said(line)

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
            if execution := self._progress.take(event):
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
    said = [line.strip() for line in lines if line.strip()]
    errors = [line for line in said if line.startswith("ERROR:")]
    built = [line for line, end in itertools.pairwise(said) if end == "[end of output]"]
    others = [line for line in said if not line.startswith(_HINTS)]
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


def _again(execution: Execution) -> str:
    return f" (try {execution.tries})" if execution.tries > 1 else ""


def _why(execution: Execution) -> str:
    said = brief(execution.reason)
    return f": {said}" if said and execution.state != "complete" else ""
