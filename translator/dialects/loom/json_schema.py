"""Write the JSON Schema of Loom's files, for editors: Loom publishes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.dialects.loom.document import PREDICATES, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = {"type": ["string", "null"]}
_FLAG = {"type": ["boolean", "null"]}
_COUNT = {"type": ["integer", "null"], "minimum": 1}
_PATHS = {"type": ["object", "null"], "additionalProperties": {"type": "string"}}
_VALUES = {"type": ["object", "null"]}


def json_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a pipeline file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Loom pipeline",
        "type": "object",
        "required": ["pipeline"],
        "properties": {
            "data": {
                "type": ["object", "null"],
                "description": "Files and directories by name.",
                "additionalProperties": {
                    "anyOf": [{"type": ["string", "number", "boolean"]}, {"$ref": "#/$defs/data"}]
                },
            },
            "parameters": {"type": ["object", "null"], "description": "Values by name, for $name in arguments."},
            "pipeline": {
                "type": "array",
                "items": {"anyOf": [{"$ref": "#/$defs/step"}, {"$ref": "#/$defs/group"}]},
            },
            "execution": {
                "type": ["object", "null"],
                "properties": {"parallel": _FLAG, "max_workers": _COUNT},
            },
            "output_dir": _TEXT,
            "editor": {},
            "layout": {},
            "description": {},
            "name": {},
        },
        "$defs": {"data": _data(), "step": _step(), "group": _group()},
    }


def _data() -> dict[str, Any]:
    properties = {
        "type": {"examples": list(TYPES)},
        "path": {"type": "string"},
        "name": {},
        "description": _TEXT,
        "nested_in": _TEXT,
        "allow_outside_pipeline": _FLAG,
        "pattern": {},
    }
    return {"type": "object", "required": ["path"], "properties": properties}


def _step() -> dict[str, Any]:
    loop = {
        "type": ["object", "null"],
        "required": ["over", "into"],
        "properties": {
            "over": {"type": "string"},
            "into": {"type": "string"},
            "parallel": _FLAG,
            "filter": _TEXT,
        },
    }
    return {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "kind": {"enum": ["task", "condition", "switch", None]},
            "task": _TEXT,
            "script": _TEXT,
            "inputs": _VALUES,
            "outputs": _PATHS,
            "args": _VALUES,
            "optional": _FLAG,
            "disabled": _FLAG,
            "loop": loop,
            "group": _TEXT,
            "predicate": {"enum": [*PREDICATES, None]},
            "negate": _FLAG,
            "condition": {},
            "data": {},
        },
        "anyOf": [
            {"required": ["task"]},
            {"required": ["script"]},
            {"required": ["kind", "predicate"]},
            {"required": ["kind", "condition"]},
        ],
        "not": {"required": ["group", "steps"]},
    }


def _group() -> dict[str, Any]:
    passes = {
        "type": "object",
        "properties": {
            "schedule": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "expressions": {"type": ["object", "null"]},
            "count": {**_COUNT, "maximum": 1000},
            "condition": {"type": ["object", "null"]},
            "feedback": {"type": ["object", "null"]},
        },
    }
    return {
        "type": "object",
        "required": ["group", "steps"],
        "properties": {
            "group": {"type": "string", "minLength": 1},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
            "multi_pass": passes,
            "description": {},
        },
    }
