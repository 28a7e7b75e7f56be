"""Read the keys of a mapping as the engines do: unknown keys are errors, values convert as in pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.dialects.controlflow.language import Key, Kind
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator.diagnostics import Diagnostics
    from translator.source import Located

_TRUE = ("1", "on", "t", "true", "y", "yes")
_FALSE = ("0", "off", "f", "false", "n", "no")


def read_keys(  # noqa: PLR0913 - few callers pass hints or silent keys
    body: Located,
    keys: Mapping[str, Key],
    label: str,
    diagnostics: Diagnostics,
    *,
    hints: Mapping[str, str] | None = None,
    silent: tuple[str, ...] = (),
) -> dict[str, Any] | None:
    """Read the values of a mapping.

    Args:
        body: the mapping.
        keys: the kinds of values of its keys.
        label: its description for messages ("step 'a'").
        diagnostics: receives unknown keys, missing keys, and invalid values.
        hints: hints for some unknown keys.
        silent: keys that other code reads.

    Returns:
        The values of the present keys; None if something is wrong.
    """
    fine = True
    for name in body.entries or {}:
        if name in keys or name in silent:
            continue
        fine = False
        hint = (hints or {}).get(name) or did_you_mean(str(name), keys, "its keys")
        diagnostics.error("unknown-key", f"{label} has an unknown key {name!r}", body.key_span(name), hint=hint)
    values: dict[str, Any] = {}
    for name, key in keys.items():
        located = body.get(name)
        if located is None:
            if key.required:
                fine = False
                diagnostics.error("missing-key", f"{label} has no {name!r}", body.span)
            continue
        try:
            values[name] = _value(located, key)
        except ValueError as error:
            fine = False
            diagnostics.error("bad-value", f"{name!r} of {label} {error}", located.span)
    return values if fine else None


def exported(name: str, body: Located, *, is_composite: bool) -> tuple[str, ...]:
    """Return the keys of a step that the engines add to it when they write a pipeline of Python as YAML.

    Args:
        name: the step's name.
        body: its mapping.
        is_composite: whether the step has branches.

    Returns:
        Those with the value that the engine writes: with another one, they would overwrite a field of the engine.
    """
    written = {"name": name, "node_name": name, "is_composite": is_composite}
    return tuple(key for key, value in written.items() if key in body.value and body.value[key] == value)


def _value(located: Located, key: Key) -> Any:
    value = located.value
    if value is None and key.nullable:
        return None
    fits = _FITS[key.kind]
    converted = fits(value)
    if converted is None:
        raise ValueError(f"must be {key.kind}, not {value_text(located)}")
    if key.filled and not converted:
        raise ValueError("must not be empty")
    if key.least is not None and converted < key.least:
        raise ValueError(f"must be at least {key.least}")
    return converted


def value_text(located: Located) -> str:
    """Describe a value for a message."""
    value = located.value
    if value is None:
        return "empty"
    if located.items is not None:
        return "a list"
    if located.entries is not None:
        return "a mapping"
    return (
        f"{located.text or value!s}"
        if isinstance(value, str)
        else f"the {_NAMES.get(type(value), 'value')} {located.text}"
    )


_NAMES: dict[type, str] = {bool: "boolean", int: "number", float: "number"}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def _text_map(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        return None
    return value


def _mapping(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _integer(value: Any) -> int | None:
    """Read an ``int`` as pydantic does, including ``true``, ``3.0`` and ``"3"``."""
    if isinstance(value, str):
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, int) else None


def _flag(value: Any) -> bool | None:
    """Read a ``bool`` as pydantic does, including numbers and some words."""
    if isinstance(value, str):
        lowered = value.lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else None
    return bool(value) if isinstance(value, (bool, int, float)) and value in (0, 1) else None


RETURNED = ("json", "object", "metric")


def _returns(value: Any) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(value, list):
        return None
    returns: list[tuple[str, str]] = []
    for item in value:
        if not isinstance(item, dict):
            raise ValueError("must be a list of mappings: write '- name: x', not '- x'")  # noqa: TRY004 - for the user
        name, kind = item.get("name"), item.get("kind", "json")
        if not isinstance(name, str):
            raise ValueError("must have a string 'name' for each value")  # noqa: TRY004 - for the user
        if kind not in RETURNED:
            raise ValueError(f"has the kind {kind!r}; the kinds are: {', '.join(RETURNED)}")
        returns.append((name, str(kind)))
    return tuple(returns)


_FITS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.TEXT_MAP: _text_map,
    Kind.MAPPING: _mapping,
    Kind.WHOLE: _integer,
    Kind.FLAG: _flag,
    Kind.RETURNS: _returns,
}
