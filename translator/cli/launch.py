"""Compile a pipeline into a temporary directory, and run it there on its engine in the embedded mode."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from translator.cli.exit_status import UsageError
from translator.cli.files import project_from
from translator.files import real
from translator.history.launched import Options
from translator.nodes import kind, named_branches, walk
from translator.run import process
from translator.run.guard import guarded
from translator.run.labels import differing
from translator.run.progress import Follower, Progress
from translator.run.questions import Questions
from translator.shim.variables import ANSWERS, APPROVED, LAUNCH_PATHS, RESUME
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from translator.cli.approve_option import Approvals
    from translator.ir import Pipeline, Value
    from translator.run.progress import View
    from translator.shim.store import Store
    from translator.targets import Target

ENGINE_LOG = "engine.log"
_LOG_LENGTH = 4 << 20


@dataclass(frozen=True, slots=True)
class Launch:
    """All that defines a run.

    ``run`` is its name in the store, ``resumed`` the run whose complete executions it keeps. ``options`` are those of
    the command line that a run which resumes this one has again.
    """

    pipeline: Pipeline
    target: Target
    values: Mapping[str, Value]
    project: Path
    uri: str
    store: Store
    run: str
    approvals: Approvals
    jobs: int
    resumed: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: its record, if it has left one, how the engine's process ended, and what that logged.

    ``place`` is the run's directory in the store, ``labels`` has short texts of the parameters in which executions of
    a node differ.
    """

    run: str
    document: Mapping[str, Any] | None
    ended: process.Ended
    log: str
    place: str
    labels: Mapping[str, Mapping[int, str]]

    @property
    def complete(self) -> bool:
        """Whether the run is complete."""
        from translator.shim.outcome.run_record import is_success

        return self.document is not None and is_success(self.document) and self.ended.status == 0


def new_run() -> str:
    """Return the name of a new run: its time, and random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def launch(
    request: Launch,
    view: Callable[[Progress, Mapping[str, str]], View],
    *,
    verbose: Callable[[str], None] | bool = False,
    stop: process.Stop | None = None,
) -> Outcome:
    """Run a pipeline to its end.

    Args:
        request: the run.
        view: returns what shows its progress, from the progress and the kinds of nodes by path.
        verbose: whether the view shows the lines that the engine and the steps print; or what they are passed to.
        stop: what interrupts the run if this is not the main thread.
    """
    from translator.history import launched
    from translator.shim.embedded import events
    from translator.shim.outcome import resumed as record_of_resumed
    from translator.shim.store import key_of

    pipeline, target, store, run = request.pipeline, request.target, request.store, request.run
    kinds = {".".join(path): kind(node) for path, node in walk(pipeline.graph, into=named_branches)}
    with guarded() as (folder, guard):
        file, project = _compiled(pipeline, target, folder, request.project)
        home = folder / "home"
        command = target.run_command(
            file,
            store=request.uri,
            run=run,
            project=project,
            parameters=request.values,
            home=home,
            jobs=request.jobs,
        )
        file_of_events = folder / "events.jsonl"
        progress = Progress()
        shown = view(progress, kinds)
        with contextlib.ExitStack() as ends:
            ends.enter_context(shown)
            asks = request.approvals.asks
            questions = ends.enter_context(Questions(folder / "answers", shown)) if asks else None
            ask = questions.take if questions is not None else None
            follower = ends.enter_context(Follower(file_of_events, progress, shown, ask))
            print_line = verbose if callable(verbose) else follower.print_line if verbose else None
            set_here = {events.VARIABLE: str(file_of_events), LAUNCH_PATHS: "/", RESUME: request.resumed or ""}
            set_here |= {ANSWERS: str(folder / "answers")} if questions is not None else {}
            launched.write(store, pipeline.name, run, replace(request.options, values=request.values))
            if request.resumed is not None:
                record_of_resumed.write(store, pipeline.name, run, request.resumed)
            approved = request.approvals.nodes
            set_here |= {APPROVED: json.dumps(approved)} if approved else {}
            ended = process.run(command, set_here, print_line, guard, stop)
        document = _record(store, key_of(pipeline.name, run, name="run.json"))
        log = "" if document is not None else _engine_log(home)
    place = store.uri(key_of(pipeline.name, run)).removeprefix("file://")
    return Outcome(run, document, ended, log, place, _labels(progress))


def keep_log(request: Launch, outcome: Outcome) -> str:
    """Keep the engine's log of a run without a record in its directory; return where, as the end of a sentence."""
    from translator.shim.store import StoreError, key_of

    if not outcome.log:
        return ""
    store, key = request.store, key_of(request.pipeline.name, outcome.run, name=ENGINE_LOG)
    try:
        store.write(key, outcome.log.encode("utf-8", "replace"))
    except StoreError as error:
        return f"; its log cannot be kept: {error}"
    return f"; its log is kept in {store.uri(key).removeprefix('file://')}"


def _record(store: Store, key: str) -> Mapping[str, Any] | None:
    """Return a run's record, or None if it cannot be read."""
    from translator.shim.store import StoreError

    try:
        document = store.read_json(key)
    except (FileNotFoundError, StoreError, ValueError, OSError):
        return None
    return document if isinstance(document, dict) and "state" in document else None


def _engine_log(home: Path) -> str:
    """Return the end of the engine's log."""
    texts = []
    for file in sorted(home.glob("*.log")):
        with contextlib.suppress(OSError), file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _LOG_LENGTH))
            texts.append(opened.read().decode("utf-8", "replace"))
    return "".join(texts)


def _labels(progress: Progress) -> dict[str, dict[int, str]]:
    """Return short texts of the parameters in which executions of a node differ."""
    return {name: differing({index: one.label for index, one in of.items()}) for name, of in progress.nodes.items()}


def _compiled(pipeline: Pipeline, target: Target, folder: Path, source: Path) -> tuple[Path, Path]:
    """Write the generated file below ``folder``; return it, and the real path of the project."""
    project = real(source)
    file = folder / "generated" / target.file_name(pipeline)
    for directory in (file.parent, folder / "home"):
        directory.mkdir()
    options = GenerateOptions(project=project_from(file, project))
    file.write_text(target.generate(pipeline, options), encoding="utf-8")
    return file, project


def least_slots(pipeline: Pipeline) -> int:
    """Return how many executions must be able to run at once: all members of all distributed tasks."""
    from translator.ir import TaskNode

    groups = [node.grid.distributed for node in pipeline.nodes if isinstance(node, TaskNode)]
    return sum(group.members for group in groups if group is not None)


def slots(pipeline: Pipeline, jobs: int | None) -> int:
    """Return how many executions of a run may run at once.

    Args:
        pipeline: the pipeline.
        jobs: the number that somebody has set (default: as many as there are cores, and as the pipeline needs).

    Raises:
        UsageError: the number is too small for the pipeline's distributed tasks.
    """
    least = least_slots(pipeline)
    if jobs is not None and jobs < least:
        raise UsageError(
            f"--jobs {jobs}: the executions of a distributed task start together, so this run needs --jobs {least}"
        )
    return jobs or max(cores(), least)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
