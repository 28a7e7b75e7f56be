"""Lower a node to its function and to the statement that submits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import allows_failure
from translator.targets.actions import at_events
from translator.targets.prefect import forms
from translator.targets.prefect import gates as gated
from translator.targets.prefect.annotations import SEQUENCE
from translator.targets.prefect.model import NodeFunction
from translator.targets.prefect.names import GROUP_ARGUMENTS, INPUTS_ARGUMENT
from translator.targets.prefect.plan import METHODS
from translator.targets.prefect.settings import (
    approval_rules,
    node_hooks,
    of_node,
    retry_options,
    runs_in_order,
    task_runner,
)
from translator.targets.prefect.text import docstring_of, spread
from translator.targets.render import Call, Name, call, code, comment, literal
from translator.targets.render import keywords as lines_of
from translator.targets.searches import search_expression, search_phrase
from translator.targets.steps import own_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.targets.prefect.model import Group
    from translator.targets.prefect.names import Names
    from translator.targets.prefect.plan import Plan
    from translator.targets.render import Expression


def function_of(plan: Plan, node: ir.StepNode, names: Names) -> NodeFunction:
    """Return the function of a node, and the statement that submits it."""
    group = names.groups[node.name]
    edges = plan.edges[node.name]
    carrying = dict.fromkeys(edge.source.node for edge in edges if edge.source.kind in METHODS)
    carrying |= dict.fromkeys(gated.verdicts(node))
    setters = plan.setters[node.name]
    arguments: list[str] = []
    passed: list[str] = []
    if group:
        kind = forms.group_kind(node)
        annotation = group.name if kind != "Point" else f"{SEQUENCE}[{group.name}]"
        arguments.append(f"{GROUP_ARGUMENTS[kind]}: {annotation}")
        passed.append(f"{GROUP_ARGUMENTS[kind]}={names.nodes[node.name]}")
    if inputs := names.inputs[node.name]:
        arguments.append(f"{INPUTS_ARGUMENT}: {inputs.name}")
        passed.append(f"{INPUTS_ARGUMENT}={names.launched[node.name]}")
    for source in carrying:
        arguments.append(f"{names.nodes[source]}: Executions")
        passed.append(f"{names.nodes[source]}={_upstream(plan, source, names)}")
    for setter in dict.fromkeys((*setters.values(), *gated.switches(node))):
        argument = names.arguments[setter]
        arguments.append(f"{argument.field.name}: {argument.plain}")
        passed.append(f"{argument.field.name}={argument.field.name}")
    sources = [source for source in dict.fromkeys(edge.source.node for edge in edges) if source in plan.nodes]
    if waited := [source for source in sources if source not in carrying]:
        passed.append(f"wait_for=[{', '.join(_future(plan.nodes[source], names) for source in waited)}]")
    function = names.functions[node.name]
    values = {name: argument.field.name for name, argument in names.arguments.items()}
    guard, reason = gated.guard(node, names.nodes, values)
    return NodeFunction(
        decorator=_decorator(node, of_node(plan.pipeline, node), names),
        head=spread(f"def {function}(", arguments, f") -> {_returned(node, guard)}:"),
        in_batches=in_batches(node),
        in_group=isinstance(node, ir.TaskNode) and node.grid.distributed is not None,
        doc=_documentation(node),
        executions=_executions(node, of_node(plan.pipeline, node)),
        job=_job(plan, node, names),
        run=_work(node, group, _values(plan, node, names)) if isinstance(node, ir.ExecutionNode) else None,
        grid=_work(node, group, _values(plan, node, names)) if isinstance(node, ir.TaskNode) else None,
        submit=_submit(_variable(plan, node, names), function, passed, gated.included(node, values)),
        guard=guard,
        reason=reason,
    )


def in_batches(node: ir.StepNode) -> bool:
    """Return whether a node runs batch by batch, because later points follow from earlier results."""
    return isinstance(node, ir.TaskNode) and node.grid.kind is ir.GridKind.OPTIMISER


def _submit(variable: str | None, function: str, passed: Sequence[str], included: str | None) -> str:
    """Return the statement that submits a node if it is part of the run."""
    target = function if variable is None else f"{variable} = {function}"
    if included is None:
        return spread(f"{target}.submit(", passed, ")", indent=8)
    submitted = spread(f"{target}.submit(", passed, ")", indent=12)
    return f"if {included}:\n            {submitted}\n        else:\n            {target}.leave_out()"


def _variable(plan: Plan, node: ir.StepNode, names: Names) -> str | None:
    """Return the variable that holds the future of a node; None if no node follows it."""
    edges = any(edge.source.node == node.name for edge in plan.pipeline.edges)
    judged = any(node.name in gated.verdicts(other) for other in plan.nodes.values())
    return names.runs[node.name] if edges or judged else None


def earlier_node(plan: Plan, name: str, names: Names) -> str:
    """Return the statement that refers to a node that is left out."""
    part = plan.pipeline.part
    may_fail = allows_failure(plan.earlier[name]) or None
    reference = call("earlier_node", name, run=part.run if part is not None else None, may_fail=may_fail)
    return f"{names.runs[name]} = {literal(reference)}  {comment(plan.earlier[name].span.place)}"


def _upstream(plan: Plan, name: str, names: Names) -> str:
    """Return an upstream node as an argument: its future, or its executions in an earlier run."""
    return names.runs[name] if name in plan.earlier else _future(plan.nodes[name], names)


def _future(node: ir.StepNode, names: Names) -> str:
    """Return the future of an upstream node as an argument; its failure may be allowed."""
    variable = names.runs[node.name]
    return f"allow_failure({variable})" if allows_failure(node) else variable


def _returned(node: ir.StepNode, guard: str | None) -> str:
    if in_batches(node):
        return "Iterator[Mapped]"
    returned = "Manifest" if isinstance(node, ir.ExecutionNode) else "Mapped"
    return returned if guard is None else f"{returned} | Skip"


def _documentation(node: ir.StepNode) -> tuple[str, ...]:
    """Return the lines of the docstring of a node: its step's description, below a summary if it begins with none."""
    description = " ".join((node.step.description or _what_it_runs(node)).split())
    summary, stop, details = description.partition(". ")
    for lines in (docstring_of(description), docstring_of(f"{summary}{stop.rstrip()}", details)):
        if len(lines) == 1 or not lines[1]:
            return lines
    return docstring_of(_what_it_runs(node), description)


def _what_it_runs(node: ir.StepNode) -> str:
    """Describe a node whose step has no description."""
    step = node.step
    if step.kind is ir.StepKind.COLLECT:
        return f"Collect the results of the iterations of {code(step.name)}."
    if step.deployment is not None:
        return _what_it_deploys(step.deployment)
    is_script = step.kind is ir.StepKind.SCRIPT and step.command
    what = code(step.command[0]) if is_script else f"the step {code(step.name)}"
    if isinstance(node, ir.ExecutionNode):
        return f"Run {what}."
    if node.grid.search is not None:
        return f"Run {what} in a {search_phrase(node.grid.search)}."
    if node.grid.distributed is not None:
        return f"Run {what} as one group of {node.grid.distributed.members} executions."
    return f"Run {what} once per {'file' if node.grid.files is not None else 'point of the grid'}."


def _what_it_deploys(deployment: ir.Deployment) -> str:
    """Describe a node that deploys."""
    aliases = [code(alias) for alias in deployment.aliases]
    moved = f", and let {' and '.join(aliases)} point to it" if aliases else ""
    return f"Deploy a version of {code(deployment.name)}{moved}."


def _joins(node: ir.StepNode) -> bool:
    """Return whether a node runs although upstream nodes were skipped."""
    return node.step.kind is ir.StepKind.COLLECT


def _executions(node: ir.StepNode, settings: Mapping[str, ir.Json]) -> Expression:
    """Return the task that a task node maps, with its options."""
    if not isinstance(node, ir.TaskNode):
        return None
    tags = settings.get("tags")
    options = {**retry_options(settings, node.policy.tries), "tags": list(tags) if isinstance(tags, tuple) else None}
    set_options = {key: value for key, value in options.items() if value is not None}
    return call("execution.with_options", **set_options) if set_options else Name("execution")


def _decorator(node: ir.StepNode, settings: Mapping[str, ir.Json], names: Names) -> str:
    policy = node.policy
    keywords: dict[str, object] = {
        "name": node.name,
        "on_error": None if policy.on_error is ir.OnError.STOP_ALL else policy.on_error.value,
    }
    if isinstance(node, ir.ExecutionNode):
        keywords |= retry_options(settings, policy.tries)
        keywords["joins"] = _joins(node) or None
    else:
        keywords["on_child_error"] = policy.on_child_error.value if policy.on_child_error else None
        keywords["stop_condition"] = policy.stop_condition
        keywords["max_workers"] = _max_workers(node, settings)
        keywords["task_runner"] = task_runner(settings, node, names.hooks)
    tags = settings.get("tags") if isinstance(node, ir.ExecutionNode) else None
    grouped = [node.group] if node.group is not None else []
    keywords["actions"] = at_events(node, tuple(ir.Event)) or None
    keywords["approval"] = approval_rules(settings, node)
    keywords["tags"] = [*grouped, *(tags if isinstance(tags, tuple) else ())] or None
    keywords |= node_hooks(settings, names.hooks)
    items = [f"{name}={literal(value)}" for name, value in keywords.items() if value is not None]
    kind = "execution_node" if isinstance(node, ir.ExecutionNode) else "task_node"
    note = own_place(node)
    flat = spread(f"@{kind}(", items, ")", note=note)
    if "\n" not in flat:
        return flat
    shown = [(name, value) for name, value in keywords.items() if value is not None]
    return "\n".join((f"@{kind}({f'  {comment(note)}' if note else ''}", *lines_of(shown, " " * 4), ")"))


def _max_workers(node: ir.TaskNode, settings: Mapping[str, ir.Json]) -> ir.Json:
    """Return how many executions run at once; all members of a group do."""
    if runs_in_order(node):
        return 1
    wanted = node.policy.concurrency or settings.get("max_workers")
    return node.grid.distributed.members if node.grid.distributed is not None and wanted is None else wanted


def _job(plan: Plan, node: ir.StepNode, names: Names) -> Call:
    edges: dict[str, list[Expression]] = {}
    for edge in plan.edges[node.name]:
        if edge.target.kind is ir.EdgeKind.INPUT:
            edges.setdefault(edge.target.key, []).append(_edge(edge, names))
    mode = node.merge_mode.value if edges and node.merge_mode is not ir.MergeMode.REPLACE else None
    variables = {
        edge.target.key: _edge(edge, names)
        for edge in plan.edges[node.name]
        if edge.target.kind is ir.EdgeKind.ENVIRONMENT_VARIABLE and edge.source.kind in METHODS
    }
    inputs = Name(INPUTS_ARGUMENT) if names.inputs[node.name] else None
    return call(
        "Job",
        Name(names.steps[node.name]),
        inputs=inputs,
        input_edges=edges or None,
        edge_merge_mode=mode,
        environment_edges=variables or None,
    )


def _values(plan: Plan, node: ir.StepNode, names: Names) -> dict[str, Expression]:
    """Return what sets parameters of a node in addition to its group: pipeline parameters, and edges, which win."""
    values: dict[str, Expression] = {
        parameter: Name(names.arguments[setter].field.name) for parameter, setter in plan.setters[node.name].items()
    }
    for edge in plan.edges[node.name]:
        if edge.target.kind is ir.EdgeKind.PARAMETER:
            values[edge.target.key] = _edge(edge, names, default=values.get(edge.target.key))
    return values


def _edge(edge: ir.Edge, names: Names, **keywords: Expression) -> Call:
    source = edge.source
    return call(f"{names.nodes[source.node]}.{METHODS[source.kind]}", source.key, **keywords)


def _work(node: ir.StepNode, group: Group | None, values: Mapping[str, Expression]) -> Call:
    """Return the call that runs an execution node's step once, or that computes a task node's grid."""
    arguments: list[Expression] = [Name(GROUP_ARGUMENTS[forms.group_kind(node)])] if group else []
    keywords: dict[str, Expression] = {}
    if values:
        keywords["values"] = values
    if isinstance(node, ir.ExecutionNode):
        return call("job.run", *arguments, **keywords)
    if (search := search_expression(node.grid.search)) is not None:
        keywords["search"] = search
    if in_batches(node):
        return call("job.batches", *arguments, **keywords)
    if node.grid.distributed is not None:
        return call("job.members", *arguments, **keywords)
    return call("job.grid" if node.grid.files is None else "job.files", *arguments, **keywords)
