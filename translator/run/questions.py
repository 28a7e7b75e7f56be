"""Ask the person at the terminal for approvals, while the run continues."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import queue
import re
import select
import sys
import threading
from typing import TYPE_CHECKING, Self

from translator.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from translator.run.progress import View

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}
_POLL_SECONDS = 0.2


def can_ask() -> bool:
    """Return whether a person sees a question and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Questions:
    """A thread that asks for one approval after another, and writes the answers to files.

    Args:
        folder: the directory of the answers, which it makes.
        display: the view of the run, which makes room for a question.
    """

    def __init__(self, folder: Path, display: View) -> None:
        self._folder, self._view = folder, display
        self._open: queue.Queue[Mapping[str, object]] = queue.Queue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._answer_all, name="questions", daemon=True)
        folder.mkdir(mode=0o700)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def take(self, event: Mapping[str, object]) -> None:
        """Ask for an approval as soon as the questions before it are answered; other events are ignored."""
        name = event.get("answer")
        if event.get("event") == "approval-required" and re.fullmatch(r"[0-9a-f]{32}", str(name)):
            self._open.put(event)

    def _answer_all(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(queue.Empty):
                self._ask(self._open.get(timeout=_POLL_SECONDS))

    def _ask(self, event: Mapping[str, object]) -> None:
        with self._view.making_room():
            text = "\n".join(printable(line) for line in str(event.get("text") or "").splitlines())
            sys.stderr.write(f"\n{printable(str(event.get('question')))}\n\n{text}\n\n")
            approve = self._read()
        if approve is None:
            return
        answer = {"approve": approve, "by": _user()}
        file = self._folder / str(event["answer"])
        new = file.with_suffix(".new")
        new.write_text(json.dumps(answer), encoding="utf-8")
        new.replace(file)

    def _read(self) -> bool | None:
        """Return what the person answers; None if the run has ended before."""
        while not self._ended.is_set():
            sys.stderr.write("Approve? [y/n] ")
            sys.stderr.flush()
            while not select.select([sys.stdin], [], [], _POLL_SECONDS)[0]:
                if self._ended.is_set():
                    sys.stderr.write("\n")
                    return None
            line = os.read(sys.stdin.fileno(), 1000).decode("utf-8", "replace")
            if not line:  # the terminal's end of input
                sys.stderr.write("rejected: there is no more input\n")
                return False
            if (approve := _ANSWERS.get(line.strip().lower())) is not None:
                return approve
        return None


def _user() -> str | None:
    """Return the person's name on this machine, if it has one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
