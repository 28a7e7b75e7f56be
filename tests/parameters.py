"""List every parameter type with every kind of default, at every place of a Valohai file that accepts one.

The vendor decides which values a parameter accepts (``Parameter.validate``) and what the command line is
(``build_command``).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import yaml
from valohai_yaml.commands import build_command
from valohai_yaml.excs import ValidationErrors
from valohai_yaml.objs.parameter import Parameter
from valohai_yaml.objs.parameter_map import ParameterMap

TEXTS = (
    "",
    "text",
    "1",
    "007",
    "-3",
    "1.5",
    "1.50",
    "1e-3",
    "1E5",
    "true",
    "False",
    "null",
    'it\'s {a} "b"',
    "é",
    "--x",
)
NUMBERS = (0, 1, -3, 95, 2**53, 0.5, 95.0, 1e-07, 1e22, True, False)
LISTS = ([], ["a", "b"], [1, 2], [0.5, 1], ["1", "1e-3"], [True], ["a", None])
DEFAULTS: tuple[Any, ...] = (None, *TEXTS, *NUMBERS, *LISTS)
SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"optional": True},
    {"min": 0, "max": 1000},
    {"choices": [0.5, 2, 95, "1", "text"]},
    {"multiple": "repeat"},
    {"multiple": "separate", "multiple-separator": ";"},
    {"pass-as": "-p {v}"},
)
FLAGS: tuple[dict[str, Any], ...] = ({}, {"pass-true-as": "--on", "pass-false-as": "--off"})


@dataclass(frozen=True)
class Case:
    """A parameter of a step and the default that a file gives it."""

    name: str
    definition: dict[str, Any]
    default: Any

    @property
    def vendor(self) -> Parameter:
        """The parameter in the vendor's own words."""
        keys = {"multiple-separator": "multiple_separator", "pass-as": "pass_as"}
        keys |= {"pass-true-as": "pass_true_as", "pass-false-as": "pass_false_as"}
        return Parameter(name=self.name, **{keys.get(key, key): value for key, value in self.definition.items()})

    @property
    def value(self) -> Any:
        """The value that a run has: as it is written, a text of a number as a number.

        Two things are decided otherwise than by ``validate``, because a form and JSON change them: 95.0 is an integer,
        and the text "true" is a flag's True.

        Raises:
            ValidationErrors: the parameter cannot take it.
        """
        if self.default is None:
            return None
        kind = self.definition["type"]
        if kind == "flag" and str(self.default).lower() in ("true", "false", "1", "0"):
            return str(self.default).lower() in ("true", "1")
        several = "multiple" in self.definition
        given = self.default if isinstance(self.default, list) or not several else [self.default]
        if kind == "integer":
            given = [self._whole(item) for item in given] if several and isinstance(given, list) else self._whole(given)
        if several and any(item is None for item in given):
            raise ValidationErrors(["null among several values"])
        validated = self.vendor.validate(given)
        if several and isinstance(validated, list):
            return [self._as_written(item, other) for item, other in zip(given, validated, strict=True)]
        return self._as_written(given, validated)

    @staticmethod
    def _whole(value: Any) -> Any:
        return int(value) if type(value) is float and value.is_integer() and abs(value) < 2**53 else value

    def _as_written(self, given: Any, validated: Any) -> Any:
        if self.definition["type"] == "float" and isinstance(given, str) and given.lstrip("-").isdigit():
            return int(given)
        return validated if isinstance(given, str) else given

    @property
    def accepted(self) -> bool:
        """Whether the parameter can take its default."""
        try:
            _ = self.value
        except ValidationErrors:
            return False
        return True

    def arguments(self) -> list[str]:
        """Return the vendor's command line."""
        values = ParameterMap(parameters={self.name: self.vendor}, values={self.name: self.value})
        return values.build_parameters()


def cases() -> list[Case]:
    """Return all cases."""
    shapes = [("flag", flag) for flag in FLAGS] + [
        (kind, shape)
        for kind, shape in itertools.product(("string", "integer", "float"), SHAPES)
        if kind != "string" or "min" not in shape
    ]
    return [
        Case(f"p{number}", {"type": kind, **shape}, default)
        for number, ((kind, shape), default) in enumerate(itertools.product(shapes, DEFAULTS))
    ]


def document(of: list[Case]) -> str:
    """Return a pipeline with each case in every place, with an execution node or a task node for each."""
    script = "printf '%s\\n' {parameters} > $VH_OUTPUTS_DIR/argv.txt"
    plain = {case.name: {"name": case.name, **case.definition} for case in of}
    written = [definition | {"default": case.default} for case, definition in zip(of, plain.values(), strict=True)]
    sets = {case.name: case.value for case in of if case.accepted and case.default is not None}
    single = [
        {"name": name, "style": "multiple", "rules": {"items": [value]}}
        for name, value in sets.items()
        if not isinstance(value, list)
    ]

    def step(name: str, parameters: Any) -> dict[str, Any]:
        return {"step": {"name": name, "image": "none", "command": script, "parameters": parameters}}

    override = {"parameters": [{"name": case.name, "default": case.default} for case in of]}
    given = [
        {"name": f"{case.name}-given", "default": case.default, "targets": [f"{node}.parameters.{case.name}"]}
        for case in of
        for node in ("given", "given_to_task")
        if not (node == "given_to_task" and isinstance(case.default, list))
    ]
    for number, parameter in enumerate(given):
        parameter["name"] += f"-{number}"
    return yaml.safe_dump(
        [
            step("written", written),
            step("plain", list(plain.values())),
            {"task": {"name": "blueprint", "step": "plain", "type": "grid_search", "parameters": single}},
            {"task": {"name": "sets", "step": "plain", "type": "manual_search", "parameter-sets": [sets]}},
            {
                "pipeline": {
                    "name": "Parameters",
                    "parameters": given,
                    "nodes": [
                        {"name": "default", "type": "execution", "step": "written"},
                        {"name": "default_of_task", "type": "task", "step": "written"},
                        {"name": "override", "type": "execution", "step": "plain", "override": override},
                        {"name": "given", "type": "execution", "step": "plain"},
                        {"name": "given_to_task", "type": "task", "step": "plain"},
                        {"name": "blueprint", "type": "task", "task": "blueprint"},
                        {"name": "sets", "type": "task", "task": "sets"},
                    ],
                    "edges": [],
                }
            },
        ],
        allow_unicode=True,
        sort_keys=False,
    )


def lines(of: list[Case], node: str) -> list[str]:
    """Return the output of the only execution of a node."""
    found = []
    for case in of:
        has = True
        if node == "given_to_task":
            has = not isinstance(case.default, list)
        elif node == "blueprint":
            has = not isinstance(case.value, list)
        found += case.arguments() if has else []
    parameters = ParameterMap(parameters={}, values={})
    assert build_command("{parameters}", parameters) == [""]
    return found or [""]
