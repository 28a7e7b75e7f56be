"""Run a pipeline once per combination of values (``translate run --matrix``), and show one summary of all runs."""

from __future__ import annotations

import contextlib
import json
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.cli.exit_status import FAILED, INTERRUPTED, OK
from translator.cli.launch import keep_log, launch
from translator.cli.printing import print_json
from translator.diagnostics import columns, printable
from translator.history.records import executions
from translator.history.times import duration, seconds
from translator.run.process import Stop, terminable
from translator.run.progress import brief, plain
from translator.run.view import view
from translator.shim.outcome.matrix import label, metrics, value_text

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

    from translator.cli.launch import Launch, Outcome
    from translator.ir import Value
    from translator.run.progress import Progress, View

NOT_STARTED = "not started"
NO_RECORD = "no record"
_METRICS = 4
"""The maximum number of metrics in the summary."""


@dataclass(frozen=True, slots=True)
class MatrixRun:
    """A run of a matrix: its values of the parameters that differ, and all else that defines it."""

    values: Mapping[str, Value]
    request: Launch

    @property
    def label(self) -> str:
        """The values as people write them: ``lr=0.1, layers=[4, 8]``."""
        return printable(label(self.values))


def width(runs: int, jobs: int, least: int = 0) -> tuple[int, int]:
    """Return how many runs are active at once, and how many executions each of them may run at once.

    Args:
        runs: how many runs there are.
        jobs: how many executions may run at once.
        least: how many of each run must be able to, because they start together.
    """
    active = max(1, min(runs, jobs // max(1, least)))
    return active, max(1, jobs // active)


def run_all(matrix_runs: Sequence[MatrixRun], active: int, args: Namespace) -> int:
    """Start all runs of a matrix and show their summary; a failed one does not stop the others.

    Args:
        matrix_runs: the runs.
        active: how many of them run at once.
        args: the options of the command line.

    Returns:
        0 if all runs are complete; 1 if one is not; 130 if they were interrupted.
    """
    out = sys.stderr if args.format == "json" or args.quiet else sys.stdout
    stop = Stop()
    outcomes = _outcomes(matrix_runs, active, stop, _Printer(out, quiet=args.quiet, verbose=args.verbose))
    summary = [_document(matrix_run, outcomes.get(number)) for number, matrix_run in enumerate(matrix_runs)]
    complete = all(one["state"] == "complete" for one in summary)
    if args.format == "json":
        print_json({"pipeline": matrix_runs[0].request.pipeline.name, "runs": summary})
    elif not args.quiet or not complete:
        out.write("".join(f"{line}\n" for line in ("", *_table(summary))))
    if stop.is_asked:
        sys.stderr.write(f"translate: {stop.reason or 'you'} stopped the runs\n")
        return INTERRUPTED
    return OK if complete and all(one.complete for one in outcomes.values()) else FAILED


@dataclass(frozen=True, slots=True)
class _Printer:
    """The place for what the runs say: a line when one starts and ends, and with ``verbose`` their output."""

    out: IO[str]
    quiet: bool
    verbose: bool

    def say(self, text: str) -> None:
        """Print a line, unless only failures are to be shown."""
        if not self.quiet:
            self.out.write(text + "\n")
            self.out.flush()

    def lines_of(self, matrix_run: MatrixRun) -> Callable[[str], None] | bool:
        """Return what prints the lines of a run's output; False if nothing does."""

        def print_line(line: str) -> None:
            with contextlib.suppress(OSError):
                self.out.write(f"[{matrix_run.label}] {printable(plain(line))}\n")

        return print_line if self.verbose else False


def _outcomes(matrix_runs: Sequence[MatrixRun], active: int, stop: Stop, printer: _Printer) -> dict[int, Outcome]:
    """Start all of them; return the outcomes of those that started, by number."""
    outcomes: dict[int, Outcome] = {}

    def hidden(progress: Progress, kinds: Mapping[str, str]) -> View:
        return view(progress, kinds, engine="", quiet=True)

    def run(matrix_run: MatrixRun) -> Outcome | None:
        if stop.is_asked:
            return None
        printer.say(f"{matrix_run.label}: started, run {matrix_run.request.run}")
        return launch(matrix_run.request, hidden, verbose=printer.lines_of(matrix_run), stop=stop)

    with terminable(), ThreadPoolExecutor(active, thread_name_prefix="run") as pool:
        running: dict[Future[Outcome | None], int] = {}
        for number, matrix_run in enumerate(matrix_runs):
            with _stopping(stop):
                running[pool.submit(run, matrix_run)] = number
        while running:
            with _stopping(stop):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome, number = future.result(), running[future]
                    if outcome is not None:
                        outcomes[number] = outcome
                        lost = outcome.document is None
                        kept = printable(keep_log(matrix_runs[number].request, outcome)) if lost else ""
                        printer.say(f"{matrix_runs[number].label}: {_state(outcome)}{_why(outcome)}{kept}")
                    del running[future]
    return outcomes


@contextlib.contextmanager
def _stopping(stop: Stop) -> Iterator[None]:
    """Let an interrupt end the runs, and a second one kill them, instead of this thread."""
    try:
        yield
    except KeyboardInterrupt as error:
        stop.ask(str(error))


def _state(outcome: Outcome) -> str:
    return NO_RECORD if outcome.document is None else str(outcome.document["state"])


def _why(outcome: Outcome) -> str:
    """Return the first reason of a failed run, and what its engine said last if it left no record."""
    if outcome.complete or outcome.ended.interruption:
        return ""
    if outcome.document is None:
        return "".join(f": {printable(plain(line))}" for line in outcome.ended.tail[-1:])
    entries = (one.entry for one in executions(outcome.document))
    reasons = (entry.get("reason") for entry in entries if entry["state"] == "error")
    first = next((reason for reason in reasons if reason), "")
    return f": {printable(brief(str(first)))}" if first else ""


def _document(matrix_run: MatrixRun, outcome: Outcome | None) -> dict[str, Any]:
    """Return what the summary says of a run."""
    document = outcome.document if outcome is not None else None
    return {
        "parameters": dict(matrix_run.values),
        "run": matrix_run.request.run if outcome is not None else None,
        "state": _state(outcome) if outcome is not None else NOT_STARTED,
        "seconds": seconds(document["started"], document["ended"]) if document is not None else None,
        "metrics": metrics(document) if document is not None else {},
        "place": outcome.place if outcome is not None else None,
    }


def _table(summary: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the summary as lines: the values, the state, the duration and the first metrics of each run."""
    axes = list(summary[0]["parameters"])
    every = [key for one in summary for key in one["metrics"]]
    shown = [key for key in dict.fromkeys(every) if len({json.dumps(one["metrics"].get(key)) for one in summary}) > 1]
    shown = shown[:_METRICS]
    rows = [[*axes, "state", "time", *shown, "run"]]
    for one in summary:
        measured = [value_text(one["metrics"][key]) if key in one["metrics"] else "" for key in shown]
        values = [value_text(value) for value in one["parameters"].values()]
        rows.append([*values, one["state"], duration(one["seconds"]), *measured, one["run"] or ""])
    return columns([[printable(cell) for cell in row] for row in rows])
