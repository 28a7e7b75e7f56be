"""Phrase findings of the vendor's JSON schema for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from translator.source import Located

NODES = {"execution": "execution-node", "task": "task-node", "deployment": "deployment-node"}
"""The schema of each type of node."""

Words: TypeAlias = tuple[str, str, str | None]
"""A code, a message and a hint."""

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
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A keyword of a schema that a value violates.

    ``expected`` is the keyword's own value, ``schema`` the short name of its schema (empty if it has none), ``path``
    the location of the value in the document, ``message`` that of the validator.
    """

    keyword: str
    expected: Any
    value: Located
    schema: str
    path: tuple[object, ...]
    message: str

    @property
    def what(self) -> str:
        """The kind of the value: "a step", "an input"."""
        if self.schema:
            return _WHATS.get(self.schema) or f"a {self.schema.replace('-', ' ')}"
        if len(self.path) > 1 and self.path[-2] == "edges":
            return "an edge"
        last = self.path[-1] if self.path else "the file"
        return f"item {last + 1} of the file" if isinstance(last, int) else repr(last)

    @property
    def name(self) -> str:
        """The name of the value in its parent: its key, or its number in a list."""
        last = self.path[-1] if self.path else None
        if isinstance(last, int) and len(self.path) > 1:
            return f"item {last + 1} of {self.path[-2]!r}"
        return repr(last) if isinstance(last, str) else self.what

    @property
    def value_text(self) -> str:
        """The value as written, if it is a scalar."""
        return "..." if self.value.text is None else self.value.text


def words(fault: Fault) -> Words:
    """Describe what is wrong with a value, and what to do."""
    say = _BY_KEYWORD.get(fault.keyword)
    return say(fault) if say else ("bad-value", f"{fault.name}: {fault.message}", None)


def typed(value: object) -> str:
    """Describe a plain value by its type, and by the value if it is short."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        ((int, float), f"the number {value}"),
        (str, f"the string {str(value)[:40]!r}"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    return next((shown for kind, shown in kinds if isinstance(value, kind)), f"the date {value}")


def _type(fault: Fault) -> Words:
    types = [fault.expected] if isinstance(fault.expected, str) else fault.expected
    return _wrong_type(types, fault)


def _wrong_type(types: Iterable[str], fault: Fault) -> Words:
    value = fault.value
    wanted = " or ".join(_TYPES.get(kind, kind) for kind in types)
    hint = None
    if value.value is None:
        hint = "check the indentation"
    elif "text" in wanted and value.text is not None:
        hint = f'quote it: "{value.text}"'
    return "bad-type", f"{fault.name} must be {wanted}, not {typed(value.value)}", hint


def _enum(fault: Fault) -> Words:
    return _not_one_of(fault.expected, fault)


def _not_one_of(choices: Iterable[str], fault: Fault) -> Words:
    listed = list(choices)
    shown = ", ".join(repr(choice) for choice in listed)
    message = f"{fault.name} cannot be {fault.value_text!r}; it must be one of {shown}"
    return "bad-value", message, did_you_mean(fault.value_text, listed)


def _branches(fault: Fault) -> Words:
    branches: list[Mapping[str, Any]] = fault.expected
    types = [branch.get("type") for branch in branches]
    if any("enum" in branch for branch in branches):
        return _not_one_of([c for branch in branches for c in branch.get("enum", ("true", "false"))], fault)
    if any("$ref" in branch for branch in branches):
        return _no_such_node(fault.value)
    if all("required" in branch for branch in branches):
        return _one_key_of([branch["required"][0] for branch in branches], fault)
    if all(types):
        return _wrong_type([str(kind) for kind in types], fault)
    return "bad-value", f"{fault.name}: {fault.message}", None


def _one_key_of(keys: list[str], fault: Fault) -> Words:
    shown = " or ".join(repr(key) for key in keys)
    if all(key in (fault.value.entries or {}) for key in keys):
        return "bad-value", f"{fault.what} needs only one of {shown}", None
    return "bad-value", f"{fault.what} needs {shown}", None


def _not(fault: Fault) -> Words:
    return _one_key_of(fault.expected.get("required", []), fault)


def _no_such_node(value: Located) -> Words:
    kind = value.get("type")
    if value.entries is None:
        return "bad-value", f"a node must be a mapping, not {typed(value.value)}", None
    if kind is None:
        return "missing-key", "a node needs 'type'", "type: execution, task or deployment"
    hint = did_you_mean(str(kind.value), NODES)
    return "bad-value", f"there are no nodes of type {kind.text!r}; the types are execution, task and deployment", hint


def _minimum(fault: Fault) -> Words:
    return "bad-value", f"{fault.name} must be at least {fault.expected}, not {fault.value_text}", None


def _maximum(fault: Fault) -> Words:
    return "bad-value", f"{fault.name} must be at most {fault.expected}, not {fault.value_text}", None


def _max_length(fault: Fault) -> Words:
    return "bad-value", f"{fault.name} is longer than {fault.expected} characters", None


def _pattern(fault: Fault) -> Words:
    return "bad-value", f"{fault.name} cannot be {fault.value_text!r}: it must match {fault.expected}", None


def _items(_: Fault) -> Words:
    return "bad-value", "an edge needs a source and a target: [node.output.pattern, node.input.name]", None


_BY_KEYWORD: dict[str, Callable[[Fault], Words]] = {
    "type": _type,
    "enum": _enum,
    "anyOf": _branches,
    "oneOf": _branches,
    "not": _not,
    "minimum": _minimum,
    "maximum": _maximum,
    "maxLength": _max_length,
    "pattern": _pattern,
    "items": _items,
}
