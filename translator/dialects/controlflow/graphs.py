"""Read graphs and their nodes: the outermost graph, branches, and graphs of other files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.dialects.controlflow.files import open_graph
from translator.dialects.controlflow.keys import exported, read_keys, value_text
from translator.dialects.controlflow.language import ENDS, LEGACY_TYPES, TRAVERSAL
from translator.dialects.controlflow.routes import Links, check_links, find_ends, resolve
from translator.dialects.controlflow.tasks import overridden, read_stub, read_task
from translator.names import did_you_mean
from translator.nodes import BODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.dialects.controlflow.context import Context
    from translator.source import Located
    from translator.span import Span

_GRAPH = ("description", "name", "start_at", "steps")


def read_graph(place: Located, label: str, context: Context) -> ir.Graph | None:
    """Read a graph.

    Args:
        place: the mapping with ``start_at`` and ``steps``.
        label: its description for messages ("branch 'a' of 'p'").
        context: its context.

    Returns:
        The graph with the nodes that could be read; None if there is none.
    """
    diagnostics = context.diagnostics
    steps = _steps(place, label, context)
    if steps is None:
        return None
    ends = find_ends(steps, label, context)
    links = Links(label, tuple(str(name) for name in steps.entries or {}), ends)
    nodes: dict[str, ir.Node] = {}
    for name, body in (steps.entries or {}).items():
        if _has_valid_name(name, "step", steps.key_span(name), context) and _is_step(name, body, context):
            node = _read_step(name, body, steps.key_span(name), links, context)
            if node is not None:
                nodes[name] = node
    start = _start(place, label, links, context)
    if start is not None and start in ends:
        nodes[start] = _only_an_end(start, ends[start], place.value_span("start_at"))
        message = f"{label} starts at its end, so no step runs"
        diagnostics.warning("starts-at-end", message, place.value_span("start_at"))
    elif start is not None:
        check_links(links, start, diagnostics)
    return ir.Graph(tuple(nodes.values()), start=start or "")


def _steps(place: Located, label: str, context: Context) -> Located | None:
    diagnostics = context.diagnostics
    if place.entries is None:
        hint = "write a mapping with 'start_at' and 'steps'"
        diagnostics.error("bad-value", f"{label} must be a mapping, not {value_text(place)}", place.span, hint=hint)
        return None
    for key in place.entries:
        if key not in _GRAPH:
            near = did_you_mean(str(key), _GRAPH)
            diagnostics.note("ignored-key", f"the key {key!r} of {label} is ignored", place.key_span(key), hint=near)
    description = place.get("description")
    if description is not None and not isinstance(description.value, str | None):
        message = f"'description' of {label} must be a string, not {value_text(description)}"
        diagnostics.error("bad-value", message, description.span)
    steps = place.get("steps")
    if steps is None:
        diagnostics.error("missing-key", f"{label} has no 'steps'", place.span)
        return None
    if steps.entries is None:
        message = f"'steps' of {label} must be a mapping of steps by name, not {value_text(steps)}"
        diagnostics.error("bad-value", message, steps.span)
        return None
    return steps


def _has_valid_name(name: Any, label: str, place: Span, context: Context) -> bool:
    """Return whether a name of a step or a branch is valid; the engines join names with dots."""
    if not isinstance(name, str):
        hint = f'quote it: "{name}"'
        context.diagnostics.error("bad-name", f"the name of a {label} must be a string, not {name!r}", place, hint=hint)
        return False
    if not name:
        context.diagnostics.error("bad-name", f"the name of a {label} must not be empty", place)
        return False
    if name == BODY:
        hint = f"{BODY!r} stands for all items of a map and all iterations of a loop"
        context.diagnostics.error("bad-name", f"the name of a {label} must not be {name!r}", place, hint=hint)
        return False
    bad = [character for character in ".%" if character in name and (label == "step" or character == ".")]
    if bad:
        message = f"the name of {label} {name!r} must not contain {' or '.join(repr(character) for character in bad)}"
        context.diagnostics.error("bad-name", message, place)
        return False
    return True


def _is_step(name: str, body: Located, context: Context) -> bool:
    if body.entries is None:
        message = f"step {name!r} must be a mapping with a 'type', not {value_text(body)}"
        context.diagnostics.error("bad-value", message, body.span)
        return False
    kind = body.get("type")
    if kind is None:
        known = ", ".join(_types(context))
        context.diagnostics.error("missing-key", f"step {name!r} has no 'type'", body.span, hint=f"types: {known}")
        return False
    if isinstance(kind.value, str) and kind.value in (*_types(context), *_legacy(context)):
        return True
    if isinstance(kind.value, str):
        hint = context.language.no_types.get(kind.value) or did_you_mean(kind.value, _types(context), "valid types")
        message = f"{context.language.title} has no steps of type {kind.value!r}"
        context.diagnostics.error("unknown-type", message, kind.span, hint=hint)
    else:
        context.diagnostics.error(
            "bad-value", f"'type' of step {name!r} must be a string, not {value_text(kind)}", kind.span
        )
    return False


def _types(context: Context) -> tuple[str, ...]:
    return (*context.language.types, *ENDS)


def _legacy(context: Context) -> tuple[str, ...]:
    return LEGACY_TYPES if context.language.ends is None else ()


def _start(place: Located, label: str, links: Links, context: Context) -> str | None:
    start = place.get("start_at")
    if start is None:
        context.diagnostics.error("missing-key", f"{label} has no 'start_at'", place.span)
    elif not isinstance(start.value, str):
        message = f"'start_at' of {label} must be the name of a step, not {value_text(start)}"
        context.diagnostics.error("bad-value", message, start.span)
    elif start.value not in links.names:
        hint = did_you_mean(start.value, links.names, "its steps")
        context.diagnostics.error(
            "unknown-node", f"{label} has no step {start.value!r} to start at", start.span, hint=hint
        )
    else:
        return start.value
    return None


def _only_an_end(name: str, outcome: ir.Outcome, place: Span) -> ir.ExecutionNode:
    """Return a node that does nothing, for a graph that starts at its end."""
    routes = (ir.Route(ir.Outcome.COMPLETE, ir.End(outcome)), ir.Route(ir.Outcome.ERROR, ir.End(ir.Outcome.ERROR)))
    return ir.ExecutionNode(name, place, ir.Step(name, place, (), kind=ir.StepKind.STUB), ir.Policy(routes=routes))


def _read_step(name: str, body: Located, place: Span, links: Links, context: Context) -> ir.Node | None:
    kind = str(body.value["type"])
    if kind in ENDS:
        silent = ("type", *exported(name, body, is_composite=False))
        read_keys(body, {}, f"step {name!r}, the end of its graph,", context.diagnostics, silent=silent)
        return None
    policy = ir.Policy(routes=resolve(name, body, links, context))
    if kind in ("stub", *_legacy(context)):
        step = read_stub(name, body, place, context)
        return None if step is None else ir.ExecutionNode(name, place, _placed(step, context), policy)
    if kind == "task":
        step = read_task(name, body, place, context)
        return None if step is None else ir.ExecutionNode(name, place, _placed(step, context), policy)
    return _read_composite(name, kind, body, place, policy, context)


def _placed(step: ir.Step, context: Context) -> ir.Step:
    """Return the step; with ``--in-place`` it runs in the project directory."""
    return replace(step, options={**step.options, "in_place": True}) if context.source.choices.in_place else step


def _read_composite(  # noqa: PLR0913, PLR0917 - what a node is made of
    name: str, kind: str, body: Located, place: Span, policy: ir.Policy, context: Context
) -> ir.Node | None:
    keys = {**TRAVERSAL, **context.language.types[kind]}
    silent = ("type", *exported(name, body, is_composite=True))
    values = read_keys(body, keys, f"step {name!r}", context.diagnostics, silent=silent)
    overridden(body, context)
    match kind:
        case "parallel":
            branches = _branches(name, body, context)
            return ir.ParallelNode(name, place, branches, policy) if values and branches else None
        case "dag":
            opened = open_graph(name, body, context)
            graph = None if opened is None else read_graph(opened.place, opened.label, opened.context)
            return ir.ParallelNode(name, place, {"dag": graph}, policy) if values and graph else None
        case "conditional":
            cases = _branches(name, body, context)
            return _choice(name, body, values, cases, place, policy, context) if values and cases else None
    graph = _body(name, body, context)
    if not values or graph is None:
        return None
    if kind == "loop":
        return _loop(name, body, values, graph, place, policy, context)
    return ir.MapNode(
        name,
        place,
        graph,
        over=values["iterate_on"],
        item=values["iterate_as"],
        policy=policy,
        reducer=values.get("reducer") or None,
    )


def _branches(name: str, body: Located, context: Context) -> dict[str, ir.Graph]:
    branches = body.get("branches")
    if branches is None or branches.entries is None:
        return {}  # said already
    if not branches.entries:
        context.diagnostics.error("bad-value", f"step {name!r} has no branches", branches.span)
    graphs: dict[str, ir.Graph] = {}
    for branch, place in branches.entries.items():
        if _has_valid_name(branch, "branch", branches.key_span(branch), context):
            graph = read_graph(place, f"branch {branch!r} of {name!r}", context)
            if graph is not None:
                graphs[branch] = graph
    return graphs


def _body(name: str, body: Located, context: Context) -> ir.Graph | None:
    branch = body.get("branch")
    if branch is None or branch.entries is None:
        return None  # said already
    return read_graph(branch, f"the branch of {name!r}", context)


def _choice(  # noqa: PLR0913, PLR0917 - what a node is made of
    name: str,
    body: Located,
    values: Mapping[str, Any],
    cases: Mapping[str, ir.Graph],
    place: Span,
    policy: ir.Policy,
    context: Context,
) -> ir.ChoiceNode | None:
    on = values["parameter"]
    if not on.isalnum():
        message = f"'parameter' of step {name!r} may contain only letters and digits, not {on!r}"
        hint = "runnable does not accept underscores here; rename the parameter"
        context.diagnostics.error("bad-name", message, body.value_span("parameter"), hint=hint)
        return None
    if values.get("default") is not None:
        message = f"'default' of step {name!r} is ignored, because runnable never runs it"
        hint = "without a matching case the step fails; add 'on_failure'"
        context.diagnostics.warning("ignored-default", message, body.key_span("default"), hint=hint)
    return ir.ChoiceNode(name, place, on, cases, policy)


def _loop(  # noqa: PLR0913, PLR0917 - what a node is made of
    name: str,
    body: Located,
    values: Mapping[str, Any],
    graph: ir.Graph,
    place: Span,
    policy: ir.Policy,
    context: Context,
) -> ir.LoopNode | None:
    limit, index = values["max_iterations"], values["index_as"]
    if limit < 1:
        message = f"'max_iterations' of step {name!r} is {limit}; runnable runs a loop at least once"
        context.diagnostics.warning("bad-limit", message, body.value_span("max_iterations"))
    if "=" in index:
        message = f"{index!r} cannot be the name of an environment variable"
        context.diagnostics.error("bad-name", message, body.value_span("index_as"))
        return None
    return ir.LoopNode(name, place, graph, values["break_on"], max(1, limit), policy, index)
