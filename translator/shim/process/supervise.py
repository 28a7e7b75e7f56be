"""Run a command with its own process group, streamed output, limits, and a guaranteed end.

The calling thread waits in one ``select`` for output and for the command's end (a pidfd; elsewhere a waiting thread),
and wakes about once a second to ask whether it must stop. When the command's first process has ended, everything it
left behind is ended as well, so a daemon that keeps the output pipe open blocks nothing.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from translator.shim.process import group, watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

# Small, so that a slow log does not delay the question whether to stop.
CHUNK = 1 << 14
ASK_EVERY = 1.0
# Processes that outlive the command (such as a shell's process substitution) may finish their last lines.
_COURTESY = 0.5
_PIPE = 1 << 20
_SHORT = 2.0
_UNKNOWN = 255

Cause = Literal["exit", "time-limit", "no-output-timeout", "stop", "killed"]


class Remote(Protocol):
    """A command that does not run as a process of this worker; both methods may be called in a signal handler."""

    def terminate(self) -> None:
        """Send TERM to everything that the command has started, and do not wait."""

    def end(self, patience: float) -> None:
        """Wait for the end for some seconds, then kill."""


@dataclass(slots=True)
class Ticket:
    """An execution of this process, even before its command starts; ``kill_all`` sets ``killed``.

    Its command is a process group of this machine, or runs elsewhere.
    """

    mark: str = field(default_factory=lambda: os.urandom(16).hex())
    group: int | None = None
    killed: bool = False
    remote: Remote | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The seconds that a command may run and may be silent; None means no limit."""

    time: float | None = None
    no_output: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a command: why, the exit status (negative: a signal), and the answer of ``should_stop``."""

    cause: Cause
    exit_status: int
    stop: str | None = None


_tickets: dict[str, Ticket] = {}


@contextlib.contextmanager
def ticket() -> Iterator[Ticket]:
    """Take a ticket for an execution, so that ``kill_all`` reaches it even before its command starts."""
    one = Ticket()
    _tickets[one.mark] = one
    try:
        yield one
    finally:
        _tickets.pop(one.mark, None)


def kill_all() -> None:
    """End every command that this process has started: TERM, three seconds, KILL.

    Executions whose command has not started will not start it. A signal handler or any thread may call this; it
    returns when the processes are gone.
    """
    struck = list(_tickets.values())
    for one in struck:
        one.killed = True
    running = [(one.group, one.mark) for one in struck if one.group is not None]
    remote = [one.remote for one in struck if one.remote is not None]
    # Engines wait for little longer than this, and to send a signal elsewhere takes time as well.
    deadline = time.monotonic() + group.GRACE
    for number, mark in running:
        group.send(number, group.members(number, mark), signal.SIGTERM)
    for command in remote:
        command.terminate()
    for number, mark in running:
        group.end(number, mark, max(0.0, deadline - time.monotonic()))
    for command in remote:
        command.end(max(0.0, deadline - time.monotonic()))


def start_here(start: Callable[[], None]) -> None:
    """Start a command as this thread can."""
    start()


def run(  # noqa: PLR0913 - all that a process needs
    arguments: Sequence[str],
    *,
    within: Callable[[Callable[[], None]], None] = start_here,
    folder: Path,
    environment: Mapping[str, str],
    ticket: Ticket,
    output: Callable[[bytes], None],
    errors: Callable[[bytes], None],
    limits: Limits,
    should_stop: Callable[[], str | None],
) -> Ended:
    """Run a command to its end.

    Args:
        arguments: the program and its arguments.
        within: calls the function that starts the command, in any thread, and returns after that.
        folder: where it runs.
        environment: its environment, to which the execution's mark is added.
        ticket: the execution's ticket.
        output: gets each chunk of standard output.
        errors: gets each chunk of standard error.
        limits: of time and of silence.
        should_stop: called about once a second, from this thread; a result other than None ends the command.

    Raises:
        OSError: the program cannot be started.
        BaseException: from a callback, or from the engine in this thread; the process group is ended first.
    """
    with watchdog.watched(ticket.mark) as started:
        process = _started(arguments, folder, environment, ticket, within)
        watch = None
        try:
            started(process.pid)
            watch = _Watch(process, output, errors)
            cause, stop = until_ended(watch, ticket, limits, should_stop)
            _end(watch, ticket, gently=cause == "exit")
            watch.drain()
            status = _exit_status(process)
        except BaseException:
            group.end(process.pid, ticket.mark, group.GRACE)
            if watch is not None:
                with contextlib.suppress(Exception):
                    watch.drain()
            raise
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=group.GRACE)
            ticket.group = None
            if watch is not None:
                watch.close()
    return Ended("killed" if ticket.killed else cause, status, stop)


def _started(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    ticket: Ticket,
    within: Callable[[Callable[[], None]], None],
) -> subprocess.Popen[bytes]:
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env={**environment, group.MARK: ticket.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        ticket.group = process.pid
        processes.append(process)

    try:
        within(start)
    except BaseException:
        # The engine may interrupt this thread while another starts the command.
        for process in processes:
            group.end(process.pid, ticket.mark, group.GRACE)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=group.GRACE)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        ticket.group = None
        raise
    return processes[0]


class _Watch:
    """The two pipes of a command and the sign of its end, behind one selector."""

    def __init__(
        self, process: subprocess.Popen[bytes], output: Callable[[bytes], None], errors: Callable[[bytes], None]
    ) -> None:
        self.pid = process.pid
        self.ended = False
        self.started = self.last_output = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._sign = _sign_of_end(process)
        self._selector.register(self._sign, selectors.EVENT_READ)
        self._processes: set[int] = set()
        self._files = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        self._pipes: dict[int, Callable[[bytes], None]] = {}
        for pipe, sink in ((process.stdout, output), (process.stderr, errors)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._pipes[pipe.fileno()] = sink
                self._selector.register(pipe.fileno(), selectors.EVENT_READ)

    def step(self, seconds: float) -> None:
        """Wait for output or the end, for at most ``seconds``, and pass on a chunk of each ready pipe."""
        for key, _ in self._selector.select(max(0.0, seconds)):
            if key.fd in self._pipes:
                self._read(key.fd)
            elif key.fd == self._sign:
                self.ended = True
                self._selector.unregister(key.fd)
            else:
                self._forget(key.fd)

    def wait(self, processes: Sequence[int], seconds: float) -> None:
        """Pass on output until all ``processes`` have ended, or for ``seconds``."""
        for pid in processes:
            if (handle := group.handle_of(pid)) is not None:
                self._processes.add(handle)
                self._selector.register(handle, selectors.EVENT_READ)
        # Without pidfds (macOS) the caller looks again after a moment.
        has_handles = bool(self._processes)
        deadline = time.monotonic() + (seconds if has_handles else min(seconds, 0.05))
        try:
            while (remaining := deadline - time.monotonic()) > 0:
                self.step(remaining)
                if has_handles and not self._processes:
                    break
        finally:
            for handle in list(self._processes):
                self._forget(handle)

    def drain(self) -> None:
        """Read what is in the pipes now, at most a pipe's capacity, because a process may still be writing."""
        for pipe in list(self._pipes):
            for _ in range(_PIPE // CHUNK):
                if not self._read(pipe):
                    break

    def close(self) -> None:
        """Close the file descriptors."""
        self._selector.close()
        os.close(self._sign)
        for pipe in self._files:
            pipe.close()

    def _forget(self, handle: int) -> None:
        self._selector.unregister(handle)
        self._processes.discard(handle)
        os.close(handle)

    def _read(self, pipe: int) -> bool:
        try:
            chunk = os.read(pipe, CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(pipe)
            del self._pipes[pipe]
            return False
        self.last_output = time.monotonic()
        self._pipes[pipe](chunk)
        return True


class Watched(Protocol):
    """A running command: whether it has ended, and when it started and last printed something (monotonic seconds)."""

    @property
    def ended(self) -> bool:
        """Return whether it has ended."""

    @property
    def started(self) -> float:
        """Return when it started."""

    @property
    def last_output(self) -> float:
        """Return when it last printed something; at first, when it started."""

    def step(self, seconds: float) -> None:
        """Wait for output or the end, for at most some seconds, and pass on what there is."""


def until_ended(
    command: Watched, ticket: Ticket, limits: Limits, should_stop: Callable[[], str | None]
) -> tuple[Cause, str | None]:
    """Follow a command until it ends or must be ended; return why, and the answer of ``should_stop``."""
    next_ask = command.started + ASK_EVERY
    while not command.ended:
        now = time.monotonic()
        if ticket.killed:
            return "killed", None
        if limits.time is not None and now >= command.started + limits.time:
            return "time-limit", None
        if limits.no_output is not None and now >= command.last_output + limits.no_output:
            return "no-output-timeout", None
        if now >= next_ask:
            stop = should_stop()
            if stop is not None:
                return "stop", stop
            next_ask = time.monotonic() + ASK_EVERY
        due = next_ask
        if limits.time is not None:
            due = min(due, command.started + limits.time)
        if limits.no_output is not None:
            due = min(due, command.last_output + limits.no_output)
        command.step(due - time.monotonic())
    return "exit", None


def _end(watch: _Watch, ticket: Ticket, *, gently: bool) -> None:
    """End the execution's remaining processes, and keep reading their last lines."""
    number = watch.pid
    # Every execution does this. Process ids do not wrap around during a short one, so only check higher ids then.
    short = time.monotonic() - watch.started < _SHORT
    remaining = group.members(number, ticket.mark, higher=gently and short)
    if remaining and gently:
        watch.wait(remaining, _COURTESY)
        remaining = group.members(number, ticket.mark, higher=short)
    for number_of_signal, patience in ((signal.SIGTERM, group.GRACE), (signal.SIGKILL, group.GRACE)):
        deadline = time.monotonic() + patience
        while remaining and time.monotonic() < deadline:
            group.send(number, remaining, number_of_signal)
            watch.wait(remaining, min(1.0, deadline - time.monotonic()))
            remaining = group.members(number, ticket.mark)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)


def _sign_of_end(process: subprocess.Popen[bytes]) -> int:
    """Return a file descriptor that becomes readable when the command's first process ends."""
    handle = group.handle_of(process.pid)
    if handle is not None:
        return handle
    read, write = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(write)

    threading.Thread(target=wait, name=f"wait-{process.pid}", daemon=True).start()
    return read


def _exit_status(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status; never a success if other code in this process reaped the command."""
    if process.returncode is None and hasattr(os, "waitid"):
        try:
            status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return _UNKNOWN
        if status is None:
            return -signal.SIGKILL
        return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
    return process.wait()


def _after_fork() -> None:
    """Forget the parent's executions in a forked child, which must not end them."""
    _tickets.clear()


os.register_at_fork(after_in_child=_after_fork)
