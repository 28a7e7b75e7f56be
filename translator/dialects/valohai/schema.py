"""Validate against the vendor's JSON schema, with readable findings at the offending key."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from translator.dialects.valohai.schema_words import NODES, Fault, typed, words
from translator.names import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from translator.diagnostics import Diagnostics
    from translator.source import Located

_BASE = "https://valohai.com/schemas/"


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the vendor's schemas by their short name ("step", "param-item", ...)."""
    from valohai_yaml.schema_data import SCHEMATA

    return {identifier.removeprefix(_BASE): schema for identifier, schema in SCHEMATA.items()}


@cache
def _validator() -> Draft202012Validator:
    # The vendor's get_validator() first checks its schema against the meta-schema, which is half of its run time.
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012
    from valohai_yaml.validation import get_json_schema

    schema = get_json_schema()
    # Crawl the schema once; otherwise the validator searches the whole schema again for each reference.
    registry = Registry().with_resource("", DRAFT202012.create_resource(schema)).crawl()
    return Draft202012Validator(schema, registry=registry)


def validate(document: Located, diagnostics: Diagnostics) -> frozenset[tuple[object, ...]]:
    """Validate a file against the vendor's schema.

    Args:
        document: the file's list.
        diagnostics: receives what is wrong; findings within a pipeline name it.

    Returns:
        The paths of the values that are wrong.
    """
    if _has_odd_keys(document, diagnostics):
        return frozenset({()})
    wrong: set[tuple[object, ...]] = set()
    for error in _errors(document):
        for leaf in _leaves(error):
            path = tuple(leaf.absolute_path)
            wrong.add(path)
            _report(leaf, document, _scope(path, document, diagnostics))
    return frozenset(wrong)


def _errors(document: Located) -> Iterator[ValidationError]:
    yield from _validator().iter_errors(document.value)
    # The vendor's schema overlooks two keys of the top level that its parser reads.
    for index, item in enumerate(document.items or ()):
        for kind, name in (("blueprint", "pipeline"), ("deployment", "deployment")):
            if kind in (item.entries or {}):
                schema = {"$ref": f"/schemas/{name}"}
                for error in _validator().descend(item.value[kind], schema, path=kind):
                    error.path.appendleft(index)
                    yield error


def _has_odd_keys(document: Located, diagnostics: Diagnostics) -> bool:
    """Report keys that are not strings, which crash the vendor's validator."""
    odd = False
    seen: set[int] = set()
    stack = [document]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        for key, located in (value.keys or {}).items():
            if not isinstance(key, str):
                odd = True
                message = f"the key {located.text!r} is not a string: YAML reads it as {typed(key)}"
                diagnostics.error("key-not-text", message, located.span, hint="quote it")
        stack.extend((value.entries or {}).values())
        stack.extend(value.items or ())
    return odd


def _scope(path: tuple[object, ...], document: Located, diagnostics: Diagnostics) -> Diagnostics:
    if len(path) > 1 and path[1] in ("pipeline", "blueprint"):
        name = document.at((*path[:2], "name"))
        if isinstance(name.value, str):
            return diagnostics.about(name.value)
    return diagnostics


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the actual faults of a value that matches none of several schemas, from the intended one."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        branch = _matching_branch(error)
        if branch is not None:
            for inner in error.context:
                if inner.schema_path[0] == branch:
                    yield from _leaves(inner)
            return
    yield error


def _matching_branch(error: ValidationError) -> int | None:
    branches: list[Mapping[str, Any]] = error.validator_value  # type: ignore[assignment]
    value = error.instance
    for index, branch in enumerate(branches):
        reference = str(branch.get("$ref", "")).removeprefix("/schemas/")
        if reference in NODES.values():
            kind = value.get("type") if isinstance(value, dict) else None
            if isinstance(kind, str) and NODES.get(kind) == reference:
                return index
        elif (branch.get("type") == "array" and isinstance(value, list)) or (
            branch.get("type") == "object" and isinstance(value, dict)
        ):
            return index
    return None


def _report(error: ValidationError, document: Located, diagnostics: Diagnostics) -> None:
    path = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    name = str(schema.get("$id", "")).removeprefix(_BASE)
    fault = Fault(str(error.validator), error.validator_value, document.at(path), name, path, error.message)
    if fault.keyword == "additionalProperties":
        _unknown_keys(fault, schema.get("properties", {}), diagnostics)
    elif fault.keyword == "required":
        _missing_key(fault, document, diagnostics)
    else:
        code, message, hint = words(fault)
        diagnostics.error(code, message, fault.value.span, hint=hint)


def _unknown_keys(fault: Fault, known: Mapping[str, Any], diagnostics: Diagnostics) -> None:
    for key in fault.value.entries or {}:
        if key in known:
            continue
        hint = did_you_mean(key, known, "known keys")
        if fault.schema in ("execution-node", "task-node") and key in _keys("overridden-properties"):
            hint = "nodes override their step under 'override:'"
        elif fault.schema == "overridden-properties" and key in _keys("step"):
            hint = "a node cannot override this key of a step"
        diagnostics.error("unknown-key", f"{fault.what} has no key {key!r}", fault.value.key_span(key), hint=hint)


def _missing_key(fault: Fault, document: Located, diagnostics: Diagnostics) -> None:
    value, path = fault.value, fault.path
    key = next(key for key in fault.expected if fault.message.startswith(repr(key)))
    if closest(key, [name for name in value.entries or () if name not in _keys(fault.schema)]):
        return  # that unknown key is reported, with the intended one
    hint = None
    if fault.schema == "pipeline" and key == "edges":
        hint = "for a pipeline without edges, write 'edges: []'"
    place = value.span if not path or isinstance(path[-1], int) else document.at(path[:-1]).key_span(str(path[-1]))
    diagnostics.error("missing-key", f"{fault.what} needs {key!r}", place, hint=hint)


def _keys(schema: str) -> Mapping[str, Any]:
    known: Mapping[str, Any] = schemas().get(schema, {}).get("properties", {})
    return known


def json_schema() -> Mapping[str, Any]:
    """Return the vendor's schema of the whole file."""
    from valohai_yaml.validation import get_json_schema

    return get_json_schema()
