"""Show findings as compilers do: place, message, the line with a caret, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.diagnostics.findings import LINE_BREAK
from translator.shim.masking.uris import redact_line

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from translator.diagnostics.findings import Diagnostic, SourceText
    from translator.span import Span


_WIDEST_LINE = 160
_TAB = "    "


def text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, color: bool = False) -> str:
    """Show findings as compilers do: place, message, the line with a caret, and what to do.

    A line that may contain a secret is not shown for any finding.

    Args:
        diagnostics: the findings, in the order in which to show them.
        sources: the source texts by ``Span.file``.
        color: whether to use ANSI escapes.

    Returns:
        Lines that each end with a line feed; empty without findings.
    """
    split: dict[str, Sequence[str]] = {name: LINE_BREAK.split(source.text) for name, source in sources.items()}
    findings = list(diagnostics)
    secret = {
        (d.span.file, line)
        for d in findings
        if d.span and not d.quote
        for line in range(d.span.line, d.span.end_line + 1)
    }
    return "".join(line + "\n" for d in findings for line in _lines(d, sources, split, secret, color=color))


def path_of(span: Span, sources: Mapping[str, SourceText]) -> str:
    """Return the path of a span's file that the user knows."""
    source = sources.get(span.file)
    return source.path if source else span.file


def _lines(
    diagnostic: Diagnostic,
    sources: Mapping[str, SourceText],
    split: Mapping[str, Sequence[str]],
    secret: Container[tuple[str, int]],
    *,
    color: bool,
) -> Iterator[str]:
    paint = _PAINT if color else _PLAIN
    span = diagnostic.span
    severity = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]:")
    message = printable(diagnostic.message)
    if span is None:
        yield f"{severity} {message}"
    else:
        place = f"{printable(path_of(span, sources))}:{span.line}:{span.column}:"
        yield f"{paint('place', place)} {severity} {message}"
        lines = split.get(span.file, ())
        if 0 < span.line <= len(lines) and (span.file, span.line) not in secret:
            yield from _excerpt(span, redact_line(lines[span.line - 1]), paint)
    if diagnostic.hint is not None:
        yield f"{'':5} = {printable(diagnostic.hint)}"


def _excerpt(span: Span, line: str, paint: _Paint) -> Iterator[str]:
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line.rstrip())
    end = max(end, start)
    first = max(0, start - _WIDEST_LINE // 2)
    last = min(len(line), first + _WIDEST_LINE)
    before, marked, after = (_printable(part) for part in (line[first:start], line[start:end][:last], line[end:last]))
    marked = marked[:_WIDEST_LINE]
    carets = "^" * max(1, _width(marked))
    yield f"{span.line:5} | {'...' if first else ''}{before}{marked}{after}{'...' if last < len(line) else ''}".rstrip()
    yield f"{'':5} | {'   ' if first else ''}{' ' * _width(before)}{paint('caret', carets)}"


def printable(value: str) -> str:
    """Return ``value`` without characters that control a terminal or break a line."""
    return "".join(c if c.isprintable() else _escaped(c) for c in value)


def columns(table: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as lines with aligned columns."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))] if table else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _printable(line: str) -> str:
    return printable(line.replace("\t", _TAB))


def _width(text: str) -> int:
    """Return the columns of ``text`` on a terminal, so that carets align."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class _Paint:
    """A painter that wraps text in ANSI escapes, or leaves it plain."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = codes

    def __call__(self, kind: str, text: str) -> str:
        code = self._codes.get(kind)
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


_PLAIN = _Paint({})
_PAINT = _Paint({"error": "1;31", "warning": "1;33", "note": "1;36", "place": "1", "caret": "1;32"})
