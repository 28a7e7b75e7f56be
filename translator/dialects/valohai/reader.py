"""Read the pipelines of a ``valohai.yaml`` into the IR."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator import ir
from translator.diagnostics import Diagnostics, Severity
from translator.dialects.valohai import vendor
from translator.dialects.valohai.actions import read_actions
from translator.dialects.valohai.clean import is_clean
from translator.dialects.valohai.distributed import in_group, with_values
from translator.dialects.valohai.document import Items, sort_items
from translator.dialects.valohai.edges import read_edge, read_port
from translator.dialects.valohai.environment_edges import with_environment
from translator.dialects.valohai.grids import read_grid
from translator.dialects.valohai.ledger import account
from translator.dialects.valohai.schema import validate
from translator.dialects.valohai.selection import choices_of
from translator.dialects.valohai.single_nodes import single_nodes
from translator.dialects.valohai.steps import read_step
from translator.dialects.valohai.values import texts, value_of
from translator.ir import EdgeKind
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostic
    from translator.dialects import Source
    from translator.dialects.valohai.document import Item
    from translator.dialects.valohai.single_nodes import SingleNode
    from translator.source import Located

TRIES = 3
"""The attempts with ``on-error: retry`` in total; Valohai does not document them (docs/semantics.md)."""
_TITLES = {"step": "step", "task": "task blueprint"}


@dataclass(slots=True)
class _File:
    """The context of a file while its pipelines are read.

    ``wrong`` holds the paths of values that violate the schema, and of all that enclose them; ``shared`` holds the
    steps that nodes run without an override. ``commit`` is the hash of the commit whose file this is, if nodes name it;
    ``flaws`` are its errors by the positions of its items, and ``commits`` those files by the names that nodes give.
    """

    source: Source
    items: Items
    config: vendor.Config
    wrong: frozenset[tuple[object, ...]]
    commit: str | None = None
    flaws: Mapping[int, Diagnostic] = field(default_factory=dict)
    commits: dict[str, _File | None] = field(default_factory=dict)
    shared: dict[tuple[str, str, frozenset[str]], ir.Step | None] = field(default_factory=dict)


def read_pipelines(source: Source, diagnostics: Diagnostics) -> tuple[ir.Pipeline, ...]:
    """Read all pipelines of a file; see ``translator.dialects.valohai.read``."""
    root = source.root
    if root is None:
        return ()
    items = sort_items(root, diagnostics)
    prefixes: frozenset[tuple[object, ...]] = frozenset()
    if is_clean(root.value):
        config = vendor.unparsed(items, diagnostics)
    else:
        wrong = validate(root, diagnostics)
        if () in wrong:
            return ()
        prefixes = frozenset(path[:end] for path in wrong for end in range(2, len(path) + 1))
        config = vendor.parse(items, lambda item: (item.index, item.kind) in prefixes, diagnostics)
    _report_unused(items, diagnostics)
    choices = choices_of(source, items)
    singles = single_nodes(items, choices)
    pipelines = items.pipelines if choices.pipelines else {}
    if not pipelines and not singles:
        hint = f"choose one of its steps with --step: {', '.join(map(repr, items.steps))}" if items.steps else None
        diagnostics.warning("no-pipeline", "the file has no pipeline", root.span, hint=hint)
    file = _File(source, items, config, prefixes)
    return (
        *(_read_pipeline(item, file, source.name, diagnostics.about(name)) for name, item in pipelines.items()),
        *(_read_single_node(single, file, source.name, diagnostics.about(single.name)) for single in singles),
    )


def _report_unused(items: Items, diagnostics: Diagnostics) -> None:
    """Report endpoints and deployments that no node names."""
    nodes = [node for item in items.pipelines.values() for node in item.body.list("nodes")]
    deploying = [
        node.value for node in nodes if isinstance(node.value, dict) and node.value.get("type") == "deployment"
    ]
    used = {
        "endpoint": {
            str(name) for node in deploying if isinstance(named := node.get("endpoints"), list) for name in named
        },
        "deployment": {str(node.get("deployment")) for node in deploying},
    }
    for item in (*items.endpoints.values(), *items.deployments.values()):
        if item.name not in used[item.kind]:
            message = f"the {item.kind} {item.name!r} is ignored, because no deployment node names it"
            diagnostics.note(f"ignored-{item.kind}", message, item.place.key_span(item.kind))


def _read_single_node(single: SingleNode, file: _File, name: str, diagnostics: Diagnostics) -> ir.Pipeline:
    """Read a step or a task blueprint as a pipeline of one node."""
    node = _read_node(single.node, frozenset(), file, diagnostics)
    graph = ir.Graph(() if node is None else (node,))
    return ir.Pipeline(single.name, "valohai", name, graph, single.node.span)


def _read_pipeline(item: Item, file: _File, name: str, diagnostics: Diagnostics) -> ir.Pipeline:
    body = item.body
    account(body, "pipeline", diagnostics)
    sound = [
        node
        for index, node in enumerate(body.list("nodes"))
        if (item.index, item.kind, "nodes", index) not in file.wrong and vendor.fit_override(node, diagnostics)
    ]
    vendor.lint_pipeline(item, file.config, sound, diagnostics)
    names = [
        str(node.value["name"]) for node in body.list("nodes") if isinstance(node.value, dict) and "name" in node.value
    ]
    fed = _fed_inputs(body)
    nodes: dict[str, ir.StepNode] = {}
    first: dict[str, Located] = {}
    for node in sound:
        node_name = str(node.value["name"])
        if node_name in first:
            hint = f"the first is on line {first[node_name].span.line}"
            diagnostics.error(
                "duplicate-node", f"there are two nodes named {node_name!r}", node.value_span("name"), hint=hint
            )
            continue
        first[node_name] = node
        read = _read_node(
            node,
            fed.get(node_name, frozenset()),
            file,
            diagnostics,
            reuse=body.value.get("reuse-executions") is True,
        )
        if read is not None:
            nodes[node_name] = read
    known = frozenset(names)
    lost = known - nodes.keys()
    edges = _read_edges(item, file, known, lost, diagnostics)
    if any(node.step.deployment is not None for node in nodes.values()) or any(_is_of_deployment(e) for e in edges):
        from translator.dialects.valohai.deployments import with_deployments

        nodes, edges = with_deployments(nodes, edges, diagnostics)
    with_values, edges = with_environment(nodes, edges, diagnostics)
    return ir.Pipeline(
        name=item.name,
        dialect="valohai",
        file=name,
        graph=ir.Graph(tuple(with_values.values()), tuple(edges)),
        span=body.span,
        parameters=tuple(
            _read_parameter(parameter, known, lost, diagnostics)
            for index, parameter in enumerate(body.list("parameters"))
            if (item.index, item.kind, "parameters", index) not in file.wrong
        ),
    )


def _is_of_deployment(edge: ir.Edge) -> bool:
    return edge.source.kind is EdgeKind.DEPLOYMENT or edge.target.kind is EdgeKind.FILE


def _read_node(
    node: Located, fed: frozenset[str], file: _File, diagnostics: Diagnostics, *, reuse: bool = False
) -> ir.StepNode | None:
    kind = str(node.value["type"])
    if kind == "deployment":
        from translator.dialects.valohai.deployments import read_deployment_node  # few pipelines deploy

        items, valid = file.items, file.config.endpoints
        return read_deployment_node(node, items.endpoints, items.deployments, valid, diagnostics)
    fine = account(node, f"{kind}-node", diagnostics)
    if (commit := node.get("commit")) is not None and commit.value:
        other = _file_of_commit(commit, file, diagnostics)
        if other is None:
            return None
        file = other
    task = _referenced_item(node, "task", file, diagnostics)
    owner = task.body if task else node
    item = _referenced_item(owner, "step", file, diagnostics)
    for used, valid in ((task, file.config.tasks), (item, file.config.steps)):
        if used is not None and used.name not in valid:
            if file.commit is not None:
                diagnostics.error("bad-commit", _flaw(used, file), node.value_span("commit"))
            return None
    if item is None:
        return None
    step = _read_shared(item, node, fed, file, diagnostics)
    seed = f"{diagnostics.pipeline}/{node.value['name']}"
    grid = read_grid(task.body, step, seed, diagnostics) if task and step else ir.Grid(span=node.span)
    actions = read_actions(node, diagnostics)
    if step is None or grid is None or actions is None or not fine:
        return None
    step, grid = with_values(step, grid)
    built = _build_node(node, step, grid, task, actions, reuse=reuse)
    return in_group(built, node, task.body, diagnostics) if task is not None else built


def _file_of_commit(place: Located, file: _File, diagnostics: Diagnostics) -> _File | None:
    """Return the pipeline file of the commit that a node names; None if it cannot be read."""
    from translator.dialects.valohai.commits import read_commit  # few pipelines name commits

    name = str(place.value)
    if name not in file.commits:
        read = read_commit(file.source, place, diagnostics)
        if read is None:
            return None
        commit, root = read
        scratch = Diagnostics()  # what is wrong with other items of that file does not matter
        wrong = validate(root, scratch)
        prefixes = frozenset(path[:end] for path in wrong for end in range(2, len(path) + 1))
        items = sort_items(root)
        config = vendor.parse(items, lambda item: (item.index, item.kind) in prefixes, scratch)
        file.commits[name] = _File(file.source, items, config, prefixes, commit, _flaws(root, scratch))
    return file.commits[name]


def _flaws(root: Located, found: Diagnostics) -> Mapping[int, Diagnostic]:
    """Return the first error in each item of a file, by its position."""
    starts = [item.start for item in root.items or ()]
    flaws: dict[int, Diagnostic] = {}
    for one in found.found:
        if one.severity is Severity.ERROR and one.span is not None:
            flaws.setdefault(bisect_right(starts, (one.span.line, one.span.column)) - 1, one)
    return flaws


def _flaw(item: Item, file: _File) -> str:
    """Return the message about an item of another commit that is not valid."""
    message = f"{_TITLES[item.kind]} {item.name!r} of the commit {str(file.commit)[:10]} is not valid"
    flaw = file.flaws.get(item.index)
    return message if flaw is None or flaw.span is None else f"{message}: {flaw.message} ({flaw.span.place})"


def _build_node(  # noqa: PLR0913 - all that makes a node
    node: Located, step: ir.Step, grid: ir.Grid, task: Item | None, actions: tuple[ir.Action, ...], *, reuse: bool
) -> ir.StepNode:
    on_error = ir.OnError(node.value.get("on-error", "stop-all"))
    children = task.body.value.get("reuse-children") if task else None
    policy = ir.Policy(
        on_error=on_error,
        on_child_error=_on_child_error(task),
        tries=TRIES if on_error is ir.OnError.RETRY else 1,
        concurrency=task.body.value.get("maximum-queued-executions") or None if task else None,
        actions=actions,
        reuse=reuse if children is None else bool(children),
        stop_condition=str(task.body.value.get("stop-condition") or "") or None if task else None,
    )
    merge_mode = ir.MergeMode(node.value.get("edge-merge-mode", "replace"))
    name = str(node.value["name"])
    if node.value["type"] == "task":
        return ir.TaskNode(name, node.span, step, grid, policy, merge_mode)
    return ir.ExecutionNode(name, node.span, step, policy, merge_mode)


def _read_shared(
    item: Item, node: Located, fed: frozenset[str], file: _File, diagnostics: Diagnostics
) -> ir.Step | None:
    """Read steps without an override once per pipeline, because thousands of nodes may share one."""
    override = node.get("override")
    replaced = fed if node.value.get("edge-merge-mode", "replace") == "replace" else frozenset()
    if override is not None and override.value:
        return _of_commit(read_step(item, override, diagnostics, replaced), file)
    key = (diagnostics.pipeline or "", item.name, replaced)
    if key not in file.shared:
        file.shared[key] = _of_commit(read_step(item, None, diagnostics, replaced), file)
    return file.shared[key]


def _of_commit(step: ir.Step | None, file: _File) -> ir.Step | None:
    """Return a step of a file; that of another commit runs with the files of that commit."""
    return step if step is None or file.commit is None else dataclasses.replace(step, commit=file.commit)


def _fed_inputs(body: Located) -> dict[str, frozenset[str]]:
    """Return the inputs that edges end in, by node."""
    fed: dict[str, set[str]] = {}
    for edge in body.list("edges"):
        end = edge.items[1] if edge.items is not None and len(edge.items) > 1 else edge.get("target")
        node, _, rest = str(end.value if end is not None else "").partition(".")
        kind, _, name = rest.partition(".")
        if kind in ("input", "inputs"):
            fed.setdefault(node, set()).add(name)
    return {node: frozenset(names) for node, names in fed.items()}


def _on_child_error(task: Item | None) -> ir.OnChildError | None:
    rule = task.body.value.get("on-child-error") if task else None
    return ir.OnChildError(str(rule).lower().replace("_", "-")) if rule else None


def _referenced_item(owner: Located, key: str, file: _File, diagnostics: Diagnostics) -> Item | None:
    """Return the item that ``owner`` names below ``key``."""
    reference = owner.get(key)
    if reference is None:
        return None
    known = file.items.of(key)
    item = known.get(str(reference.value))
    if item is None:
        what = _TITLES[key]
        hint = did_you_mean(str(reference.value), known, f"{what}s")
        where = "" if file.commit is None else f" in the commit {file.commit[:10]}"
        message = f"there is no {what} called {reference.value!r}{where}"
        diagnostics.error(f"unknown-{key}", message, reference.span, hint=hint)
    return item


def _read_edges(
    item: Item, file: _File, known: frozenset[str], lost: frozenset[str], diagnostics: Diagnostics
) -> list[ir.Edge]:
    edges: dict[ir.Edge, ir.Edge] = {}
    for index, place in enumerate(item.body.list("edges")):
        if (item.index, item.kind, "edges", index) in file.wrong:
            continue
        edge = read_edge(place, known, diagnostics)
        if edge is None or lost.intersection((edge.source.node, edge.target.node)):
            continue
        same = dataclasses.replace(edge, span=item.body.span)
        if same in edges:
            message = f"duplicate edge: {edge}"
            hint = f"the first is on line {edges[same].span.line}"
            diagnostics.note("duplicate-edge", message, edge.span, hint=hint)
        edges.setdefault(same, edge)
    return list(edges.values())


def _read_parameter(
    parameter: Located, names: frozenset[str], lost: frozenset[str], diagnostics: Diagnostics
) -> ir.PipelineParameter:
    account(parameter, "pipeline-param", diagnostics)
    name = str(parameter.value.get("name", ""))
    if "name" not in parameter.value:
        diagnostics.error("missing-key", "a pipeline parameter needs 'name'", parameter.span)
    if "target" in parameter.value and "targets" in parameter.value:
        message = f"pipeline parameter {name!r} has both 'target' and 'targets'; remove one of them"
        diagnostics.error("bad-value", message, parameter.key_span("target"))
    default = parameter.get("default")
    target = parameter.get("target") or parameter.get("targets")
    places = target.items if target is not None and target.items is not None else [target] if target is not None else []
    if not any(texts(place) for place in places):
        message = f"pipeline parameter {name!r} has no targets and no effect"
        diagnostics.warning("no-targets", message, parameter.span)
    targets: list[ir.ParameterTarget] = []
    for place in places:
        port = _read_target(place, name, names, diagnostics)
        if port is not None and port.node not in lost:
            targets.append(ir.ParameterTarget(port.node, port.key, place.span))
    return ir.PipelineParameter(
        name=name,
        span=parameter.span,
        default=None if default is None else value_of(default, f"the default of {name!r}", diagnostics),
        targets=tuple(dict.fromkeys(targets)),
        description=parameter.value.get("description"),
    )


def _read_target(place: Located, name: str, names: frozenset[str], diagnostics: Diagnostics) -> ir.Port | None:
    if place.value is None:
        return None
    node, _, rest = str(place.value).partition(".")
    kind, _, key = rest.partition(".")
    if kind == "parameters" and key:
        return ir.Port(node, EdgeKind.PARAMETER, key, place.span)
    port = read_port(place, names, diagnostics)
    if port is not None and port.kind is not EdgeKind.PARAMETER:
        message = f"pipeline parameter {name!r} can set parameters only, not '{port.kind}'"
        hint = f"{port.node}.parameter.{port.key}"
        diagnostics.error("bad-target", message, place.span, hint=f"did you mean '{hint}'?")
        return None
    return port
