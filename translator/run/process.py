"""Run the engine as a process: start it, follow its output, and end it with all processes that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from translator.run.guard import GRACE, INSISTING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

    from translator.run.guard import Guard


_LOOK = 0.2
"""The seconds between two looks at a process."""
TAIL = 40
"""The number of output lines shown for a failed run."""
# The engine must not start before the guard knows it, or nobody would end it if this process were killed in between.
_WHEN_GUARDED = 'read -r guarded && exec "$@" </dev/null'


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an engine's process, with the last lines that it and the steps printed.

    ``interruption`` says who stopped the run, if anybody did.
    """

    status: int
    tail: tuple[str, ...]
    interruption: str = ""


class Stop:
    """A request to end the engines that other threads wait for, because only the main thread gets signals."""

    def __init__(self) -> None:
        self.reason = ""
        self._asked, self._insisted = threading.Event(), threading.Event()

    def ask(self, reason: str) -> None:
        """Ask the engines to cancel their runs; if asked again, kill them."""
        if self._asked.is_set():
            self._insisted.set()
        self.reason = self.reason or reason
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        """Whether the engines are to end."""
        return self._asked.is_set()

    def wait(self, process: subprocess.Popen[str], seconds: float | None = None) -> None:
        """Wait for a process.

        Args:
            process: the process.
            seconds: how long to wait for a process that was told to end; None if it was not.

        Raises:
            KeyboardInterrupt: it is to end, or to be killed if ``seconds`` are given.
            subprocess.TimeoutExpired: it has not ended in that time.
        """
        interrupting = self._asked if seconds is None else self._insisted
        deadline = None if seconds is None else time.monotonic() + seconds
        while process.poll() is None:
            if interrupting.wait(_LOOK):
                raise KeyboardInterrupt(self.reason)
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(process.args, seconds or 0)


def run(
    command: list[str],
    variables: Mapping[str, str],
    print_line: Callable[[str], None] | None,
    guard: Guard,
    stop: Stop | None = None,
) -> Ended:
    """Run the engine in its own process group, and end it with all its processes if this process is interrupted.

    Args:
        command: the engine's command.
        variables: environment variables that it has besides those of this process.
        print_line: called with each line of its output.
        guard: what ends it if this process is killed.
        stop: what interrupts it if this is not the main thread.
    """
    tail: deque[str] = deque(maxlen=TAIL)
    interruption = ""

    def read() -> None:
        for line in process.stdout or ():
            tail.append(line.rstrip("\n"))
            if print_line is not None:
                print_line(tail[-1])

    with terminable():
        process = subprocess.Popen(
            ["/bin/sh", "-c", _WHEN_GUARDED, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        reader = threading.Thread(target=read, name="output", daemon=True)
        try:
            reader.start()
            guard.watch(process.pid)
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError), process.stdin as waiting:
                    waiting.write("guarded\n")
            if stop is None:
                process.wait()
            else:
                stop.wait(process)
        except KeyboardInterrupt as error:
            interruption = f"{str(error) or 'you'} stopped the run"
            _end(process, stop)
        finally:
            # No process of the engine may be left: Prefect's server outlives a killed flow.
            _kill(process)
        reader.join(timeout=5)
    return Ended(process.returncode, tuple(tail), interruption)


def _end(process: subprocess.Popen[str], stop: Stop | None) -> None:
    """Ask the engine to cancel its run; if it does not, or on a second interrupt, kill it."""
    try:
        for number, seconds in ((signal.SIGINT, GRACE), (signal.SIGTERM, INSISTING)):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                if stop is None:
                    process.wait(seconds)
                else:
                    stop.wait(process, seconds)
                return
    except KeyboardInterrupt:
        pass
    _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the rest of the engine's process group; macOS refuses if only ended processes are left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the run like Ctrl-C, while the context is open, unless the caller ignores them.

    Shells start background jobs with SIGINT ignored, and nohup ignores SIGHUP. This process still ignores them, but
    with a handler: then the engine starts with the default, and obeys the SIGINT that it gets from here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt(signal.Signals(number).name)

    def ignore(_number: int, _frame: FrameType | None) -> None:
        pass

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, ignore)
        elif number != signal.SIGINT:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
