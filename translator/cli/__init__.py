"""Run the ``translate`` command.

The first argument is a command if it is one of ``COMMANDS``; anything else is a file to translate. To translate a
file with the name of a command, write its directory as well: ``./check``. Exit status: 0 on success, 1 if there are
errors (or warnings with ``--strict``), 2 on bad usage.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.commands import COMMANDS, listed
from translator.cli.exit_status import FAILED, INTERRUPTED, OK, USAGE, UsageError
from translator.diagnostics import printable
from translator.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["FAILED", "OK", "USAGE", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Args:
        argv: the arguments after the program's name (default: those of the process).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    closed = sys.stdout is None
    _open_streams()
    try:
        status = _status(arguments, closed=closed)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output has closed it
        _drop_output()
        return FAILED
    except OSError as error:
        _complain(printable(f"{error.filename or 'the output'}: {error.strerror or error}"))
        _drop_output()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if argv is None:  # the process ends, so do not let Python look for garbage once more
            gc.freeze()
    return status


def _status(arguments: Sequence[str], *, closed: bool) -> int:
    if not arguments:
        sys.stderr.write(f"{listed()}\noptions of a command: translate COMMAND --help\n")
        return USAGE
    named = arguments[0] in COMMANDS
    command = import_module(f"translator.cli.{arguments[0] if named else 'translate'}")
    try:
        if closed:
            _refuse_silence(arguments[0])
        if not named:
            _refuse_misspelt(arguments[0])
        return int(command.main(arguments[1:] if named else arguments))
    except TranslatorError as error:
        _complain(str(error))
        return USAGE
    except SystemExit as stop:  # argparse has printed its help or the error
        return stop.code if isinstance(stop.code, int) else USAGE


def _refuse_silence(command: str) -> None:
    """Refuse a command that only prints, if the standard output is closed."""
    if command in COMMANDS and not COMMANDS[command].acts:
        raise UsageError("the standard output is closed")


def _refuse_misspelt(name: str) -> None:
    """Refuse the misspelt name of a command, which would be a file to translate."""
    if name.isalpha() and not Path(name).exists():
        from translator.names import closest

        meant = closest(name, COMMANDS)
        suggestion = f"did you mean: translate {meant}" if meant else "see: translate --help"
        raise UsageError(f"there is no command and no file {name!r}; {suggestion}")


def _open_streams() -> None:
    """Make the standard streams accept all output, even if they are closed, or limited by the locale."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until we end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may have characters that the locale lacks


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"translate: {message}\n")
        sys.stderr.flush()


def _drop_output() -> None:
    """Discard unwritten output, so that Python's flush at exit does not complain."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            stream.flush()
            continue
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
