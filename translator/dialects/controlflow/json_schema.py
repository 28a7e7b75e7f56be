"""Write the JSON Schema of a language from the tables that its reader uses, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.dialects.controlflow.keys import RETURNED
from translator.dialects.controlflow.language import (
    ENDS,
    EXECUTABLE,
    LANGUAGES,
    LEGACY_KEYS,
    LEGACY_TYPES,
    TRAVERSAL,
    Key,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_GRAPH = {"$ref": "#/$defs/graph"}
_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
    Kind.TEXT_MAP: {"type": "object", "additionalProperties": {"type": "string"}},
    Kind.MAPPING: {"type": "object"},
    Kind.WHOLE: {"type": ["integer", "string", "boolean"]},  # as pydantic reads it
    Kind.FLAG: {"type": ["boolean", "string", "integer"]},
    Kind.RETURNS: {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "kind": {"enum": list(RETURNED)}},
        },
    },
}


_EXPORTED = {"name": {"type": "string"}, "node_name": {"type": "string"}, "is_composite": {"type": "boolean"}}
"""The keys that the engines add to a step when they write a pipeline of Python as YAML."""


def json_schema(name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a language.

    Args:
        name: the language's name.
    """
    language = LANGUAGES[name]
    is_magnus = language.ends is None
    steps = [
        _step(kind, {**TRAVERSAL, **keys}) for kind, keys in language.types.items() if kind not in ("task", "stub")
    ]
    steps += [_open(kind) for kind in ("stub", *(LEGACY_TYPES if is_magnus else ()))]
    steps += [
        _task(command, {**TRAVERSAL, **EXECUTABLE, **keys}, language.catalog, legacy=is_magnus, binary=language.binary)
        for command, keys in language.commands.items()
    ]
    steps += [{"type": "object", "required": ["type"], "properties": {"type": {"const": kind}}} for kind in ENDS]
    graph = {
        "type": "object",
        "required": ["start_at", "steps"],
        "properties": {
            "start_at": {"type": "string", "description": "The step that the graph starts at."},
            "steps": {"type": "object", "additionalProperties": {"$ref": "#/$defs/step"}},
        },
    }
    kinds = [*language.types, *ENDS, *(LEGACY_TYPES if is_magnus else ())]
    step = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": kinds}},
        "anyOf": steps,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{language.title} pipeline",
        "type": "object",
        "required": ["dag"],
        "properties": {"dag": _GRAPH},
        "$defs": {"graph": graph, "step": step},
    }


def _open(kind: str) -> dict[str, Any]:
    """Return the schema of a step that may have any keys."""
    known = {"next": _SCHEMAS[Kind.TEXT], "on_failure": _SCHEMAS[Kind.TEXT]}
    return {"type": "object", "required": ["type", "next"], "properties": {"type": {"const": kind}, **known}}


def _step(kind: str, keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the schema of a step of one type."""
    properties = {"type": {"const": kind}, **_EXPORTED, **{name: _value(name, key) for name, key in keys.items()}}
    required = ["type", *(name for name, key in keys.items() if key.required)]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _task(
    command: str, keys: Mapping[str, Key], catalog: Mapping[str, Key], *, legacy: bool, binary: bool
) -> dict[str, Any]:
    """Return the schema of a task of one command type; Python is the default."""
    schema = _step("task", keys)
    properties = schema["properties"]
    properties["command_type"] = {"const": command}
    if command != "python":
        schema["required"].append("command_type")
    entries = {name: _value(name, key) for name, key in catalog.items()}
    properties["catalog"] = {"type": ["object", "null"], "properties": entries, "additionalProperties": False}
    if legacy:
        properties.update({key: {} for key in LEGACY_KEYS})
    if binary:
        properties["command"] = {"type": ["string", "boolean", "integer"]}
    return schema


def _value(name: str, key: Key) -> dict[str, Any]:
    """Return the schema of a key's value."""
    if name in ("branch", "default"):
        return {"anyOf": [_GRAPH, {"type": "null"}]} if key.nullable else dict(_GRAPH)
    if name == "branches":
        return {"type": "object", "additionalProperties": _GRAPH}
    schema = dict(_SCHEMAS[key.kind])
    if key.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if key.filled:
        schema["minLength"] = 1
    return schema
