"""Find the comments of YAML and TOML files that ask to ignore findings: ``# translate: ignore[code]``."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.diagnostics import LINE_BREAK
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.diagnostics import SourceText

_COMMENT = re.compile(r"(?:(?<=\s)|^)#\s*translate:\s*ignore\b[ \t]*(?P<codes>\[[^\]\n]*\])?", re.MULTILINE)
_TOML_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL)
_CODE = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that asks to ignore findings of some codes on the line ``applies_to``, each code with its place.

    ``in_text``: it is not a comment, but part of a text, where it has no effect.
    """

    span: Span
    codes: Sequence[tuple[str, Span]]
    applies_to: int
    in_text: bool = False


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of a file; ``first_lines`` gives, for lines of a text of several lines, the line it starts on."""

    found: Sequence[Comment] = ()
    first_lines: Mapping[int, int] = field(default_factory=dict)


def read_comments(name: str, source: SourceText) -> Comments:
    """Return the comments of a file that ask to ignore findings.

    Args:
        name: the file's name for spans.
        source: its text.
    """
    text = source.text
    if _COMMENT.search(text) is None:
        return Comments()
    starts = [0, *(line_break.end() for line_break in LINE_BREAK.finditer(text))]
    lines = LINE_BREAK.split(text)
    texts = list(_toml_strings(text) if name.endswith(".toml") else _yaml_scalars(text, starts))
    first_lines = {
        line: bisect_right(starts, header)
        for header, start, end in texts
        for line in range(bisect_right(starts, start), bisect_right(starts, max(start, end - 1)) + 1)
    }
    return Comments(tuple(_comments(name, text, starts, lines, texts)), first_lines)


def _comments(
    name: str, text: str, starts: Sequence[int], lines: Sequence[str], texts: Sequence[tuple[int, int, int]]
) -> Iterator[Comment]:
    for match in _COMMENT.finditer(text):
        line = bisect_right(starts, match.start())
        column = match.start() - starts[line - 1] + 1

        def span(start: int, end: int, line: int = line) -> Span:
            return Span(name, line, start - starts[line - 1] + 1, line, end - starts[line - 1] + 1)

        codes = [
            (code.group(), span(code.start(), code.end()))
            for code in (
                _CODE.finditer(text, match.start("codes") + 1, match.end("codes") - 1) if match["codes"] else ()
            )
        ]
        is_alone = not lines[line - 1][: column - 1].strip()
        yield Comment(
            span(match.start(), match.end()),
            codes,
            _next_content(lines, line) if is_alone else line,
            in_text=any(start <= match.start() < end for _, start, end in texts),
        )


def _next_content(lines: Sequence[str], line: int) -> int:
    """Return the number of the next line that has more than a comment."""
    for number, content in enumerate(lines[line:], start=line + 1):
        if content.strip() and not content.lstrip().startswith("#"):
            return number
    return line


def _toml_strings(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the position of each string: of its start, of the start of its content, and of its end."""
    for match in _TOML_STRING.finditer(text):
        if not match.group().startswith("#"):
            yield match.start(), match.start(), match.end()


def _yaml_scalars(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield the position of each scalar that spans lines or contains a ``#``, as ``_toml_strings`` does."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for token in yaml.scan(text, loader):
            if not isinstance(token, yaml.ScalarToken):
                continue
            start, end = token.start_mark, token.end_mark
            if start.line == end.line and "#" not in token.value:
                continue
            first = starts[start.line] + start.column
            last = starts[end.line] + end.column if end.line < len(starts) else len(text)
            # The line of '|' or '>' itself may end with a comment.
            content = starts[min(start.line + 1, len(starts) - 1)] if token.style in {"|", ">"} else first
            yield first, content, last
    except yaml.YAMLError:
        return  # the parser reports it
