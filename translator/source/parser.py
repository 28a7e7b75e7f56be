"""Read YAML text into plain values that know their location in the file.

PyYAML's C parser gives events with marks; values are put together here, not by its composer, because that one
recurses in C (deep nesting ends the process) and its constructor silently keeps the last of two equal keys.
Whatever is wrong with a file becomes a diagnostic; nothing here raises for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from translator.diagnostics import LINE_BREAK
from translator.source.located import Located
from translator.source.scalars import MERGE, TAG, Rules, scalars_of
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from translator.diagnostics import Diagnostics


MAX_VALUES = 200_000
MAX_DEPTH = 100
MAX_ALIASED = 100_000
"""The maximum number of values that aliases may add."""


def parse(text: str, name: str, diagnostics: Diagnostics, rules: Rules = Rules.YAML_1_1) -> Located | None:
    """Read YAML text into a located value.

    Args:
        text: the text of one YAML document.
        name: the file's name for spans.
        diagnostics: receives what is wrong: syntax, a second document, duplicate keys, unknown tags, aliases that
            multiply or that contain themselves, nesting deeper than ``MAX_DEPTH``, control characters.
        rules: the scalar rules of the dialect's own loader.

    Returns:
        The value; None if the text has none or cannot be read further.
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


class _GiveUp(Exception):  # noqa: N818 - it only leaves the parser; the error is in the diagnostics
    """A text that cannot be read further; the reason is in the diagnostics."""


_NOT_YAML_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _has_control_characters(text: str, name: str, diagnostics: Diagnostics) -> bool:
    match = _NOT_YAML_TEXT.search(text)
    if match is None:
        return False
    lines = LINE_BREAK.split(text[: match.start()])
    line, column = len(lines), len(lines[-1]) + 1
    place = Span(name, line, column, line, column + 1)
    character = f"U+{ord(match.group()):04X}"
    hint = "remove it; YAML does not allow control characters"
    diagnostics.error("control-character", f"control character {character} in YAML", place, hint=hint)
    return True


_SYNTAX_HINTS = (
    ("cannot start any token", "YAML indents with spaces; a value that starts with this character needs quotes"),
    ("mapping values are not allowed", "check the indentation; text that contains ': ' needs quotes"),
    ("did not find expected key", "check the indentation, and quotes that are opened and closed"),
    ("did not find expected '-' indicator", "check the indentation of the list above"),
    ("could not find expected ':'", "a key needs ': ' and a value; check the indentation"),
    ("undefined alias", "define it before, with '&' and the same name"),
    ("but found another document", "remove the '---': a pipeline file has one document"),
    ("unexpected end of stream", "a quote or a bracket is not closed"),
    ("did not find expected ',' or", "a bracket is not closed, or text with brackets or commas needs quotes"),
)


def _syntax_error(error: Any, text: str, name: str, diagnostics: Diagnostics) -> None:
    problem = str(error.problem or error.context or "it cannot be read")
    context = f" ({error.context})" if error.context and error.problem else ""
    mark = error.problem_mark or error.context_mark
    place = Span(name, 1, 1, 1, 1)
    if mark is not None:
        # An incomplete end is reported below the last line, where there is nothing to show.
        last = LINE_BREAK.split(text.rstrip())
        line, column = min((mark.line + 1, mark.column + 1), (len(last), len(last[-1]) + 1))
        place = Span(name, line, column, line, column + 1)
    hint = next((hint for part, hint in _SYNTAX_HINTS if part in problem), None)
    diagnostics.error("not-yaml", f"not valid YAML: {problem}{context}", place, hint=hint)


class _Open:
    """A collection that is being read; ``pending`` is a key without its value yet."""

    __slots__ = ("anchor", "is_map", "parts", "start", "tag")

    def __init__(self, *, is_map: bool, anchor: str | None, tag: str | None, start: tuple[int, int]) -> None:
        self.is_map = is_map
        self.anchor = anchor
        self.tag = tag
        self.start = start
        self.parts: list[Located] = []


_SCALARS = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
_KINDS = {"int": "integer", "float": "number", "bool": "boolean", "null": "null", "timestamp": "date", "merge": "merge"}


class _Composer:
    """A composer of one document's events into a located value, without recursion."""

    def __init__(self, text: str, name: str, diagnostics: Diagnostics, rules: Rules) -> None:
        import yaml

        self.events = yaml.events
        self.next: Callable[[], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_event
        self.name = name
        self.diagnostics = diagnostics
        self.scalars = scalars_of(rules)
        self.last_counts = rules is Rules.YAML_1_1
        """Whether the last of two equal keys counts, as in PyYAML; in ruamel.yaml they are an error."""
        self.anchors: dict[str, Located | None] = {}
        self.written = 0
        self.aliased = 0

    def document(self) -> Located | None:
        """Return the value of the only document, None if there is none."""
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
            hint = "remove the '---': a pipeline file has one document"
            self.diagnostics.error("several-documents", "a second YAML document starts here", place, hint=hint)
            raise _GiveUp
        return root

    def value(self) -> Located:
        """Read one value, at any depth."""
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
        """Complete a collection."""
        end = (event.end_mark.line + 1, event.end_mark.column + 1)
        self.written += 1
        if opened.tag not in (None, "!", f"{TAG}{'map' if opened.is_map else 'seq'}"):
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
        """Complete a mapping: each key once; explicit keys win over merged mappings."""
        keys: dict[Any, Located] = {}
        entries: dict[Any, Located] = {}
        merged: list[Located] = []
        pairs = iter(opened.parts)
        for key, value in zip(pairs, pairs, strict=True):
            if key.value is MERGE:
                merged.append(value)
            elif key.items is not None or key.entries is not None:
                self.diagnostics.error("complex-key", "a key must be a string, not a list or a mapping", key.span)
            elif key.value in keys and type(key.value) is type(keys[key.value].value) and not self.last_counts:
                hint = f"the first is on line {keys[key.value].start[0]}"
                self.diagnostics.error("duplicate-key", f"duplicate key {key.text!r}", key.span, hint=hint)
            else:
                if key.value in keys:
                    message = f"duplicate key {key.text!r}; the last one counts"
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
        """Yield the mappings that a merge key (``<<``) adds, strongest first."""
        for other in [value] if value.items is None else value.items:
            if other.entries is None:
                self.diagnostics.error("bad-merge", "'<<' merges a mapping or a list of mappings", other.span)
            else:
                yield other

    def alias(self, event: Any) -> Located:
        """Return the value of an alias."""
        place = self.place(event.start_mark, event.end_mark)
        if event.anchor not in self.anchors:
            hint = f"define it earlier with '&{event.anchor}'"
            self.diagnostics.error(
                "unknown-alias", f"there is no anchor {event.anchor!r} before this", place, hint=hint
            )
            raise _GiveUp
        anchored = self.anchors[event.anchor]
        if anchored is None:
            self.diagnostics.error("recursive-alias", f"{event.anchor!r} contains itself", place)
            raise _GiveUp
        self.aliased += anchored.size
        if self.aliased > MAX_ALIASED:
            message = f"aliases expand to more than {MAX_ALIASED:,} values"
            self.diagnostics.error("alias-bomb", message, place, hint="write the values without aliases")
            raise _GiveUp
        return anchored

    def scalar(self, event: Any) -> Located:
        """Read one scalar by the dialect's rules."""
        self.written += 1
        text, start, end = event.value, event.start_mark, event.end_mark
        value: Any = text
        tag = event.tag
        if tag is None or tag == "!":
            if event.implicit[0] or tag == "!":  # PyYAML does not read '!' as a string tag here
                value = self.plain(self.scalars.resolve(text), text, event)
        elif tag.removeprefix(TAG) in _SCALARS and tag.startswith(TAG):
            value = self.plain(tag.removeprefix(TAG), text, event)
        else:
            self.unknown_tag(tag, self.place(start, end))
        done = Located(value, self.name, (start.line + 1, start.column + 1), (end.line + 1, end.column + 1), text=text)
        if event.anchor:
            self.anchors[event.anchor] = done
        return done

    def plain(self, kind: str, text: str, event: Any) -> Any:
        """Return the Python value of a scalar of a known kind."""
        if kind == "str":
            return text
        try:
            return self.scalars.construct(kind, text)
        except (ValueError, KeyError, IndexError, OverflowError, AttributeError, TypeError):
            place = self.place(event.start_mark, event.end_mark)
            hint = "quote it if it is a string"
            self.diagnostics.error("bad-scalar", f"{text[:40]!r} is not a valid {_KINDS[kind]}", place, hint=hint)
            return text

    def unknown_tag(self, tag: str, place: Span) -> None:
        """Refuse a tag, which asks the loader to create something unknown."""
        shown = tag.replace(TAG, "!!")
        self.diagnostics.error("unknown-tag", f"unknown tag {shown!r}", place, hint="remove it")

    def place(self, start: Any, end: Any) -> Span:
        """Return the span between two marks."""
        return Span(self.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
