"""List names that arguments of flows and tasks, and fields of parameter forms, cannot have (tested with Prefect)."""

from __future__ import annotations

_OF_MODELS = frozenset(
    (
        *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema"),
        *("schema_json", "update_forward_refs", "validate"),
        *("model_computed_fields", "model_config", "model_construct", "model_copy", "model_dump", "model_dump_json"),
        *("model_extra", "model_fields", "model_fields_set", "model_json_schema", "model_parametrized_name"),
        *("model_post_init", "model_rebuild", "model_validate", "model_validate_json", "model_validate_strings"),
    )
)
"""Attributes of pydantic's models: Prefect creates a model of a flow's arguments."""

FIELDS = _OF_MODELS | {"default", "node", "values"} | {"bool", "float", "int", "list", "str"}
"""Names that no field of a group may have, because its base class has them, or annotations of fields use them."""

ARGUMENTS = _OF_MODELS | {"args", "cls", "kwargs", "return_state", "self", "wait_for"}
"""Names that no argument may have, because pydantic, a call or ``submit`` uses them."""
