"""What the compiler has to say about a file: findings with a place, and how they are shown."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from translator.errors import TranslatorError
from translator.shim.uris import shown_in, veiled

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from translator.span import Span

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What libyaml counts as the end of a line, so that lines here are the lines of its marks."""

MAX_ERRORS = 1000
"""After so many errors in a file, nothing more of it is looked at."""

_WIDEST_LINE = 160
_TAB = "    "


class Severity(StrEnum):
    """How bad a finding is; an error means that there is no translation."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    ``code`` is kebab-case and stable (``unsupported-...`` for what the source can say and we refuse, ``ignored-...``
    for what has no effect on the result); ``hint`` says what to do. ``pipeline`` names the only pipeline of the file
    that the finding is about; None is about the file as a whole. Without ``quote`` the line is not shown, because it
    may hold a secret. ``also`` are other pipelines that it is about in the same words.
    """

    code: str
    severity: Severity
    message: str
    span: Span | None
    hint: str | None = None
    pipeline: str | None = None
    quote: bool = True
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}"


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a source file, and the path by which its user knows it (``Span.file`` has no folders)."""

    path: str
    text: str


class TooManyErrors(Exception):  # noqa: N818 - the errors are in the diagnostics
    """There are as many errors as anybody reads."""


@dataclass(slots=True)
class Diagnostics:
    """Collects findings; what is added through ``about`` is marked as being about that pipeline only."""

    found: list[Diagnostic] = field(default_factory=list)
    pipeline: str | None = None
    limit: int | None = None
    """After how many errors to give up."""
    _errors: Counter[Severity] = field(default_factory=Counter)

    def about(self, pipeline: str) -> Diagnostics:
        """A collector of findings about ``pipeline``, which all land in this one."""
        return Diagnostics(self.found, pipeline, self.limit, self._errors)

    def add(self, diagnostic: Diagnostic) -> None:
        """Add a finding, once, without credentials of URIs in its words.

        Raises:
            TooManyErrors: there are ``limit`` errors now, and another one that says so.
        """
        if diagnostic.pipeline is None and self.pipeline is not None:
            diagnostic = replace(diagnostic, pipeline=self.pipeline)
        if "://" in diagnostic.message or "://" in (diagnostic.hint or ""):
            hint = shown_in(diagnostic.hint) if diagnostic.hint else None
            diagnostic = replace(diagnostic, message=shown_in(diagnostic.message), hint=hint)
        self.found.append(diagnostic)
        self._errors[diagnostic.severity] += 1
        if self._errors[Severity.ERROR] == self.limit:
            message = f"there are {self.limit:,} errors; the rest of the file is not looked at"
            self.found.append(Diagnostic("too-many-errors", Severity.ERROR, message, diagnostic.span))
            raise TooManyErrors

    def error(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add a reason why there is no translation."""
        self.add(Diagnostic(code, Severity.ERROR, message, span, hint))

    def warning(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add something that is translated, but likely not what the user wants."""
        self.add(Diagnostic(code, Severity.WARNING, message, span, hint))

    def note(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add something that is good to know."""
        self.add(Diagnostic(code, Severity.NOTE, message, span, hint))

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(diagnostic.severity is Severity.ERROR for diagnostic in self.found)

    def count(self, severity: Severity) -> int:
        """How many findings of that severity there are."""
        return sum(diagnostic.severity is severity for diagnostic in self.sorted())

    def sorted(self) -> list[Diagnostic]:
        """All findings by place, each once: what two pipelines have in common names the second as ``also``.

        Choose pipelines with ``concerning`` first: what is merged here is about several.
        """
        same: dict[tuple[object, ...], list[Diagnostic]] = {}
        for diagnostic in self.found:
            same.setdefault((diagnostic.code, diagnostic.message, diagnostic.span), []).append(diagnostic)
        return sorted((_merged(found) for found in same.values()), key=_place)

    def bad(self) -> set[str | None]:
        """The pipelines that have errors; None if the file as a whole has some."""
        return {diagnostic.pipeline for diagnostic in self.found if diagnostic.severity is Severity.ERROR}

    def concerning(self, *pipelines: str) -> Diagnostics:
        """The findings about ``pipelines`` or about the file as a whole."""
        return Diagnostics([d for d in self.found if d.pipeline is None or d.pipeline in pipelines])

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self.sorted())


def _merged(found: Sequence[Diagnostic]) -> Diagnostic:
    first = found[0]
    about = dict.fromkeys(d.pipeline for d in found if d.pipeline is not None)
    if first.pipeline is None or len(about) < 2:  # noqa: PLR2004 - one pipeline is not several
        return first
    return replace(first, also=tuple(name for name in about if name != first.pipeline))


def _place(diagnostic: Diagnostic) -> tuple[object, ...]:
    span = diagnostic.span
    where = (span.file, span.line, span.column) if span else ("", 0, 0)
    return (*where, _RANK[diagnostic.severity], diagnostic.code, diagnostic.message)


class TranslationError(TranslatorError):
    """There is no translation; ``diagnostics`` says why."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(d) for d in diagnostics if d.severity is Severity.ERROR))


def text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, color: bool = False) -> str:
    """Show findings as compilers do: place, message, the line with a caret, and what to do.

    A line that may hold a secret is not shown for any finding.

    Args:
        diagnostics: the findings, in the order in which to show them.
        sources: the source texts by ``Span.file``.
        color: whether to use ANSI escapes.

    Returns:
        Lines that each end with a line feed; nothing for no findings.
    """
    split: dict[str, Sequence[str]] = {name: LINE_BREAK.split(source.text) for name, source in sources.items()}
    found = list(diagnostics)
    secret = {
        (d.span.file, line) for d in found if d.span and not d.quote for line in range(d.span.line, d.span.end_line + 1)
    }
    return "".join(line + "\n" for d in found for line in _lines(d, sources, split, secret, color=color))


def as_json(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText]) -> str:
    """Show findings as a JSON array of objects, places spelled out."""
    import json

    return json.dumps([_object(d, sources) for d in diagnostics], indent=2, ensure_ascii=False) + "\n"


def sarif(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, version: str) -> str:
    """Show findings as a SARIF 2.1.0 log, as code hosts and editors read it.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    import json

    found = list(diagnostics)
    codes = sorted({d.code for d in found})
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pipeline-translator",
                        "semanticVersion": version,
                        "rules": [{"id": code} for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(d, codes.index(d.code), sources) for d in found],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _object(diagnostic: Diagnostic, sources: Mapping[str, SourceText]) -> dict[str, Any]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "pipeline": diagnostic.pipeline,
        "pipelines": [*([diagnostic.pipeline] if diagnostic.pipeline is not None else []), *diagnostic.also],
        "file": _path(span, sources) if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _result(diagnostic: Diagnostic, rule: int, sources: Mapping[str, SourceText]) -> dict[str, Any]:
    message = diagnostic.message if diagnostic.hint is None else f"{diagnostic.message} ({diagnostic.hint})"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": str(diagnostic.severity),
        "message": {"text": message},
    }
    span = diagnostic.span
    if span is not None:
        from urllib.parse import quote

        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(_path(span, sources), errors="surrogateescape")},
                    "region": {
                        "startLine": span.line,
                        "startColumn": span.column,
                        "endLine": span.end_line,
                        "endColumn": span.end_column,
                    },
                }
            }
        ]
    return result


def _path(span: Span, sources: Mapping[str, SourceText]) -> str:
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
        place = f"{printable(_path(span, sources))}:{span.line}:{span.column}:"
        yield f"{paint('place', place)} {severity} {message}"
        lines = split.get(span.file, ())
        if 0 < span.line <= len(lines) and (span.file, span.line) not in secret:
            yield from _excerpt(span, veiled(lines[span.line - 1]), paint)
    if diagnostic.hint is not None:
        yield f"{'':5} = {printable(diagnostic.hint)}"


def _excerpt(span: Span, line: str, paint: _Paint) -> Iterator[str]:
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line.rstrip())
    end = max(end, start)
    first = max(0, start - _WIDEST_LINE // 2)
    last = min(len(line), first + _WIDEST_LINE)
    before, marked, after = (_shown(part) for part in (line[first:start], line[start:end][:last], line[end:last]))
    marked = marked[:_WIDEST_LINE]
    carets = "^" * max(1, _width(marked))
    yield f"{span.line:5} | {'...' if first else ''}{before}{marked}{after}{'...' if last < len(line) else ''}".rstrip()
    yield f"{'':5} | {'   ' if first else ''}{' ' * _width(before)}{paint('caret', carets)}"


def printable(value: str) -> str:
    """``value`` without anything that could steer a terminal or break a line."""
    return "".join(c if c.isprintable() else _escaped(c) for c in value)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shown(line: str) -> str:
    return printable(line.replace("\t", _TAB))


def _width(shown: str) -> int:
    """Columns that ``shown`` takes on a terminal, so that carets stand under what they mean."""
    if shown.isascii():
        return len(shown)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in shown)


class _Paint:
    """Wraps text in ANSI escapes by what it is, or leaves it."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._codes = codes

    def __call__(self, kind: str, shown: str) -> str:
        code = self._codes.get(kind)
        return f"\x1b[{code}m{shown}\x1b[0m" if code else shown


_PLAIN = _Paint({})
_PAINT = _Paint({"error": "1;31", "warning": "1;33", "note": "1;36", "place": "1", "caret": "1;32"})
