"""Show findings to GitHub: as commands of a workflow, which annotate the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.diagnostics.findings import Severity
from translator.diagnostics.terminal import path_of, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from translator.diagnostics.findings import Diagnostic, SourceText

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def github(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText]) -> str:
    """Show findings as one workflow command a line."""
    return "".join(f"{_command(diagnostic, sources)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, sources: Mapping[str, SourceText]) -> str:
    message = diagnostic.message if diagnostic.hint is None else f"{diagnostic.message} ({diagnostic.hint})"
    properties = ",".join(f"{name}={_escaped(value)}" for name, value in _properties(diagnostic, sources))
    return f"::{_COMMANDS[diagnostic.severity]} {properties}::{_escaped_data(message)}"


def _properties(diagnostic: Diagnostic, sources: Mapping[str, SourceText]) -> Iterator[tuple[str, str]]:
    span = diagnostic.span
    if span is not None:
        yield "file", path_of(span, sources)
        yield "line", str(span.line)
        yield "endLine", str(span.end_line)
        if span.line == span.end_line:  # an annotation of several lines cannot have columns
            yield "col", str(span.column)
            yield "endColumn", str(span.end_column)
    yield "title", diagnostic.code


def _escaped_data(text: str) -> str:
    """Escape the text after the last ``::``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "%0A".join(printable(line).replace("%", "%25") for line in lines)


def _escaped(value: str) -> str:
    """Escape the value of a property."""
    return _escaped_data(value).replace(":", "%3A").replace(",", "%2C")
