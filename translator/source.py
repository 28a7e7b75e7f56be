"""Reads YAML text into plain values that know where they stand in their file.

PyYAML's C parser gives events with marks; values are put together here, not by its composer, because that one
recurses in C (deep nesting ends the process) and its constructor silently keeps the last of two equal keys.

A dialect chooses the scalar rules of its own loader: Valohai and Loom read YAML 1.1 (``yes`` is true, ``012`` is 10),
Magnus and runnable read YAML 1.2. Whatever is wrong with a file becomes a diagnostic; nothing here raises for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from translator.diagnostics import LINE_BREAK
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.diagnostics import Diagnostics

MAX_BYTES = 2 * 1024 * 1024
MAX_VALUES = 200_000
MAX_DEPTH = 100
MAX_ALIASED = 100_000
"""How many values aliases may add to those that are written out."""


class Rules(StrEnum):
    """Which version of YAML decides what a plain scalar is."""

    YAML_1_1 = "1.1"
    YAML_1_2 = "1.2"


@dataclass(slots=True, eq=False)
class Located:
    """A value of a YAML file and where it stands.

    ``value`` is plain Python (dict, list, str, int, float, bool, None, or a date for YAML 1.1). ``entries`` holds a
    mapping's values and ``keys`` its keys, by key; ``items`` a list's items. ``text`` is a scalar as it was written.
    """

    value: Any
    file: str
    start: tuple[int, int]
    end: tuple[int, int]
    entries: Mapping[Any, Located] | None = None
    keys: Mapping[Any, Located] | None = None
    items: Sequence[Located] | None = None
    text: str | None = None
    size: int = 1

    @property
    def span(self) -> Span:
        """Where the value stands."""
        return Span(self.file, *self.start, *self.end)

    def get(self, key: str) -> Located | None:
        """The value of ``key``, if this is a mapping that has it."""
        return self.entries.get(key) if self.entries else None

    def list(self, key: str) -> Sequence[Located]:
        """The items of the list below ``key``, nothing if there is no such list."""
        found = self.get(key)
        return found.items or () if found else ()

    def key_span(self, key: str) -> Span:
        """Where ``key`` itself stands; the mapping if it has no such key."""
        found = self.keys.get(key) if self.keys else None
        return found.span if found else self.span

    def value_span(self, key: str) -> Span:
        """Where the value of ``key`` stands; the mapping if it has no such key."""
        found = self.get(key)
        return found.span if found else self.span

    def at(self, path: Sequence[object]) -> Located:
        """The value below ``path`` (keys and indices), or the deepest one on the way that exists."""
        found = self
        for part in path:
            below: Located | None = None
            if found.entries is not None:
                below = found.entries.get(part)
            elif found.items is not None and isinstance(part, int) and 0 <= part < len(found.items):
                below = found.items[part]
            if below is None:
                return found
            found = below
        return found


def read_text(path: Path, diagnostics: Diagnostics) -> str | None:
    """Read the file at ``path`` as UTF-8 text; None, with an error, where that cannot be done."""
    shown = str(path)
    try:
        if path.is_dir():
            diagnostics.error("not-a-file", f"{shown} is a folder", None, hint="name the pipeline file in it")
            return None
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        diagnostics.error("missing-file", f"there is no file {shown}", None)
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        diagnostics.error("unreadable-file", f"cannot read {shown}: {reason}", None)
        return None
    if len(data) > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        diagnostics.error("huge-file", f"{shown} is larger than {limit} MiB: not a pipeline file", None)
        return None
    return _decode(data, path.name, diagnostics)


def _decode(data: bytes, name: str, diagnostics: Diagnostics) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8-sig", "replace")
        lines = LINE_BREAK.split(good)
        place = Span(name, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)
        hint = "save the file as UTF-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            hint = "the file looks like UTF-16; save it as UTF-8"
        diagnostics.error("not-utf-8", f"byte 0x{data[error.start]:02x} is not UTF-8", place, hint=hint)
        return None


def parse(text: str, name: str, diagnostics: Diagnostics, rules: Rules = Rules.YAML_1_1) -> Located | None:
    """Read YAML text into a located value.

    Args:
        text: the text of one YAML document.
        name: the file's name for spans.
        diagnostics: receives what is wrong: syntax, a second document, duplicate keys, unknown tags, aliases that
            multiply or that contain themselves, nesting deeper than ``MAX_DEPTH``, control characters.
        rules: the scalar rules of the dialect's own loader.

    Returns:
        The value; None where the text has none or cannot be read on.
    """
    if _has_control_characters(text, name, diagnostics):
        return None
    import yaml

    try:
        return _Composer(text, name, diagnostics, rules).document()
    except _GiveUp:
        return None
    except yaml.MarkedYAMLError as error:
        _syntax_error(error, text, name, diagnostics)
    except yaml.YAMLError as error:
        diagnostics.error("not-yaml", f"not valid YAML: {error}", Span(name, 1, 1, 1, 1))
    return None


class _GiveUp(Exception):  # noqa: N818 - it is no error but the way out; the error is in the diagnostics
    """The text cannot be read on; the reason is in the diagnostics."""


_NOT_YAML_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _has_control_characters(text: str, name: str, diagnostics: Diagnostics) -> bool:
    found = _NOT_YAML_TEXT.search(text)
    if found is None:
        return False
    lines = LINE_BREAK.split(text[: found.start()])
    line, column = len(lines), len(lines[-1]) + 1
    place = Span(name, line, column, line, column + 1)
    character = f"U+{ord(found.group()):04X}"
    hint = "YAML text has no control characters; is this a binary file?"
    diagnostics.error("control-character", f"the control character {character} cannot stand in YAML", place, hint=hint)
    return True


_SYNTAX_HINTS = (
    ("cannot start any token", "YAML indents with spaces; a value that starts with this character needs quotes"),
    ("mapping values are not allowed", "check the indentation; text that contains ': ' needs quotes"),
    ("did not find expected key", "check the indentation, and quotes that are opened and closed"),
    ("did not find expected '-' indicator", "check the indentation of the list above"),
    ("could not find expected ':'", "a key needs ': ' and a value; check the indentation"),
    ("undefined alias", "define it before, with '&' and the same name"),
    ("but found another document", "a pipeline file has one document; remove the '---'"),
    ("unexpected end of stream", "a quote or a bracket is not closed"),
    ("did not find expected ',' or", "a bracket is not closed, or text with brackets or commas needs quotes"),
)


def _syntax_error(error: Any, text: str, name: str, diagnostics: Diagnostics) -> None:
    problem = str(error.problem or error.context or "it cannot be read")
    context = f" ({error.context})" if error.context and error.problem else ""
    mark = error.problem_mark or error.context_mark
    place = Span(name, 1, 1, 1, 1)
    if mark is not None:
        # What is missing at the end is marked below the last line; there is nothing to show there.
        last = LINE_BREAK.split(text.rstrip())
        line, column = min((mark.line + 1, mark.column + 1), (len(last), len(last[-1]) + 1))
        place = Span(name, line, column, line, column + 1)
    hint = next((hint for part, hint in _SYNTAX_HINTS if part in problem), None)
    diagnostics.error("not-yaml", f"not valid YAML: {problem}{context}", place, hint=hint)


class _Open:
    """A collection that is being read; ``pending`` is a mapping's key that waits for its value."""

    __slots__ = ("anchor", "is_map", "parts", "start", "tag")

    def __init__(self, *, is_map: bool, anchor: str | None, tag: str | None, start: tuple[int, int]) -> None:
        self.is_map = is_map
        self.anchor = anchor
        self.tag = tag
        self.start = start
        self.parts: list[Located] = []


_TAG = "tag:yaml.org,2002:"
_SCALARS = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")


class _Composer:
    """Turns the events of one document into a located value, without recursion."""

    def __init__(self, text: str, name: str, diagnostics: Diagnostics, rules: Rules) -> None:
        import yaml

        self.events = yaml.events
        self.next: Callable[[], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_event
        self.name = name
        self.diagnostics = diagnostics
        self.scalars = _scalars(rules)
        self.last_counts = rules is Rules.YAML_1_1
        """Whether the last of two equal keys counts, as for PyYAML; for ruamel.yaml they are an error."""
        self.anchors: dict[str, Located | None] = {}
        self.written = 0
        self.aliased = 0

    def document(self) -> Located | None:
        """The value of the only document, None if there is none."""
        events = self.events
        self.next()
        event = self.next()
        if isinstance(event, events.StreamEndEvent):
            return None
        root = self.value()
        self.next()
        event = self.next()
        if not isinstance(event, events.StreamEndEvent):
            place = self.place(event.start_mark, event.end_mark)
            hint = "a pipeline file has one document; remove the '---'"
            self.diagnostics.error("several-documents", "a second YAML document starts here", place, hint=hint)
            raise _GiveUp
        return root

    def value(self) -> Located:
        """Read one value, however deep."""
        events = self.events
        stack: list[_Open] = []
        while True:
            event = self.next()
            if self.written > MAX_VALUES:
                message = f"the file has more than {MAX_VALUES:,} values: not a pipeline file"
                self.diagnostics.error("huge-file", message, self.place(event.start_mark, event.end_mark))
                raise _GiveUp
            if isinstance(event, events.ScalarEvent):
                done = self.scalar(event)
            elif isinstance(event, events.AliasEvent):
                done = self.alias(event)
            elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
                stack.append(self.opened(event, len(stack)))
                continue
            else:
                opened = stack.pop()
                done = self.closed(opened, event)
            if not stack:
                return done
            stack[-1].parts.append(done)

    def opened(self, event: Any, depth: int) -> _Open:
        """Start a collection."""
        if depth >= MAX_DEPTH:
            place = self.place(event.start_mark, event.end_mark)
            self.diagnostics.error("too-deep", f"more than {MAX_DEPTH} levels of nesting", place)
            raise _GiveUp
        if event.anchor:
            self.anchors[event.anchor] = None
        mark = event.start_mark
        is_map = isinstance(event, self.events.MappingStartEvent)
        return _Open(is_map=is_map, anchor=event.anchor, tag=event.tag, start=(mark.line + 1, mark.column + 1))

    def closed(self, opened: _Open, event: Any) -> Located:
        """Put a collection together."""
        end = (event.end_mark.line + 1, event.end_mark.column + 1)
        self.written += 1
        if opened.tag not in (None, "!", f"{_TAG}{'map' if opened.is_map else 'seq'}"):
            self.unknown_tag(str(opened.tag), Span(self.name, *opened.start, *opened.start))
        if opened.is_map:
            done = self.mapping(opened, end)
        else:
            items = opened.parts
            done = Located([item.value for item in items], self.name, opened.start, end, items=items)
        done.size += sum(part.size for part in opened.parts)
        if opened.anchor:
            self.anchors[opened.anchor] = done
        return done

    def mapping(self, opened: _Open, end: tuple[int, int]) -> Located:
        """Put a mapping together: keys once, merged mappings below the keys that are written out."""
        keys: dict[Any, Located] = {}
        entries: dict[Any, Located] = {}
        merged: list[Located] = []
        pairs = iter(opened.parts)
        for key, value in zip(pairs, pairs, strict=True):
            if key.value is _MERGE:
                merged.append(value)
            elif key.items is not None or key.entries is not None:
                self.diagnostics.error("complex-key", "a key must be text, not a list or a mapping", key.span)
            elif key.value in keys and type(key.value) is type(keys[key.value].value) and not self.last_counts:
                hint = f"the first is on line {keys[key.value].start[0]}"
                self.diagnostics.error("duplicate-key", f"the key {key.text!r} is here twice", key.span, hint=hint)
            else:
                if key.value in keys:
                    message = f"the key {key.text!r} is here twice; only this one, the last, counts"
                    hint = f"the first is on line {keys[key.value].start[0]}"
                    self.diagnostics.warning("duplicate-key", message, key.span, hint=hint)
                keys[key.value] = key
                entries[key.value] = value
        for value in merged:
            for other in self.mergeable(value):
                for name, entry in (other.entries or {}).items():
                    if name not in entries:
                        entries[name] = entry
                        keys[name] = (other.keys or {})[name]
        plain = {name: entry.value for name, entry in entries.items()}
        return Located(plain, self.name, opened.start, end, entries=entries, keys=keys)

    def mergeable(self, value: Located) -> Iterator[Located]:
        """The mappings that a merge key (``<<``) brings, first one strongest."""
        for other in [value] if value.items is None else value.items:
            if other.entries is None:
                self.diagnostics.error("bad-merge", "'<<' merges a mapping or a list of mappings", other.span)
            else:
                yield other

    def alias(self, event: Any) -> Located:
        """The value that an alias stands for."""
        place = self.place(event.start_mark, event.end_mark)
        if event.anchor not in self.anchors:
            hint = f"define it before, with '&{event.anchor}'"
            self.diagnostics.error(
                "unknown-alias", f"there is no anchor {event.anchor!r} before this", place, hint=hint
            )
            raise _GiveUp
        found = self.anchors[event.anchor]
        if found is None:
            self.diagnostics.error("recursive-alias", f"{event.anchor!r} contains itself", place)
            raise _GiveUp
        self.aliased += found.size
        if self.aliased > MAX_ALIASED:
            message = f"aliases multiply to more than {MAX_ALIASED:,} values"
            self.diagnostics.error("alias-bomb", message, place, hint="write out what is needed")
            raise _GiveUp
        return found

    def scalar(self, event: Any) -> Located:
        """Read one scalar by the dialect's rules."""
        self.written += 1
        text, start, end = event.value, event.start_mark, event.end_mark
        value: Any = text
        tag = event.tag
        if tag is None or tag == "!":
            if event.implicit[0] or tag == "!":  # '!' makes no text of it for PyYAML
                value = self.plain(self.scalars.resolve(text), text, event)
        elif tag.removeprefix(_TAG) in _SCALARS and tag.startswith(_TAG):
            value = self.plain(tag.removeprefix(_TAG), text, event)
        else:
            self.unknown_tag(tag, self.place(start, end))
        done = Located(value, self.name, (start.line + 1, start.column + 1), (end.line + 1, end.column + 1), text=text)
        if event.anchor:
            self.anchors[event.anchor] = done
        return done

    def plain(self, kind: str, text: str, event: Any) -> Any:
        """The Python value of a scalar of a known kind."""
        if kind == "str":
            return text
        try:
            return self.scalars.construct(kind, text)
        except (ValueError, KeyError, IndexError, OverflowError, AttributeError, TypeError):
            place = self.place(event.start_mark, event.end_mark)
            hint = "put it into quotes if it is text"
            self.diagnostics.error("bad-scalar", f"{text[:40]!r} is not a valid {_KINDS[kind]}", place, hint=hint)
            return text

    def unknown_tag(self, tag: str, place: Span) -> None:
        """Refuse a tag: it asks the loader to run or make something that it does not know."""
        shown = tag.replace(_TAG, "!!")
        self.diagnostics.error("unknown-tag", f"the tag {shown!r} means nothing here", place, hint="remove it")

    def place(self, start: Any, end: Any) -> Span:
        """The span between two marks."""
        return Span(self.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


_MERGE = object()
_KINDS = {"int": "integer", "float": "number", "bool": "boolean", "null": "null", "timestamp": "date", "merge": "merge"}


class _Scalars:
    """What plain scalars are: the tag by first character and pattern, the value by tag."""

    def __init__(self, resolvers: Mapping[str, Sequence[tuple[str, re.Pattern[str]]]], *, octal_by_zero: bool) -> None:
        from yaml.constructor import SafeConstructor
        from yaml.nodes import ScalarNode

        self._resolvers = resolvers
        self._octal_by_zero = octal_by_zero
        self._constructor = SafeConstructor()
        self._node = ScalarNode
        self._anywhere = resolvers.get("*", ())

    def resolve(self, text: str) -> str:
        """The kind of a plain scalar, without its prefix."""
        for tag, pattern in self._resolvers.get(text[:1], ()):
            if pattern.match(text):
                return tag.removeprefix(_TAG)
        return "str"

    def construct(self, kind: str, text: str) -> Any:
        """The value of a scalar of that kind; raises ValueError for one that only looks like it."""
        if kind in ("merge", "value"):
            return _MERGE if kind == "merge" else text
        if kind == "null":
            return None
        node = self._node(f"{_TAG}{kind}", text)
        if kind == "int" and not self._octal_by_zero:
            digits = text.replace("_", "")
            return int(digits, 0) if digits.lstrip("+-")[:2] in ("0o", "0x", "0b") else int(digits)
        constructed: Any = getattr(self._constructor, f"construct_yaml_{kind}")(node)
        return constructed


def _scalars(rules: Rules) -> _Scalars:
    if rules is Rules.YAML_1_1:
        from yaml.resolver import Resolver

        return _Scalars(Resolver.yaml_implicit_resolvers, octal_by_zero=True)
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for kind, first, pattern in _YAML_1_2:
        for character in first or [""]:
            resolvers.setdefault(character, []).append((_TAG + kind, re.compile(rf"(?:{pattern})\Z")))
    return _Scalars(resolvers, octal_by_zero=False)


_DIGITS = list("-+0123456789")
_YAML_1_2: tuple[tuple[str, Sequence[str], str], ...] = (
    ("bool", list("tTfF"), "true|True|TRUE|false|False|FALSE"),
    ("null", list("~nN"), "~|null|Null|NULL"),
    ("null", (), ""),
    ("int", _DIGITS, "[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)"),
    ("float", [*_DIGITS, "."], r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
    ("float", list("-+."), r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ("merge", ["<"], "<<"),
)
