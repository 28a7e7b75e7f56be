"""Decide which findings to leave out, because a comment or an option asks to ignore their codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator.diagnostics import Severity
from translator.source.comments import Comments, read_comments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.diagnostics import Diagnostic, Diagnostics, SourceText
    from translator.source.comments import Comment
    from translator.span import Span

UNUSED = "unused-ignore"


def refusal(pattern: str) -> tuple[str, str] | None:
    """Return why a code or a pattern of codes cannot be ignored in a whole file, and a hint; None if it can."""
    from translator.rules import matching, unknown_code_hint

    rules = matching(pattern)
    if not rules:
        return f"there is no code {pattern!r}", unknown_code_hint(pattern)
    if not any(rule.can_be_ignored for rule in rules):
        return f"{pattern!r} is an error, and errors cannot be ignored", "nothing can be translated before it is fixed"
    return None


@dataclass(slots=True)
class Ignores:
    """A choice of findings to ignore: codes everywhere, and comments in the files."""

    everywhere: tuple[str, ...] = ()
    comments: Mapping[str, Comments] = field(default_factory=dict)
    used: set[Span] = field(default_factory=set)
    """The codes of comments that have a finding."""

    def __call__(self, diagnostic: Diagnostic) -> bool:
        """Return whether to leave out a finding; errors never are."""
        ignored_by = list(self._codes_of_comments(diagnostic))
        self.used.update(span for _, span in ignored_by)
        if diagnostic.severity is Severity.ERROR:
            return False
        return bool(ignored_by) or _covered(diagnostic.code, self.everywhere)

    def apply(self, diagnostics: Diagnostics) -> None:
        """Leave out findings that are to be ignored, those still to come as well, and report mistakes in comments."""
        comments = [one for of_file in self.comments.values() for one in of_file.found]
        in_vain = [
            one
            for finding in diagnostics.found
            if finding.severity is Severity.ERROR
            for one in self._codes_of_comments(finding)
        ]
        diagnostics.found[:] = [finding for finding in diagnostics.found if not self(finding)]
        diagnostics.ignored = self
        if not comments:
            return
        for code, span in dict.fromkeys(in_vain):
            message = f"{code!r} is an error on this line, and errors cannot be ignored"
            diagnostics.warning("not-ignorable", message, span, hint="nothing is translated before it is fixed")
        is_whole = diagnostics.ok
        for comment in comments:
            self._check(comment, diagnostics, is_whole=is_whole)

    def _codes_of_comments(self, diagnostic: Diagnostic) -> Iterable[tuple[str, Span]]:
        """Yield the codes of comments that a finding has."""
        span = diagnostic.span
        if span is None or span.file not in self.comments:
            return
        comments = self.comments[span.file]
        lines = {span.line, comments.first_lines.get(span.line, span.line)}
        for comment in comments.found:
            if comment.applies_to in lines and not comment.in_text:
                yield from (
                    code_and_span for code_and_span in comment.codes if _covered(diagnostic.code, [code_and_span[0]])
                )

    def _check(self, comment: Comment, diagnostics: Diagnostics, *, is_whole: bool) -> None:
        """Report what is wrong with a comment; ``is_whole`` if all checks have run, as without errors."""
        from translator.rules import matching, unknown_code_hint

        if comment.in_text:
            hint = "write it behind the key that the text belongs to, or on a line above it"
            diagnostics.warning(
                "bad-ignore", "this is part of a text, not a comment of the file", comment.span, hint=hint
            )
            return
        if not comment.codes:
            hint = "name the codes: # translate: ignore[code]"
            diagnostics.warning("bad-ignore", "this comment names no code", comment.span, hint=hint)
        for code, span in comment.codes:
            if span in self.used:
                continue
            rules = matching(code)
            if not rules:
                diagnostics.warning("unknown-code", f"there is no code {code!r}", span, hint=unknown_code_hint(code))
            elif is_whole and UNUSED not in dict(comment.codes) and not any(rule.target for rule in rules):
                message = f"no finding on line {comment.applies_to} has the code {code!r}"
                diagnostics.warning(UNUSED, message, span, hint="remove it")


def read_ignores(sources: Mapping[str, SourceText], everywhere: Iterable[str]) -> Ignores:
    """Return what to ignore.

    Args:
        sources: the texts by ``Span.file``.
        everywhere: codes and patterns to ignore in all of them.
    """
    comments = {name: read_comments(name, source) for name, source in sources.items()}
    return Ignores(tuple(everywhere), {name: comment for name, comment in comments.items() if comment.found})


def _covered(code: str, patterns: Iterable[str]) -> bool:
    return any(code == pattern or fnmatchcase(code, pattern) for pattern in patterns)
