"""Put together what ``translator.toml`` may hold, and write it as a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from translator.config.catalogue import DOC, SCHEMA
from translator.config.keys import (
    ASSETS,
    GENERAL,
    LEVELS,
    OF_FILE,
    PROJECT_CODE,
    PROJECT_NAME,
    SCHEDULE,
    SCHEDULES,
    STORE,
    WHOLE,
    Section,
)
from translator.config.kinds import DEFINITIONS
from translator.shim.catalogue.configured import TABLE

if TYPE_CHECKING:
    from translator.config.keys import TargetKeys

_DOCS = {
    "defaults": "For everything, unless another table says otherwise.",
    "pipelines": "By name of a pipeline, or a glob.",
    "groups": "By a group of environment variables that a step asks for, or a glob.",
    "presets": "By the runtime configuration preset that a step asks for, or a glob.",
    "environments": "By the environment that a step asks for, or a glob.",
    "steps": "By name of a step, or a glob.",
    "nodes": "By name of a node of any pipeline, or a glob.",
}


def scope_section(targets: Mapping[str, TargetKeys], *, whole: bool) -> Section:
    """Return what a table of settings may hold.

    Args:
        targets: by name, the keys of the installed targets.
        whole: whether it is at a level that whole pipelines have.
    """
    of_targets = {name: keys.section(name, whole=whole) for name, keys in targets.items()}
    keys = (*GENERAL.keys, STORE, PROJECT_CODE, PROJECT_NAME, ASSETS) if whole else GENERAL.keys
    tables = {**GENERAL.tables, SCHEDULE: SCHEDULES} if whole else GENERAL.tables
    return Section(GENERAL.doc, keys, {**tables, **of_targets})


def top_section() -> Section:
    """Return what the file may hold, without what the tables may."""
    return Section(
        "Configuration of pipeline-translator.",
        OF_FILE,
        tables={**{name: Section(_DOCS[name]) for name in LEVELS}, TABLE: Section(DOC)},
    )


def json_schema(targets: Mapping[str, TargetKeys]) -> dict[str, Any]:
    """Return the JSON Schema of the file, for editors.

    Args:
        targets: by name, the keys of the targets that it is to know.
    """
    whole = _schema(scope_section(targets, whole=True))
    single = _schema(scope_section(targets, whole=False))
    nodes = {"type": "object", "additionalProperties": _reference("node")}
    of_pipeline = {**whole, "properties": {**whole["properties"], "nodes": nodes}}
    tables = {name: _schema(section) for name, section in {**GENERAL.tables, SCHEDULE: SCHEDULES}.items()}
    tables |= {name: _schema(keys.section(name, whole=True)) for name, keys in targets.items()}
    levels: dict[str, Any] = {key.name: {**key.kind.schema, "description": key.doc} for key in OF_FILE}
    for name in LEVELS:
        below = "node" if name not in WHOLE else "pipeline"
        table = {"type": "object", "additionalProperties": _reference(below)}
        levels[name] = {**(table if name != "defaults" else _reference("defaults")), "description": _DOCS[name]}
    levels[TABLE] = SCHEMA
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "translator.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": levels,
        "$defs": {
            **{
                name: _referring(schema, {**tables, **DEFINITIONS})
                for name, schema in {"defaults": whole, "pipeline": of_pipeline, "node": single}.items()
            },
            **{name: _referring(schema, DEFINITIONS) for name, schema in tables.items()},
            **{name: _referring(schema, DEFINITIONS, itself=name) for name, schema in DEFINITIONS.items()},
        },
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _referring(schema: Any, definitions: Mapping[str, Mapping[str, Any]], *, itself: str | None = None) -> Any:
    """Return a schema with references in place of what is defined elsewhere, or of all such parts of a definition."""
    if isinstance(schema, (list, tuple)):
        return [_referring(item, definitions) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    bare = {key: value for key, value in schema.items() if key != "description"}
    name = next((name for name, defined in definitions.items() if name != itself and bare == defined), None)
    if name is None:
        return {key: _referring(value, definitions) for key, value in schema.items()}
    return {**_reference(name), **({"description": schema["description"]} if "description" in schema else {})}


def _schema(section: Section) -> dict[str, Any]:
    """Return the schema of a table."""
    properties: dict[str, Any] = {key.name: {**key.kind.schema, "description": key.doc} for key in section.keys}
    properties |= {name: {**_schema(table), "description": table.doc} for name, table in section.tables.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}
