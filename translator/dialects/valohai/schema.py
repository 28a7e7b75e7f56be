"""The vendor's JSON schema, with its findings in human words and at the offending key."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from translator.names import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from translator.diagnostics import Diagnostics
    from translator.source import Located

_BASE = "https://valohai.com/schemas/"
_NODES = {"execution": "execution-node", "task": "task-node", "deployment": "deployment-node"}

_WHATS = {
    "base": "a valohai.yaml",
    "environment-variable-item": "an environment variable",
    "execution-node": "an execution node",
    "endpoint": "an endpoint",
    "endpoint-shared-volume": "a shared volume",
    "endpoint-workspace-volume": "a workspace volume",
    "file-item": "a file of an endpoint",
    "input-item": "an input",
    "mount-item": "a mount",
    "node-action": "an action",
    "output-item": "an output",
    "overridden-properties": "an override",
    "param-item": "a parameter",
    "pipeline-param": "a pipeline parameter",
    "variant-param": "a parameter of a task blueprint",
    "variant-param-rule-item": "the rules of a parameter",
    "task": "a task blueprint",
}

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """The vendor's schemas by their short name ("step", "param-item", ...)."""
    from valohai_yaml.schema_data import SCHEMATA

    return {identifier.removeprefix(_BASE): schema for identifier, schema in SCHEMATA.items()}


@cache
def _validator() -> Draft202012Validator:
    # The vendor's get_validator() first checks its schema against the meta-schema, which is half of its run time.
    from jsonschema import Draft202012Validator
    from valohai_yaml.validation import get_json_schema

    return Draft202012Validator(get_json_schema())


def validate(document: Located, diagnostics: Diagnostics) -> frozenset[tuple[object, ...]]:
    """Hold a file against the vendor's schema.

    Args:
        document: the file's list.
        diagnostics: receives what is wrong; what is wrong within a pipeline is marked as being about it.

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
    """Keys that are no text end the vendor's validator with a traceback."""
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
                message = f"the key {located.text!r} is no text: YAML reads it as {_typed(key)}"
                diagnostics.error("key-not-text", message, located.span, hint="put it into quotes")
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
    """What is really wrong where a value fits none of several schemas: the branch that its author meant."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        branch = _meant(error)
        if branch is not None:
            for inner in error.context:
                if inner.schema_path[0] == branch:
                    yield from _leaves(inner)
            return
    yield error


def _meant(error: ValidationError) -> int | None:
    branches: list[Mapping[str, Any]] = error.validator_value  # type: ignore[assignment]
    value = error.instance
    for index, branch in enumerate(branches):
        reference = str(branch.get("$ref", "")).removeprefix("/schemas/")
        if reference in _NODES.values():
            kind = value.get("type") if isinstance(value, dict) else None
            if isinstance(kind, str) and _NODES.get(kind) == reference:
                return index
        elif (branch.get("type") == "array" and isinstance(value, list)) or (
            branch.get("type") == "object" and isinstance(value, dict)
        ):
            return index
    return None


def _report(error: ValidationError, document: Located, diagnostics: Diagnostics) -> None:
    path = tuple(error.absolute_path)
    value = document.at(path)
    schema = _schema_name(error)
    what = _what(schema, path)
    if error.validator == "additionalProperties":
        _unknown_keys(error, value, what, schema, diagnostics)
    elif error.validator == "required":
        key = next(key for key in error.validator_value if error.message.startswith(repr(key)))
        if _near(key, value, schema):
            return  # the unknown key that is near says it all
        place = value.span if not path or isinstance(path[-1], int) else document.at(path[:-1]).key_span(str(path[-1]))
        diagnostics.error("missing-key", f"{what} needs {key!r}", place, hint=_missing_hint(key, value, schema))
    else:
        code, message, hint = _wrong_value(error, value, what, path)
        diagnostics.error(code, message, value.span, hint=hint)


def _unknown_keys(error: ValidationError, value: Located, what: str, schema: str, diagnostics: Diagnostics) -> None:
    known = error.schema.get("properties", {})  # type: ignore[union-attr]
    for key in value.entries or {}:
        if key in known:
            continue
        hint = did_you_mean(key, known, "known keys")
        if schema in ("execution-node", "task-node") and key in schemas()["overridden-properties"]["properties"]:
            hint = "a node changes its step below 'override:'"
        elif schema == "overridden-properties" and key in schemas()["step"]["properties"]:
            hint = "this key of a step cannot be overridden by a node"
        diagnostics.error("unknown-key", f"{what} has no key {key!r}", value.key_span(key), hint=hint)


def _missing_hint(key: str, value: Located, schema: str) -> str | None:
    if not value.entries:
        return "is the indentation right?" if value.value is None else None
    if schema == "pipeline" and key == "edges":
        return "a pipeline without edges says 'edges: []'"
    return None


def _near(key: str, value: Located, schema: str) -> str | None:
    known = schemas().get(schema, {}).get("properties", {})
    return closest(key, [name for name in value.entries or () if name not in known])


def _what(schema: str, path: tuple[object, ...]) -> str:
    if schema:
        return _WHATS.get(schema) or f"a {schema.replace('-', ' ')}"
    if len(path) > 1 and path[-2] == "edges":
        return "an edge"
    last = path[-1] if path else "the file"
    return f"item {last + 1} of the file" if isinstance(last, int) else repr(last)


def _wrong_value(
    error: ValidationError, value: Located, what: str, path: tuple[object, ...]
) -> tuple[str, str, str | None]:
    name = repr(path[-1]) if path and isinstance(path[-1], str) else what
    if path and isinstance(path[-1], int) and len(path) > 1:
        name = f"item {path[-1] + 1} of {path[-2]!r}"
    expected: Any = error.validator_value
    shown = value.text if value.text is not None else "..."
    match error.validator:
        case "type":
            return _wrong_type([expected] if isinstance(expected, str) else expected, value, name)
        case "enum":
            choices = ", ".join(repr(choice) for choice in expected)
            return "bad-value", f"{name} cannot be {shown!r}; it is one of {choices}", did_you_mean(shown, expected)
        case "oneOf" if any("enum" in branch for branch in expected):
            choices = ", ".join(repr(choice) for branch in expected for choice in branch.get("enum", ("true", "false")))
            return "bad-value", f"{name} cannot be {shown!r}; it is one of {choices}", None
        case "anyOf" | "oneOf" if types := _types_of(expected):
            return _wrong_type(types, value, name)
        case "anyOf" if any("$ref" in branch for branch in expected):
            return _wrong_node(value)
        case "anyOf" | "oneOf" if all("required" in branch for branch in expected):
            keys = " or ".join(repr(branch["required"][0]) for branch in expected)
            both = all(branch["required"][0] in (value.entries or {}) for branch in expected)
            return "bad-value", f"{what} has {keys}, not both" if both else f"{what} needs {keys}", None
        case "not":
            keys = " or ".join(repr(key) for key in expected.get("required", ()))
            return "bad-value", f"{what} has {keys}, not both", None
        case "minimum" | "maximum":
            side = "at least" if error.validator == "minimum" else "at most"
            return "bad-value", f"{name} must be {side} {expected}, not {shown}", None
        case "maxLength":
            return "bad-value", f"{name} is longer than {expected} characters", None
        case "pattern":
            return "bad-value", f"{name} cannot be {shown!r}: it must match {expected}", None
        case "prefixItems" | "items" | "minItems" | "maxItems":
            return "bad-value", "an edge has a source and a target: [node.output.pattern, node.input.name]", None
        case _:
            return "bad-value", f"{name}: {error.message}", None


def _wrong_node(value: Located) -> tuple[str, str, str | None]:
    kind = value.get("type")
    if value.entries is None:
        return "bad-value", f"a node is a mapping, not {_typed(value.value)}", None
    if kind is None:
        return "missing-key", "a node needs 'type'", "type: execution, task or deployment"
    hint = did_you_mean(str(kind.value), _NODES)
    return "bad-value", f"there are no nodes of type {kind.text!r}; there are execution, task, deployment", hint


def _wrong_type(types: Iterable[str], value: Located, name: str) -> tuple[str, str, str | None]:
    wanted = " or ".join(_TYPES.get(kind, kind) for kind in types)
    hint = None
    if value.value is None:
        hint = "is the indentation right?"
    elif "text" in wanted and value.items is None and value.entries is None:
        hint = f'put it into quotes: "{value.text}"'
    return "bad-type", f"{name} must be {wanted}, not {_typed(value.value)}", hint


def _types_of(branches: Iterable[Mapping[str, Any]]) -> list[str]:
    types = [branch.get("type") for branch in branches]
    return [kind for kind in types if kind] if all(types) else []


def _typed(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"the date {value}"


def _schema_name(error: ValidationError) -> str:
    """The short name of the schema whose keyword failed; empty for one that has no name."""
    identifier = str(error.schema.get("$id", "")) if isinstance(error.schema, dict) else ""
    return identifier.removeprefix(_BASE)
