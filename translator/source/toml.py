"""Read TOML text into plain values that know their location in the file.

``tomllib`` gives the values and says what is wrong with a text, but not where a key stands. So a text that it accepts
is scanned once more, for positions only: the scan needs no rule that tells valid from invalid.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.diagnostics import LINE_BREAK
from translator.source.located import Located
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator.diagnostics import Diagnostics

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


def parse_toml(text: str, name: str, diagnostics: Diagnostics) -> Located | None:
    """Read TOML text into a located value.

    Args:
        text: the text of the file.
        name: the file's name for spans.
        diagnostics: receives what is wrong with the syntax.

    Returns:
        The outermost table; None if the text cannot be read.
    """
    import tomllib  # most pipelines have no translator.toml

    try:
        value = tomllib.loads(text)
        return _Scan(text, name).document(value)
    except tomllib.TOMLDecodeError as error:
        _syntax_error(str(error), text, name, diagnostics)
    except RecursionError:
        diagnostics.error("too-deep", "the values are nested too deeply", Span(name, 1, 1, 1, 1))
    except ValueError as error:  # a date that no calendar has, a number with too many digits
        diagnostics.error("not-toml", f"not valid TOML: {error}", Span(name, 1, 1, 1, 1))
    return None


def _syntax_error(message: str, text: str, name: str, diagnostics: Diagnostics) -> None:
    place = _PLACE.search(message)
    lines = LINE_BREAK.split(text.rstrip())
    line, column = len(lines), len(lines[-1]) + 1
    if place is not None and place.group(1):
        line, column = int(place.group(1)), int(place.group(2))
    problem = message[: place.start()] if place else message
    diagnostics.error("not-toml", f"not valid TOML: {problem}", Span(name, line, column, line, column + 1))


@dataclass(slots=True)
class _Table:
    """A table, or an array of tables, while the text is scanned; ``span`` is that of its first header or brace."""

    value: Any
    start: int
    end: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: dict[str | int, _Table] = field(default_factory=dict)


class _Scan:
    """A scan of a valid text for the positions of its keys and values."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.starts = [0, *(line_break.end() for line_break in LINE_BREAK.finditer(text))]

    def document(self, value: dict[str, Any]) -> Located:
        """Return the outermost table."""
        root = _Table(value, 0, len(self.text))
        table, position = root, self.blank(0)
        while position < len(self.text):
            if self.text[position] == "[":
                table, position = self.header(root, position)
            else:
                position = self.pair(table, position)
            position = self.blank(position)
        return self.located(root)

    def header(self, root: _Table, position: int) -> tuple[_Table, int]:
        """Read ``[a.b]`` or ``[[a.b]]``; returns the table that it opens."""
        start, several = position, self.text.startswith("[[", position)
        keys, position = self.key(self.space(position + 1 + several))
        end = self.space(position) + 1 + several
        table = root
        for place, (key, *where) in enumerate(keys):
            table = self.below(table, key, (where[0], where[1]), start, end)
            if not isinstance(table.value, list):
                continue
            if place == len(keys) - 1 and several:
                index = len(table.parts)
                table.parts[index] = _Table(table.value[index], start, end)
            table = table.parts[len(table.parts) - 1]
        return table, end

    def pair(self, table: _Table, position: int) -> int:
        """Read ``a.b = value``; returns where it ends."""
        keys, position = self.key(position)
        position = self.space(self.space(position) + 1)
        for key, *where in keys[:-1]:
            table = self.below(table, key, (where[0], where[1]), where[0], where[1])
        key, *where = keys[-1]
        table.keys[key] = (where[0], where[1])
        table.parts[key] = part = self.value(table.value[key], position)
        return part.end

    @staticmethod
    def below(table: _Table, key: str, where: tuple[int, int], start: int, end: int) -> _Table:
        """Return the table of a key, which may have been opened before."""
        table.keys.setdefault(key, where)
        return table.parts.setdefault(key, _Table(table.value[key], start, end))

    def value(self, value: Any, start: int) -> _Table:
        """Read one value that begins at a position."""
        if match := _STRING.match(self.text, start):
            return _Table(value, start, match.end())
        if self.text[start] == "[":
            return self.array(value, start)
        if self.text[start] == "{":
            return self.inline(value, start)
        match = _SCALAR.match(self.text, start)
        shown = match.group().rstrip() if match else ""
        return _Table(value, start, start + len(shown))

    def array(self, value: list[Any], start: int) -> _Table:
        """Read an array in brackets."""
        table = _Table(value, start, start)
        position = self.blank(start + 1)
        for index, item in enumerate(value):
            table.parts[index] = part = self.value(item, position)
            position = self.blank(part.end)
            if self.text[position] == ",":
                position = self.blank(position + 1)
        table.end = position + 1
        return table

    def inline(self, value: dict[str, Any], start: int) -> _Table:
        """Read an inline table."""
        table = _Table(value, start, start)
        position = self.blank(start + 1)
        while self.text[position] != "}":
            position = self.blank(self.pair(table, position))
            if self.text[position] == ",":
                position = self.blank(position + 1)
        table.end = position + 1
        return table

    def key(self, position: int) -> tuple[list[tuple[str, int, int]], int]:
        """Read a dotted key; returns its parts with their positions, and where it ends."""
        import tomllib

        keys: list[tuple[str, int, int]] = []
        while True:
            position = self.space(position)
            if match := _STRING.match(self.text, position):
                keys.append((tomllib.loads(f"x = {match.group()}")["x"], position, match.end()))
                position = match.end()
            elif match := _BARE.match(self.text, position):
                keys.append((match.group(), position, match.end()))
                position = match.end()
            after = self.space(position)
            if self.text[after] != ".":
                return keys, position
            position = after + 1

    def blank(self, position: int) -> int:
        """Return the position after blanks, line ends and comments."""
        return self.after(_BLANK, position)

    def space(self, position: int) -> int:
        """Return the position after blanks of the same line."""
        return self.after(_SPACE, position)

    def after(self, pattern: re.Pattern[str], position: int) -> int:
        """Return the position after what a pattern matches."""
        match = pattern.match(self.text, position)
        return match.end() if match else position

    def located(self, table: _Table) -> Located:
        """Return a table or a value as a located value."""
        start, end = self.place(table.start), self.place(table.end)
        if isinstance(table.value, dict):
            keys = {
                key: Located(key, self.name, self.place(where[0]), self.place(where[1]), text=key)
                for key, where in table.keys.items()
            }
            entries = {key: self.located(table.parts[key]) for key in table.keys}
            located_value = Located(table.value, self.name, start, end, entries=entries, keys=keys)
            located_value.size += sum(part.size for part in entries.values())
            return located_value
        if isinstance(table.value, list):
            items = [self.located(table.parts[index]) for index in range(len(table.value))]
            located_value = Located(table.value, self.name, start, end, items=items)
            located_value.size += sum(item.size for item in items)
            return located_value
        return Located(table.value, self.name, start, end, text=self.text[table.start : table.end])

    def place(self, position: int) -> tuple[int, int]:
        """Return the line and the column of a position."""
        line = bisect.bisect_right(self.starts, position)
        return line, position - self.starts[line - 1] + 1


def dotted(path: Iterable[object]) -> str:
    """Return keys as TOML writes them: ``pipelines."Training Pipeline".airflow``."""
    return ".".join(key if _BARE.fullmatch(key) else _quoted(key) for key in map(str, path))


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
