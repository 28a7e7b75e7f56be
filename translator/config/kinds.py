"""Define the kinds of values that ``translator.toml`` holds: each reads a value and has a JSON Schema.

A kind reports all that is wrong with a value and where. Its schema accepts the same values, for editors; a test holds
the two together.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from translator.names import did_you_mean
from translator.shim.masking import is_sensitive
from translator.source.ignores import refusal

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Json
    from translator.source import Located

CODE = "bad-setting"
"""The code of findings about values."""
_DURATION = r"(\d+(\.\d+)? ?[dhms] ?)*\d+(\.\d+)? ?[dhms]"
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_WORD}(\.{_WORD})+"
_RESERVED = frozenset({*keyword.kwlist, "__debug__"})
"""The names that cannot be assigned, imported or passed."""
_FUTURE = "__future__"
"""The module whose names turn features of Python on, and cannot be imported under another name or called."""
_NOT_RESERVED = rf"(?!({'|'.join(sorted(_RESERVED))})(\.|$))"
_NAME: Mapping[str, Any] = {
    "type": "string",
    "pattern": rf"^(?!{_FUTURE}\.){_NOT_RESERVED}{_WORD}(\.{_NOT_RESERVED}{_WORD})+$",
}
_CALL: Mapping[str, Any] = {
    "type": "object",
    "required": ["call"],
    "properties": {"call": _NAME},
    "additionalProperties": True,
    "propertyNames": {"pattern": f"^{_NOT_RESERVED}{_WORD}$"},
}
_IMPORTED: Sequence[Mapping[str, Any]] = (_NAME, _CALL)
"""JSON Schemas of what a generated file imports: a dotted name, or a call of one."""
_SEVERAL_IMPORTED: dict[str, Any] = {
    "anyOf": [*_IMPORTED, {"type": "array", "minItems": 1, "items": {"anyOf": list(_IMPORTED)}}]
}
"""The JSON Schema of one or a list of these."""


class Kind(Protocol):
    """A kind of values."""

    @property
    def description(self) -> str:
        """The kind in the documentation's words: "a string"."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the value as the IR holds it.

        Args:
            value: the value.
            name: how messages call it.
            diagnostics: receives what is wrong with it.
        """


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    choices: tuple[str, ...] = ()
    pattern: str | None = None
    words: str = "a string"
    """What a string of the pattern is."""
    blank: bool = False
    """Whether it may be empty."""

    @property
    def description(self) -> str:
        """The kind in words."""
        return " or ".join(f'"{choice}"' for choice in self.choices) or self.words

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string"} if self.blank else {"type": "string", "pattern": self.pattern or r"\S"}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the string."""
        text = value.value
        if not isinstance(text, str):
            _wrong(value, name, self.description, diagnostics)
        elif self.choices and text not in self.choices:
            hint = did_you_mean(text, self.choices, "it is one of")
            diagnostics.error(CODE, f"{name!r} cannot be {text!r}", value.span, hint=hint)
        elif not self.blank and not re.search(self.pattern or r"\S", text):
            _wrong(value, name, self.description, diagnostics)
        elif not text.isprintable():
            diagnostics.error(CODE, f"{name!r} contains a line break or a control character", value.span)
        else:
            return text
        return ""


class Prose:
    """A text of one or several lines."""

    description = "a text"
    schema = {"type": "string", "pattern": r"\S"}  # noqa: RUF012 - nobody changes it

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the text without blank lines around it."""
        if not isinstance(value.value, str) or not value.value.strip():
            _wrong(value, name, self.description, diagnostics)
        elif not re.sub(r"[\n\t]", "", value.value).isprintable():
            diagnostics.error(CODE, f"{name!r} contains a control character", value.span)
        else:
            return value.value.strip("\n")
        return ""


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer."""

    minimum: int = 0
    maximum: int = 2**31 - 1

    @property
    def description(self) -> str:
        """The kind in words."""
        return f"an integer from {self.minimum}" if self.maximum == 2**31 - 1 else self._range

    @property
    def _range(self) -> str:
        return f"an integer from {self.minimum} to {self.maximum}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the integer."""
        number = value.value
        if isinstance(number, float) and number.is_integer():  # an integer for JSON Schema, too
            number = int(number)
        if isinstance(number, int) and not isinstance(number, bool) and self.minimum <= number <= self.maximum:
            return number
        _wrong(value, name, self.description, diagnostics)
        return self.minimum


class Number:
    """A number that is greater than 0."""

    description = "a number greater than 0"
    schema = {"type": "number", "exclusiveMinimum": 0}  # noqa: RUF012 - nobody changes it

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the number."""
        number = value.value
        if isinstance(number, (int, float)) and not isinstance(number, bool) and isfinite(number) and number > 0:
            return number
        _wrong(value, name, self.description, diagnostics)
        return 1


class Flag:
    """True or false."""

    description = "true or false"
    schema = {"type": "boolean"}  # noqa: RUF012 - nobody changes it

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the boolean."""
        if isinstance(value.value, bool):
            return value.value
        _wrong(value, name, self.description, diagnostics)
        return False


class Duration:
    """A duration: a number of seconds, or a string such as ``1h 30m``. It is read as seconds."""

    description = 'a number of seconds, or a string such as "1h 30m"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""
        return {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": _LONGEST},
                {"type": "string", "pattern": f"^{_DURATION}$"},
            ]
        }

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the seconds."""
        text = value.value
        seconds: float = 0
        if isinstance(text, str) and re.fullmatch(_DURATION, text):
            seconds = sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?) ?([dhms])", text))
        elif isinstance(text, (int, float)) and not isinstance(text, bool):
            seconds = text
        if not 0 < seconds <= _LONGEST:
            _wrong(value, name, self.description, diagnostics)
            return 1
        return int(seconds) if float(seconds).is_integer() else seconds


_LONGEST = 10 * 365 * 86_400
"""Seconds of the longest duration: what is longer is a mistake."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of strings."""

    pattern: str = r"\S"
    words: str = "a string"
    """What a string of the pattern is."""

    @property
    def description(self) -> str:
        """The kind in words."""
        return "a list of strings" if self.words == "a string" else f"a list, each {self.words}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""
        return {"type": "array", "items": {"type": "string", "pattern": self.pattern}}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> tuple[str, ...]:
        """Return the strings."""
        if value.items is None:
            _wrong(value, name, self.description, diagnostics)
            return ()
        kind = Text(pattern=self.pattern, words=self.words)
        return tuple(str(kind.read(item, f"{name}[{index}]", diagnostics)) for index, item in enumerate(value.items))


class Codes:
    """A list of codes of findings to ignore."""

    description = "a list of codes, or of patterns such as `ignored-*`"
    schema = {"type": "array", "items": {"type": "string", "pattern": r"^[a-z0-9*?-]+$"}}  # noqa: RUF012 - nobody changes it

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the codes that exist and can be ignored."""
        codes: list[str] = []
        for code, item in zip(Texts().read(value, name, diagnostics), value.items or (), strict=True):
            reason = refusal(code) if code else None
            if reason is not None:
                diagnostics.error(CODE, reason[0], item.span, hint=reason[1])
            elif code:
                codes.append(code)
        return tuple(codes)


class Data:
    """Values as they are: a table of JSON values."""

    description = "a table"
    schema = {"type": "object"}  # noqa: RUF012 - nobody changes it

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the values."""
        if value.entries is None:
            _wrong(value, name, self.description, diagnostics)
            return {}
        return _plain(value, name, diagnostics)


class Hook:
    """Python callables that the generated file imports.

    One of them is a dotted name, ``company.alerts.page``; or a table with the dotted name as ``call`` and its keyword
    arguments, which stands for what the call returns (a notifier of Airflow). Several are a list.
    """

    description = (
        'a dotted name such as "company.alerts.page", a table with "call" and its arguments, or a list of these'
    )

    schema = _SEVERAL_IMPORTED

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the callables, always as several."""
        return _several(value, name, self.description, diagnostics)


class PythonObject:
    """A Python object that the generated file imports, or that a call in it returns; written as a callable is."""

    description = 'a dotted name such as "company.runners.gpu", or a table with "call" and its arguments'
    schema: ClassVar[dict[str, Any]] = {"anyOf": list(_IMPORTED)}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the dotted name, or the call."""
        return _imported(value, name, self.description, diagnostics)


class PythonObjects(PythonObject):
    """One Python object, or a list of them."""

    description = f"{PythonObject.description}, or a list of these"
    schema = _SEVERAL_IMPORTED

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the objects, always as several."""
        return _several(value, name, self.description, diagnostics)


def _several(value: Located, name: str, description: str, diagnostics: Diagnostics) -> Json:
    """Return the dotted names or calls of one value or of a list."""
    if value.items is None:
        return (_imported(value, name, description, diagnostics),)
    if not value.items:
        _wrong(value, name, description, diagnostics)
    return tuple(
        _imported(item, f"{name}[{index}]", description, diagnostics) for index, item in enumerate(value.items)
    )


DEFINITIONS: Mapping[str, Mapping[str, Any]] = {
    "dotted-name": _NAME,
    "python-call": _CALL,
    "python-object": PythonObject.schema,
    "python-callables": _SEVERAL_IMPORTED,
}
"""JSON Schemas of values that many keys have, by the name under which the schema of a file defines them once."""


def _imported(value: Located, name: str, description: str, diagnostics: Diagnostics) -> Json:
    """Return a dotted name, or a table that calls one."""
    if isinstance(value.value, str):
        _check_dotted(value, name, diagnostics)
        return value.value
    call = value.get("call")
    if call is None or not isinstance(call.value, str):
        _wrong(value, name, description, diagnostics)
        return ""
    _check_dotted(call, f"{name}.call", diagnostics)
    for key in value.entries or {}:
        if not re.fullmatch(_WORD, key) or key in _RESERVED:
            diagnostics.error(CODE, f"{key!r} is not a valid argument name", value.key_span(key))
    _check_no_secrets(value, diagnostics)
    return _plain(value, name, diagnostics)


def _check_dotted(value: Located, name: str, diagnostics: Diagnostics) -> None:
    if not re.fullmatch(_DOTTED, value.value):
        hint = "write the module and the name in it, such as company.alerts.page"
        diagnostics.error(
            CODE, f"{name!r} is {value.value!r}, which is not a dotted Python name", value.span, hint=hint
        )
    elif bad := next((part for part in value.value.split(".") if part in _RESERVED), None):
        diagnostics.error(CODE, f"{name!r} is {value.value!r}, but {bad!r} is a keyword of Python", value.span)
    elif value.value.startswith(f"{_FUTURE}."):
        diagnostics.error(CODE, f"{name!r} is {value.value!r}, but {_FUTURE!r} has no objects", value.span)


def _check_no_secrets(value: Located, diagnostics: Diagnostics) -> None:
    """Report arguments that are probably secrets, at any depth: the generated file would show them."""
    for key, item in (value.entries or {}).items():
        if is_sensitive(key) and _has_text(item):
            diagnostics.error(
                CODE,
                f"{key!r} is probably a secret, which the generated file would show",
                value.key_span(key),
                hint="let the callable read it where it runs, such as from an environment variable",
            )
        else:
            _check_no_secrets(item, diagnostics)
    for item in value.items or ():
        _check_no_secrets(item, diagnostics)


def _has_text(value: Located) -> bool:
    """Return whether a value is or contains a text that is not blank."""
    below = [*(value.entries or {}).values(), *(value.items or ())]
    return (isinstance(value.value, str) and bool(value.value.strip())) or any(map(_has_text, below))


@dataclass(frozen=True, slots=True)
class Table:
    """A table from names to values of one kind; it is merged key by key."""

    of: Kind
    words: str
    names: str | None = None
    """A pattern of its keys."""
    name_words: str = "a valid variable name"
    """What a key of the pattern is."""

    @property
    def description(self) -> str:
        """The kind in words."""
        return f"a table: {self.words}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the values."""
        names = {"propertyNames": {"pattern": f"^{self.names}$"}} if self.names else {}
        return {"type": "object", "additionalProperties": self.of.schema, **names}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the values by name."""
        if value.entries is None:
            _wrong(value, name, self.description, diagnostics)
        for key in value.entries or {}:
            if self.names and not re.fullmatch(self.names, key):
                diagnostics.error(CODE, f"{key!r} in {name!r} is not {self.name_words}", value.key_span(key))
        return {key: self.of.read(item, f"{name}.{key}", diagnostics) for key, item in (value.entries or {}).items()}


class Plain:
    """Any value of JSON."""

    description = "a value"
    schema: ClassVar[dict[str, Any]] = {}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> Json:
        """Return the value."""
        return _plain(value, name, diagnostics)


def _plain(value: Located, name: str, diagnostics: Diagnostics) -> Json:
    """Return a value of JSON as it is."""
    if value.entries is not None:
        return {key: _plain(item, f"{name}.{key}", diagnostics) for key, item in value.entries.items()}
    if value.items is not None:
        return tuple(_plain(item, f"{name}[{index}]", diagnostics) for index, item in enumerate(value.items))
    plain = value.value
    if isinstance(plain, float) and not isfinite(plain):
        diagnostics.error(CODE, f"{name!r} must be a finite number, not {plain}", value.span)
        return 0
    if isinstance(plain, str) and "\0" in plain:
        diagnostics.error(CODE, f"{name!r} contains a NUL character", value.span)
        return ""
    if isinstance(plain, (str, int, float, bool)):
        return plain
    diagnostics.error(
        CODE, f"{name!r} is a date or a time, which JSON cannot represent", value.span, hint="write it as a string"
    )
    return ""


def _wrong(value: Located, name: str, expected: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(CODE, f"{name!r} must be {expected}, not {_value_text(value.value)}", value.span)


def _value_text(value: object) -> str:
    """Describe a value of TOML."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"{value[:40]!r}" if value.strip() else "an empty string"
        case int() | float():
            return f"{value}"[:40]
        case Mapping():
            return "a table"
        case Sequence():
            return "an empty list" if not value else "a list"
        case _:
            return f"the date or time {value}"
