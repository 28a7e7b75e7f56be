"""Draw a run in progress as a tree that changes in place."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from translator.diagnostics import printable
from translator.history.times import duration
from translator.run.labels import differing
from translator.run.progress import again, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from rich.live import Live
    from rich.text import Text

    from translator.run.progress import Execution, Progress

_STYLES = {"running": "cyan", "complete": "green", "error": "bold red", "stopped": "yellow", "skipped": "dim"}
_MARKS = {"complete": "✓", "error": "✗", "stopped": "■", "skipped": "-"}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_MARKS = {"complete": "+", "error": "x", "stopped": "#", "skipped": "-"}
_ASCII_SPINNER = "|/-\\"
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
_TURNS = 8
"""How often the screen is drawn in a second."""
_SHORTEST_LABEL = 12
"""The length to which a label is cut at most."""
_KEPT_LINES = 2
"""The lines of the terminal that the tree leaves free."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the tree; ``rank`` tells which lines go first where there is no room: the highest."""

    depth: int
    text: Text
    rank: int


_RANKS = {"running": 0, "error": 1, "stopped": 2, "": 3, "complete": 4, "skipped": 5}


class LiveTree:
    """The pipeline as a tree that changes in place, drawn by ``rich``."""

    def __init__(self, progress: Progress, kinds: Mapping[str, str], engine: str, out: IO[str]) -> None:
        self._progress, self._kinds, self._engine, self._out = progress, kinds, engine, out
        self._live: Live | None = None
        plain_marks = not _can_show(out, "".join(_MARKS.values()) + _SPINNER)
        self._marks = _ASCII_MARKS if plain_marks else _MARKS
        self._spinner = _ASCII_SPINNER if plain_marks else _SPINNER

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._out, highlight=False)
        self._live = Live(get_renderable=self._drawn, console=console, refresh_per_second=_TURNS, transient=True)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def changed(self, execution: Execution) -> None:
        """Do nothing: the tree is redrawn several times a second."""

    def print_line(self, line: str) -> None:
        """Print the line above the tree."""
        if self._live is not None:
            self._live.console.print(printable(plain(line)), markup=False, soft_wrap=True)

    @contextmanager
    def making_room(self) -> Iterator[None]:
        """Take the tree away from the terminal while the context is open."""
        if self._live is not None:
            self._live.stop()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.start()

    def _drawn(self) -> Text:
        if self._live is None:
            return self.drawn(100)
        size = self._live.console.size
        return self.drawn(max(1, size.height - _KEPT_LINES), size.width)

    def drawn(self, height: int, width: int = 200) -> Text:
        """Return the tree in at most ``height`` lines: what runs is always among them, if there is room for it."""
        from rich.text import Text

        rows = list(self._rows(width))
        shown = rows
        if len(rows) > height:
            by_rank = sorted(range(len(rows)), key=lambda number: (rows[number].rank, -number))
            kept = set(by_rank[: max(1, height - 1)])
            shown = [row for number, row in enumerate(rows) if number in kept]
        lines = [Text("  " * row.depth).append_text(row.text) for row in shown]
        if len(shown) < len(rows):
            lines.append(Text(f"{len(rows) - len(shown)} more lines", style="dim"))
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        whole = Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
        whole.no_wrap, whole.overflow = True, "ellipsis"
        return whole

    def _rows(self, width: int) -> Iterator[_Row]:
        from rich.text import Text

        # Another thread changes them meanwhile, and the rows of a node must agree with its numbers.
        nodes = {
            path: {index: copy(execution) for index, execution in list(executions.items())}
            for path, executions in list(self._progress.nodes.items())
        }
        elapsed = duration(time.monotonic() - self._progress.began)
        doing = "starting" if not nodes else "running on"
        yield _Row(0, Text(f"{self._mark('running')} {doing} {self._engine}, {elapsed}", style="cyan"), -2)
        # Nodes in the branches of a map or a loop are only known when they begin, by paths below that of the node.
        kinds = {**self._kinds, **dict.fromkeys([path for path in nodes if path not in self._kinds], "execution")}
        enclosing = {path: _enclosing(path, kinds) for path in kinds}
        below: dict[str, list[Execution]] = defaultdict(list)
        for path, executions in nodes.items():
            for outer in enclosing[path]:
                below[outer] += executions.values()
        numbers = {path: number for number, path in enumerate(kinds)}
        # Each node directly after the node in whose branches it is.
        for path in sorted(kinds, key=lambda path: [numbers[p] for p in (*enclosing[path], path)]):
            outside = enclosing[path]
            name = path[len(outside[-1]) + 1 :] if outside else path
            executions = nodes.get(path, {})
            if kinds[path] == "execution":
                execution = executions.get(0)
                # Items of a map differ in their values only; other execution nodes need no label.
                label = execution.label if execution is not None and outside else ""
                yield self._row(len(outside), name, execution, label, width)
            elif kinds[path] == "task":
                yield self._summary(len(outside), name, list(executions.values()))
                labels = differing({index: execution.label for index, execution in executions.items()})
                for index in sorted(executions):
                    yield self._row(len(outside) + 1, f"[{index}]", executions[index], labels[index], width)
            else:
                yield self._summary(len(outside), name, below[path])

    def _row(self, depth: int, name: str, execution: Execution | None, label: str, width: int) -> _Row:
        """Return the row of an execution; a long label is cut, so that the row ends with its time and metric."""
        from rich.cells import cell_len
        from rich.text import Text

        if execution is None:
            return _Row(depth, Text(f"  {printable(name)}", style="dim"), _RANKS[""])
        state = execution.state
        text = Text(self._mark(state), style=_STYLES.get(state, ""))
        text.append(f" {printable(name)}", style="default")
        rest = Text(again(execution), style="default")
        rest.append(f"  {duration(execution.seconds)}", style="dim")
        if execution.metric:
            rest.append(f"  {printable(execution.metric)}", style="default")
        if label:
            shown = Text(f" {printable(label)}", style="default")
            room = width - 2 * depth - cell_len(text.plain) - cell_len(rest.plain)
            shown.truncate(max(room, _SHORTEST_LABEL), overflow="ellipsis")
            text.append_text(shown)
        text.append_text(rest)
        return _Row(depth, text, _RANKS.get(state, 0))

    def _summary(self, depth: int, name: str, executions: Sequence[Execution]) -> _Row:
        from rich.text import Text

        states = [execution.state for execution in executions]
        if not states:
            return self._row(depth, name, None, "", 0)
        state = next((one for one in ("running", "error", "stopped", "complete") if one in states), "skipped")
        text = Text(self._mark(state), style=_STYLES[state])
        text.append(f" {printable(name)} ", style="default")
        for one, style in _STYLES.items():
            if one in states:
                text.append(f" {states.count(one)} {one}", style=style)
        return _Row(depth, text, -1 if state == "running" else _RANKS[state])

    def _mark(self, state: str) -> str:
        if state == "running":
            return self._spinner[int(time.monotonic() * _TURNS) % len(self._spinner)]
        return self._marks.get(state, "?")


def _enclosing(path: str, kinds: Mapping[str, str]) -> list[str]:
    """Return the nodes in whose branches a node is, the outermost first."""
    return [outer for end, sign in enumerate(path) if sign == "." and (outer := path[:end]) in kinds]


def _can_show(out: IO[str], signs: str) -> bool:
    """Return whether a stream takes such signs, and the locale does not ask for ASCII."""
    locale = next((value for name in _LOCALE if (value := os.environ.get(name))), "")
    if locale in {"C", "POSIX"}:  # in which Python prints UTF-8
        return False
    try:
        signs.encode(getattr(out, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
