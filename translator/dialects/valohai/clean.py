"""Recognise files in which the vendor's schema, parser and linter certainly find nothing.

The vendor's package takes longer to import than all the rest of a translation. It is the authority on files that this
module does not recognise: those with mistakes, and those with rare keys, such as expressions.
``tests/dialects/valohai/test_clean.py`` compares both on each key with values of each type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Test: TypeAlias = "Callable[[Any], bool]"
_MAX_NAME = 64
"""The maximum length of an input's name."""
_PORTS = (1025, 65535)
_MAX_INTEGER = 2**63
"""Python refuses to convert integers to text if they have thousands of digits."""


def is_clean(document: object) -> bool:
    """Return whether the vendor certainly accepts a file without a finding; if False, ask the vendor."""
    return isinstance(document, list) and all(_is_item(item) for item in document)


def _is_item(item: object) -> bool:
    if not isinstance(item, dict) or len(item) != 1:
        return False
    [(kind, body)] = item.items()
    test = _ITEMS.get(kind) if isinstance(kind, str) else None
    return test is not None and test(body)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_INTEGER


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_integer(value)


def _is_positive(value: object) -> bool:
    return _is_integer(value) and value > 0  # type: ignore[operator]  # it is an integer


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool)) or _is_number(value)


def _one_of(*texts: str) -> _Test:
    return lambda value: isinstance(value, str) and value in texts


def _either(*tests: _Test) -> _Test:
    return lambda value: any(test(value) for test in tests)


def _list_of(test: _Test) -> _Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _mapping(keys: Mapping[str, _Test], required: Iterable[str] = ()) -> _Test:
    """Return a test for mappings with these keys only."""
    needed = frozenset(required)

    def test(value: object) -> bool:
        if not isinstance(value, dict) or not needed <= value.keys():
            return False
        return all(isinstance(key, str) and key in keys and keys[key](item) for key, item in value.items())

    return test


_is_value = _either(lambda value: value is None or _is_scalar(value), _list_of(_is_scalar))
_are_texts = _either(_is_text, _list_of(_is_text))
_limits = _mapping({"max": _is_number, "min": _is_number})

_keys_of_parameters = _mapping(
    {
        "name": _is_text,
        "type": _one_of("flag", "float", "integer", "string"),
        "optional": _is_boolean,
        "default": _is_value,
        "min": _is_number,
        "max": _is_number,
        "choices": _list_of(_is_scalar),
        "multiple": _one_of("none", "repeat", "separate"),
        "multiple-separator": _is_text,
        "pass-as": _is_text,
        "pass-true-as": _is_text,
        "pass-false-as": _is_text,
        "description": _is_text,
        "category": _is_text,
        "widget": _is_text,
    },
    ("name",),
)
_ONLY_FLAGS = frozenset(("pass-true-as", "pass-false-as"))
_NOT_FLAGS = frozenset(("optional", "min", "max", "choices", "multiple"))
_TYPES: Mapping[str, _Test] = {"string": _is_text, "integer": _is_integer, "float": _is_number}


def _is_parameter(value: Any) -> bool:
    if not _keys_of_parameters(value):
        return False
    kind, default = value.get("type", "string"), value.get("default")
    if kind == "flag":
        both = "pass-as" in value and _ONLY_FLAGS & value.keys()
        return not both and not _NOT_FLAGS & value.keys() and (default is None or _is_boolean(default))
    if _ONLY_FLAGS & value.keys() or (kind == "string" and {"min", "max"} & value.keys()):
        return False
    if default is None:
        return True
    several = value.get("multiple", "none") != "none"
    atoms = default if several and isinstance(default, list) else [default]
    return all(_TYPES[kind](atom) and _is_allowed(atom, value) for atom in atoms)


def _is_allowed(atom: Any, parameter: Mapping[str, Any]) -> bool:
    choices = parameter.get("choices")
    if choices and atom not in choices:
        return False
    return bool(parameter.get("min", atom) <= atom <= parameter.get("max", atom))


_is_input = _mapping(
    {
        "name": lambda value: _is_text(value) and len(value) <= _MAX_NAME,
        "default": _are_texts,
        "optional": _is_boolean,
        "keep-directories": _either(_is_boolean, _one_of("none", "full", "suffix")),
        "filename": _is_text,
        "download": _one_of("always", "on-demand"),
        "description": _is_text,
    },
    ("name",),
)
_is_variable = _mapping(
    {"name": _is_text, "default": _is_text, "optional": _is_boolean, "description": _is_text}, ("name",)
)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value[:1] == "/" and len(value) > 1 and value.isprintable()


_is_mount = _mapping({"source": _is_text, "destination": _is_path, "readonly": _is_boolean}, ("source", "destination"))
_SHARED: Mapping[str, _Test] = {
    "image": _is_text,
    "command": _are_texts,
    "parameters": _list_of(_is_parameter),
    "inputs": _list_of(_is_input),
    "environment-variables": _list_of(_is_variable),
    "mounts": _list_of(_is_mount),
    "environment": _is_text,
    "autorestart": _is_boolean,
}
"""The keys that a step and a node's override have."""
_is_step = _mapping(
    {
        **_SHARED,
        "name": _is_text,
        "outputs": _list_of(_mapping({"name": _is_text, "description": _is_text}, ("name",))),
        "environment-variable-groups": _list_of(_is_text),
        "time-limit": _is_positive,
        "no-output-timeout": _is_positive,
        "resources": _mapping({"cpu": _limits, "memory": _limits}),
        "source-path": _is_text,
        "description": _is_text,
        "category": _is_text,
        "icon": _is_text,
    },
    ("name", "image", "command"),
)

_is_axis = _mapping(
    {
        "name": _is_text,
        "style": _one_of("linear", "logspace", "multiple", "random", "single"),
        "rules": _mapping(
            {
                **dict.fromkeys(("base", "count", "end", "max", "min", "seed", "start", "step", "value"), _is_number),
                "distribution": _is_text,
                "integerify": _is_boolean,
                "numberify": _is_boolean,
                "items": _list_of(_is_scalar),
            }
        ),
    },
    ("name", "style", "rules"),
)
_is_task = _mapping(
    {
        "name": _is_text,
        "step": _is_text,
        "type": _one_of("grid_search", "random_search"),
        "parameters": _list_of(_is_axis),
        "execution-count": _is_integer,
        "execution-batch-size": _is_integer,
        "maximum-queued-executions": _is_positive,
        "on-child-error": _one_of("continue-and-complete", "continue-and-error", "stop-all-and-error"),
        "reuse-children": _is_boolean,
        "description": _is_text,
    },
    ("name", "step", "parameters"),
)

_are_actions = _list_of(_mapping({"when": _are_texts, "if": _are_texts, "then": _are_texts}, ("when", "then")))
_NODE: Mapping[str, _Test] = {
    "name": _is_text,
    "actions": _are_actions,
    "on-error": _one_of("stop-all", "stop-next", "continue", "retry"),
    "edge-merge-mode": _one_of("replace", "append"),
    "override": _mapping(_SHARED),
}
_is_execution_node = _mapping({**_NODE, "type": _one_of("execution"), "step": _is_text}, ("name", "step", "type"))
_is_task_node_of_step = _mapping({**_NODE, "type": _one_of("task"), "step": _is_text}, ("name", "step", "type"))
_is_task_node_of_task = _mapping({**_NODE, "type": _one_of("task"), "task": _is_text}, ("name", "task", "type"))
_is_deployment_node = _mapping(
    {
        "name": _is_name,
        "type": _one_of("deployment"),
        "deployment": _is_text,
        "actions": _are_actions,
        "endpoints": _list_of(_is_text),
        "aliases": _list_of(_is_text),
        "on-error": _one_of("stop-all", "stop-next", "continue"),
    },
    ("name", "type", "deployment"),
)
_is_node = _either(_is_execution_node, _is_task_node_of_step, _is_task_node_of_task, _is_deployment_node)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))  # noqa: PLR2004 - source, target


_is_pipeline = _mapping(
    {
        "name": _is_text,
        "nodes": _list_of(_is_node),
        "edges": _list_of(
            _either(
                _is_pair,
                _mapping({"source": _is_text, "target": _is_text, "configuration": _mapping({})}, ("source", "target")),
            ),
        ),
        "parameters": _list_of(
            _mapping(
                {
                    "name": _is_text,
                    "default": _is_value,
                    "target": _is_text,
                    "targets": _are_texts,
                    "description": _is_text,
                    "category": _is_text,
                }
            )
        ),
        "reuse-executions": _is_boolean,
    },
    ("name", "nodes", "edges"),
)

_keys_of_endpoints = _mapping(
    {
        "name": lambda value: _is_text(value) and re.fullmatch("[a-z][a-z0-9-]+", value) is not None,
        "image": _is_text,
        "description": _is_text,
        "port": lambda value: _is_integer(value) and _PORTS[0] <= value <= _PORTS[1],
        "server-command": _are_texts,
        "wsgi": _is_text,
        "files": _list_of(_mapping({"name": _is_text, "path": _is_text, "description": _is_text}, ("name", "path"))),
    },
    ("name", "image"),
)


def _is_endpoint(value: Any) -> bool:
    return _keys_of_endpoints(value) and ("server-command" in value) != ("wsgi" in value)


_ITEMS: Mapping[str, _Test] = {
    "step": _is_step,
    "task": _is_task,
    "pipeline": _is_pipeline,
    "endpoint": _is_endpoint,
}
