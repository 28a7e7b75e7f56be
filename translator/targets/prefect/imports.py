"""Write the import statements of a generated flow."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import allows_failure
from translator.targets import render
from translator.targets.hooks import import_clauses
from translator.targets.prefect import gates as gated
from translator.targets.prefect.plan import METHODS
from translator.targets.prefect.settings import approval_rules, is_repeated, of_node
from translator.targets.prefect.text import imported
from translator.targets.render import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from translator.targets.constants import Constant
    from translator.targets.prefect.model import Flow, NodeFunction
    from translator.targets.prefect.names import Names
    from translator.targets.prefect.plan import Plan


def imports_of(  # noqa: PLR0913 - the parts of a file
    plan: Plan,
    names: Names,
    constants: Iterable[Constant],
    functions: Iterable[NodeFunction],
    flow: Flow,
    *,
    project_is_local: bool,
) -> tuple[str, ...]:
    """Return the import statements of the file of a pipeline, which finds its project in a directory or fetches it."""
    of_parameters = [group for group in names.groups.values() if group is not None]
    of_inputs = [group for group in names.inputs.values() if group is not None]
    groups = [*of_parameters, *of_inputs]
    fields = [*flow.arguments, *(field for group in groups for field in group.fields)]
    annotations = {*names.aliases, *(field.annotation for field in fields)}
    used = {name for annotation in annotations for name in _names_in(annotation)}
    used |= {"Field" for field in fields if isinstance(field.default, Call) and field.default.function.text == "Field"}
    nodes = plan.nodes.values()
    tasks = any(isinstance(node, ir.TaskNode) for node in nodes)
    searches = [node.grid.search for node in nodes if isinstance(node, ir.TaskNode) and node.grid.search is not None]
    carrying = any(edge.source.kind in METHODS for edge in plan.pipeline.incoming)
    carrying = carrying or any(True for node in nodes for _ in gated.verdicts(node))
    allowing = any(allows_failure(plan.nodes[edge.source.node]) for edge in plan.pipeline.edges)
    skipping = any(not gate.excludes for node in nodes for gate in node.policy.gates)
    of_steps = {used for constant in constants for used in render.names_in(constant.value)}
    executions = any(isinstance(node, ir.ExecutionNode) for node in nodes)
    sequences = "Sequence" in used or any("Sequence[" in function.head for function in functions)
    iterators = any("-> Iterator[" in function.head for function in functions)
    wanted = {
        "collections.abc": [*(["Iterator"] if iterators else []), *(["Sequence"] if sequences else [])],
        "pathlib": ["Path"] if project_is_local else [],
        "typing": sorted(used & {"Annotated", "Literal"}),
        "": [],
        "prefect": ["State", "flow", *(["unmapped"] if tasks else []), *(["allow_failure"] if allowing else [])],
        "prefect_plugin": [
            "Job",
            "finish",
            "record_crash",
            "run_of",
            "thread_pool",
            *(["Executions"] if carrying else []),
            *(["earlier_node"] if plan.earlier else []),
            *(["Skip", "skip"] if skipping else []),
            *(["NodeParameters"] if of_parameters else []),
            *(["NodeInputs"] if of_inputs else []),
            *sorted(used & {"Axis", "Files", "Number", "as_written"}),
            *(["Mapped", "execution", "task_node"] if tasks else []),
            *(["Manifest", "execution_node"] if executions else []),
            *sorted(of_steps),
            *(["Search"] if searches else []),
            *(["Objective"] if any(search.objective for search in searches) else []),
            *(["Distribution"] if any(search.space for search in searches) else []),
            *(["Action"] if any(node.policy.actions for node in nodes) else []),
            *(["ApprovalRules"] if any(approval_rules(of_node(plan.pipeline, node), node) for node in nodes) else []),
            *(["infrastructure_failed"] if any(is_repeated(plan.pipeline, node) for node in nodes) else []),
        ],
        "pydantic": ["Field"] if "Field" in used else [],
    }
    return import_statements(with_hooks(wanted, names.hooks))


def with_hooks(names_by_module: Mapping[str, Iterable[str]], hooks: Mapping[str, str]) -> Mapping[str, Iterable[str]]:
    """Return what a file imports, with the callables that settings name."""
    if not hooks:
        return names_by_module
    names: dict[str, list[str]] = {module: list(listed) for module, listed in names_by_module.items()}
    for clause, module in import_clauses(hooks).items():
        names.setdefault(module, []).append(clause)
    standard = [module for module in names if module and module.partition(".")[0] in sys.stdlib_module_names]
    others = [module for module in names if module and module not in standard]
    return {
        module: names[module] for module in (*sorted(standard), "", *sorted(others, key=str.lower)) if module in names
    }


def import_statements(names_by_module: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return statements that import names, in the order of ``names_by_module``; an empty string is a blank line.

    Args:
        names_by_module: names by module; that of the module ``""`` is the blank line.
    """
    return tuple(
        imported(module, names) if module else "" for module, names in names_by_module.items() if names or not module
    )


def _names_in(expression: str) -> Iterator[str]:
    return (node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name))
