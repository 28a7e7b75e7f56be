"""The import statements of a generated flow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from translator import ir
from translator.targets import render
from translator.targets.prefect import gates as gated
from translator.targets.prefect.plan import METHODS, future
from translator.targets.prefect.text import imported
from translator.targets.render import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator.targets.constants import StepConstant
    from translator.targets.prefect.model import Flow, Group
    from translator.targets.prefect.names import Names
    from translator.targets.prefect.plan import Plan


def imports_of(
    plan: Plan, names: Names, constants: Iterable[StepConstant], groups: Sequence[Group], flow: Flow
) -> tuple[str, ...]:
    """The import statements of the file of a pipeline."""
    fields = [*flow.arguments, *(field for group in groups for field in group.fields)]
    annotations = {*names.aliases, *(field.annotation for field in fields)}
    used = {name for annotation in annotations for name in _names_in(annotation)}
    used |= {"Field" for field in fields if isinstance(field.default, Call) and field.default.function.text == "Field"}
    nodes = plan.nodes.values()
    tasks = any(isinstance(node, ir.TaskNode) for node in nodes)
    carrying = any(edge.source.kind in METHODS for edge in plan.pipeline.edges)
    carrying = carrying or any(True for node in nodes for _ in gated.verdicts(node))
    allowing = any(future(plan.nodes[edge.source.node]).startswith("allow_") for edge in plan.pipeline.edges)
    skipping = any(not gate.excludes for node in nodes for gate in node.policy.gates)
    of_steps = {used for constant in constants for used in render.names_in(constant.step)}
    wanted = {
        "pathlib": ["Path"],
        "typing": sorted(used & {"Annotated", "Literal"}),
        "": [],
        "prefect": ["State", "flow", *(["unmapped"] if tasks else []), *(["allow_failure"] if allowing else [])],
        "prefect.task_runners": ["ThreadPoolTaskRunner"],
        "prefect_plugin": [
            "Job",
            "finish",
            "record_crash",
            "run_of",
            *(["Executions"] if carrying else []),
            *(["skip"] if skipping else []),
            *(["NodeParameters"] if groups else []),
            *sorted(used & {"Axis", "Number", "as_written"}),
            *(["execution", "task_node"] if tasks else []),
            *(["execution_node"] if any(isinstance(node, ir.ExecutionNode) for node in nodes) else []),
        ],
        "pydantic": ["Field"] if "Field" in used else [],
        "translator.shim": of_steps,
    }
    return import_statements(wanted)


def import_statements(wanted: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Statements that import names, in the order of ``wanted``; an empty string is a blank line.

    Args:
        wanted: names by module; that of the module ``""`` is the blank line.
    """
    return tuple(imported(module, names) if module else "" for module, names in wanted.items() if names or not module)


def _names_in(expression: str) -> Iterator[str]:
    return (node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name))
