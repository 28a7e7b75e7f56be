"""Run the command of an execution in its place, and say why it failed."""

from __future__ import annotations

import errno
import os
import re
import signal
import string
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.distributed.group import GroupStopped
from translator.shim.embedded import events
from translator.shim.execution.state import KILLED, ExecutionError, Stopped
from translator.shim.process import lines, supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.distributed.group import Membership
    from translator.shim.execution.live_outputs import LiveOutputs
    from translator.shim.execution.state import Execution
    from translator.shim.run_contract import Launch
    from translator.shim.runners import Place, Run

_SHOWN_VARIABLES = 5
_TAIL_LINES = 10
_TAIL_LENGTH = 300
# Lines with nothing else mark a part of the line above in Python's tracebacks.
_MARKERS = string.whitespace + "^~"
# What pip prints, twice, after the output of a program that failed: the cause is above it.
_REMARKS = frozenset(
    {
        "╰─> See above for output.",
        "note: This error originates from a subprocess, and is likely not a problem with pip.",
        "note: This is an issue with the package mentioned above, not pip.",
        "hint: See above for details.",
    }
)
# If a signal ends a program, a shell exits with 128 plus the signal's number.
_SHELL_SIGNAL = 128
_NOT_FOUND = 127
# What Python, the dynamic linker, R and pip print if a package, a library or a suitable Python version is missing.
_MISSING = re.compile(
    r"No module named |cannot open shared object file|there is no package called |No matching distribution found"
    r"|Failed to build |metadata-generation-failed|requires (a different )?Python"
)


def run_command(  # noqa: C901 - what a command says and how it ends
    execution: Execution, place: Place, launch: Launch, project: Path, run: Run
) -> ExecutionError | Stopped | None:
    """Run the command; return the error to raise once its outputs are published.

    Args:
        execution: whose command it is.
        place: where it runs.
        launch: the command.
        project: the directory in which it runs, unless it has its own.
        run: runs it in its place.
    """
    surroundings = launch.environment if launch.bare else {**place.surroundings, **launch.environment}
    tails: dict[str, deque[str]] = {"output": deque(maxlen=_TAIL_LINES), "errors": deque(maxlen=_TAIL_LINES)}

    def show(stream: str, line: bytes, length: int) -> None:
        # Mask secrets before cutting: half a secret is not recognised.
        shown = execution.hidden(lines.readable(line, length))
        execution.log(shown)
        if shown.strip(_MARKERS) and shown.strip() not in _REMARKS:
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

    stop_reason = _stop_reason(execution) if events.are_read() else execution.stop_reason
    if execution.live is not None:
        stop_reason = _tending(execution, execution.live, stop_reason)
    if execution.step.stop_condition is not None:
        stop_reason = _until_met(execution, execution.step.stop_condition, stop_reason)
    if (group := execution.group) is not None:
        stop_reason = _while_together(group, stop_reason)
    limits = supervise.Limits(execution.step.time_limit, execution.step.no_output_timeout)
    try:
        ended = run(
            launch.arguments,
            folder=launch.folder or project,
            environment=surroundings,
            output=feed_output,
            errors=feed_errors,
            limits=limits,
            should_stop=stop_reason,
        )
    except OSError as error:
        reason = _too_large(surroundings, launch.arguments) if error.errno == errno.E2BIG else str(error)
        return ExecutionError(f"the command cannot be started: {reason}")
    output.close()
    errors.close()
    if execution.metadata.dropped:
        execution.note("warning: some metadata is dropped: there is too much, or it is nested too deep")
    if ended.exit_status < 0:  # tell of a signal as a shell and a container do
        ended = replace(ended, exit_status=_SHELL_SIGNAL - ended.exit_status)
    execution.exit_status = ended.exit_status
    # Do this even without a tail: the command's secrets are known only while its workspace exists.
    tail = execution.hidden(lines.uncoloured("\n".join(tails["errors"] or tails["output"])))
    for folder, name in {**_packages(place), **launch.names}.items():
        tail = tail.replace(folder, name)
    if execution.step.stop_condition is not None and ended.stop == _met(execution.step.stop_condition):
        execution.note(f"the command was ended, because {ended.stop}")
        return None
    if group is not None and group.over is not None and ended.cause == "stop" and ended.stop == str(group.over):
        return Stopped(ended.stop) if isinstance(group.over, GroupStopped) else ExecutionError(ended.stop)
    return _failure(ended, limits, tail, place.ignored_image)


def _too_large(environment: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return why the system starts no program with these variables and arguments, as execve(2) counts their bytes."""
    sizes = {name: len(os.fsencode(f"{name}={value}")) + 1 for name, value in environment.items()}
    total, command = sum(sizes.values()), sum(len(os.fsencode(argument)) + 1 for argument in arguments)
    if command > total:
        return f"its command line is too large for this system: {command} bytes; put the commands into a script"
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))
    shown = ", ".join(f"{name} ({sizes[name]} bytes)" for name in largest[:_SHOWN_VARIABLES])
    more = f" and {len(largest) - _SHOWN_VARIABLES} more of them" if len(largest) > _SHOWN_VARIABLES else ""
    return (
        f"its environment variables are too large for this system: {total} bytes; the largest are {shown}{more}; "
        "pass large values in files"
    )


def _stop_reason(execution: Execution) -> Callable[[], str | None]:
    """Return the function that asks whether to stop, and then reports the last metadata."""
    emitted: dict[str, object] = {}

    def stop_reason() -> str | None:
        values = execution.metadata.values
        if values != emitted:
            emitted.clear()
            emitted.update(values)
            events.emit(
                "execution-metric", node=execution.id.node, index=execution.id.index, metric=execution.metrics()
            )
        return execution.stop_reason()

    return stop_reason


def _tending(execution: Execution, live: LiveOutputs, ask: Callable[[], str | None]) -> Callable[[], str | None]:
    """Return the function that also sees to the outputs that are published while the command runs."""

    def stop_reason() -> str | None:
        live.tend(execution.note)
        return ask()

    return stop_reason


def _met(condition: str) -> str:
    return f"its stop-condition holds: {condition}"


def _until_met(execution: Execution, condition: str, ask: Callable[[], str | None]) -> Callable[[], str | None]:
    """Return the function that also ends the command once its condition on metadata holds."""
    from translator.shim.actions import conditions

    def stop_reason() -> str | None:
        if conditions.is_met(condition, execution.metadata.values):
            return _met(condition)
        return ask()

    return stop_reason


def _while_together(group: Membership, ask: Callable[[], str | None]) -> Callable[[], str | None]:
    """Return the function that also ends the command once another member of its group has failed."""
    return lambda: ask() or group.problem()


def _packages(place: Place) -> dict[str, str]:
    """Return the name of the execution's Python environment in reasons, if it has one."""
    folder = place.surroundings.get("VIRTUAL_ENV", "")
    return {folder: "$VIRTUAL_ENV"} if folder and Path(place.python).is_relative_to(folder) else {}


def _failure(  # noqa: PLR0911 - one per cause
    ended: supervise.Ended, limits: supervise.Limits, tail: str, ignored_image: str | None
) -> ExecutionError | Stopped | None:
    last = f"; its last lines:\n{tail}" if tail else ""
    match ended.cause:
        case "killed":
            return Stopped(KILLED)
        case "stop":
            return Stopped(ended.stop or KILLED)
        case "time-limit":
            return ExecutionError(f"the command was ended at its time limit of {limits.time:g} s{last}")
        case "no-output-timeout":
            return ExecutionError(f"the command was ended because it printed nothing for {limits.no_output:g} s{last}")
        case _ if ended.exit_status == 0:
            return None
        case _ if ended.exit_status > _SHELL_SIGNAL:
            name = _signal(ended.exit_status - _SHELL_SIGNAL)
            return ExecutionError(f"the command ended with exit status {ended.exit_status} ({name}){last}")
        case _:
            hint = _image_hint(ended.exit_status, tail, ignored_image)
            return ExecutionError(f"the command ended with exit status {ended.exit_status}{hint}{last}")


def _image_hint(exit_status: int, tail: str, ignored_image: str | None) -> str:
    """Return what to do if the command seems to miss something that the step's image would provide."""
    if ignored_image is None or not (exit_status == _NOT_FOUND or _MISSING.search(tail)):
        return ""
    return (
        f"; the step's image {ignored_image} is ignored here: install what it provides on the worker, or run the "
        "step in a container"
    )


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, which the system also sends when memory runs out" if name == "SIGKILL" else name
