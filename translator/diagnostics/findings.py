"""Collect findings about a file, with their locations."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.shim.masking.uris import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from translator.span import Span


LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line ends of libyaml, so that line numbers match its marks."""
MAX_ERRORS = 1000
"""The maximum number of errors per file."""


class Severity(StrEnum):
    """The severity of a finding; errors prevent translation."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    ``code`` is kebab-case and stable (``unsupported-...`` if we refuse a valid construct, ``ignored-...`` if it has
    no effect on the result); ``hint`` says what to do. ``pipeline`` names the only pipeline of the file
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
    """The text of a source file, and the path that its user knows (``Span.file`` has no directories)."""

    path: str
    text: str


class TooManyErrors(Exception):  # noqa: N818 - the errors are in the diagnostics
    """A file with too many errors."""


@dataclass(slots=True)
class Diagnostics:
    """A collection of findings; those added through ``about`` concern only that pipeline."""

    found: list[Diagnostic] = field(default_factory=list)
    pipeline: str | None = None
    limit: int | None = None
    """The number of errors after which to give up."""
    ignored: Callable[[Diagnostic], bool] | None = None
    """Whether to leave out a finding."""
    _errors: Counter[Severity] = field(default_factory=Counter)

    def about(self, pipeline: str) -> Diagnostics:
        """Return a collector for findings about ``pipeline``, which all reach this one."""
        return Diagnostics(self.found, pipeline, self.limit, self.ignored, self._errors)

    def copy(self) -> Diagnostics:
        """Return a collector with the same findings; more of them do not reach this one."""
        return Diagnostics(list(self.found), self.pipeline, ignored=self.ignored)

    def add(self, diagnostic: Diagnostic) -> None:
        """Add a finding once, without credentials from URIs, unless it is to be ignored.

        Raises:
            TooManyErrors: there are ``limit`` errors now, and another error that says so.
        """
        if diagnostic.pipeline is None and self.pipeline is not None:
            diagnostic = replace(diagnostic, pipeline=self.pipeline)
        if "://" in diagnostic.message or "://" in (diagnostic.hint or ""):
            hint = redact_text(diagnostic.hint) if diagnostic.hint else None
            diagnostic = replace(diagnostic, message=redact_text(diagnostic.message), hint=hint)
        if self.ignored is not None and self.ignored(diagnostic):
            return
        self.found.append(diagnostic)
        self._errors[diagnostic.severity] += 1
        if self._errors[Severity.ERROR] == self.limit:
            message = f"there are {self.limit:,} errors; the rest of the file is not checked"
            self.found.append(Diagnostic("too-many-errors", Severity.ERROR, message, diagnostic.span))
            raise TooManyErrors

    def error(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add an error, which prevents translation."""
        self.add(Diagnostic(code, Severity.ERROR, message, span, hint))

    def warning(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add a warning about something that is translated, but probably not intended."""
        self.add(Diagnostic(code, Severity.WARNING, message, span, hint))

    def note(self, code: str, message: str, span: Span | None, *, hint: str | None = None) -> None:
        """Add a note."""
        self.add(Diagnostic(code, Severity.NOTE, message, span, hint))

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(diagnostic.severity is Severity.ERROR for diagnostic in self.found)

    def count(self, severity: Severity) -> int:
        """Return the number of findings with that severity."""
        return sum(diagnostic.severity is severity for diagnostic in self.sorted())

    def sorted(self) -> list[Diagnostic]:
        """Return all findings by location, each once; duplicates name further pipelines in ``also``.

        Choose pipelines with ``concerning`` first, because merged findings are about several.
        """
        same: dict[tuple[object, ...], list[Diagnostic]] = {}
        for diagnostic in self.found:
            same.setdefault((diagnostic.code, diagnostic.message, diagnostic.span), []).append(diagnostic)
        return sorted((_merged(equals) for equals in same.values()), key=_place)

    def bad(self) -> set[str | None]:
        """Return the pipelines with errors; None if the file as a whole has some."""
        return {diagnostic.pipeline for diagnostic in self.found if diagnostic.severity is Severity.ERROR}

    def concerning(self, *pipelines: str) -> Diagnostics:
        """Return the findings about ``pipelines`` or about the file as a whole."""
        about = [d for d in self.found if d.pipeline is None or d.pipeline in pipelines]
        return Diagnostics(about, ignored=self.ignored)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self.sorted())


def _merged(diagnostics: Sequence[Diagnostic]) -> Diagnostic:
    first = diagnostics[0]
    about = dict.fromkeys(d.pipeline for d in diagnostics if d.pipeline is not None)
    if first.pipeline is None or len(about) < 2:  # noqa: PLR2004 - one pipeline is not several
        return first
    return replace(first, also=tuple(name for name in about if name != first.pipeline))


def _place(diagnostic: Diagnostic) -> tuple[object, ...]:
    span = diagnostic.span
    where = (span.file, span.line, span.column) if span else ("", 0, 0)
    return (*where, _RANK[diagnostic.severity], diagnostic.code, diagnostic.message)


class TranslationError(TranslatorError):
    """A file or pipeline that cannot be translated; ``diagnostics`` says why."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(d) for d in diagnostics if d.severity is Severity.ERROR))
