"""Print findings and texts for the commands."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from translator import diagnostics
from translator.cli.exit_status import UsageError
from translator.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from translator.diagnostics import Diagnostic, SourceText


def show(
    findings: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, hush_notes: bool = False, file: str = ""
) -> None:
    """Print findings to the standard error.

    Args:
        findings: the findings.
        sources: the source texts by ``Span.file``.
        hush_notes: only count the notes.
        file: the file that a count of notes refers to.
    """
    shown = list(findings)
    notes = [d for d in shown if d.severity is Severity.NOTE]
    if hush_notes:
        shown = [d for d in shown if d.severity is not Severity.NOTE]
    sys.stderr.write(diagnostics.text(shown, sources, color=colorful(sys.stderr)))
    if hush_notes and notes:
        count = "1 note" if len(notes) == 1 else f"{len(notes)} notes"
        see = "pass the same input to: translate check -" if file == "-" else f"see: translate check {_word(file)}"
        sys.stderr.write(f"{count}; {see}\n")


def _word(file: str) -> str:
    """Return a file as a word of a shell, which no command takes for an option."""
    from shlex import quote

    return quote(f"./{file}" if file.startswith("-") else file)


def colorful(stream: object) -> bool:
    """Return whether to use ANSI escapes on a stream."""
    is_terminal: Callable[[], bool] = getattr(stream, "isatty", bool)
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_utf8(text: str) -> None:
    """Print UTF-8, whatever the locale: Python source, JSON and SARIF need it.

    Raises:
        UsageError: the standard output is closed.
    """
    if getattr(sys.stdout, "name", "") == os.devnull:  # what ``main`` opens instead of a closed stream
        raise UsageError("the standard output is closed")
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        # A file name may contain half a character (a surrogate); in JSON, use JSON's own escape for it.
        buffer.write(text.encode("utf-8", "backslashreplace"))
        buffer.flush()


def print_json(document: object) -> None:
    """Print a document of JSON's types, for programs and people.

    Raises:
        UsageError: the standard output is closed.
    """
    import json

    print_utf8(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def is_bad(diagnostics: Iterable[Diagnostic], *, strict: bool) -> bool:
    """Return whether there are errors, or with ``strict`` warnings."""
    bad = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    return any(d.severity in bad for d in diagnostics)


def bad_pipelines(diagnostics: Iterable[Diagnostic], *, strict: bool) -> set[str | None]:
    """Return the pipelines that cannot be written; None if it is the whole file."""
    return {d.pipeline for d in diagnostics if is_bad([d], strict=strict)}
