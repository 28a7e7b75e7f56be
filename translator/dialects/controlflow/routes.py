"""Read routes: the ends of a graph, ``next`` and ``on_failure``, cycles, unreachable steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.controlflow.language import ENDS
from translator.graphs import cycles, reachable
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects.controlflow.context import Context
    from translator.source import Located
    from translator.span import Span


@dataclass(frozen=True, slots=True)
class Links:
    """The steps of a graph by name, its ends, and the routes between steps with their locations."""

    label: str
    steps: tuple[str, ...]
    ends: Mapping[str, ir.Outcome]
    spans: dict[str, Span] = field(default_factory=dict)
    below: dict[str, dict[str, Span]] = field(default_factory=dict)
    names: Mapping[str, None] = field(init=False)
    """The names that a route can lead to."""

    def __post_init__(self) -> None:
        """Collect the names once, because every step needs them."""
        object.__setattr__(self, "names", dict.fromkeys((*self.steps, *self.ends)))


def find_ends(steps: Located, label: str, context: Context) -> dict[str, ir.Outcome]:
    """Return the ends of a graph by name.

    Args:
        steps: the graph's steps.
        label: the graph, for messages.
        context: its context, whose diagnostics receive missing and superfluous ends.
    """
    typed = {
        name: kind.value
        for name, body in (steps.entries or {}).items()
        if isinstance(name, str) and (kind := body.get("type")) and kind.value in tuple(ENDS)
    }
    if context.language.ends is None:
        _explicit(typed, steps, label, context)
        return {name: ENDS[kind] for name, kind in typed.items()}
    for name, kind in typed.items():
        if name not in context.language.ends:
            message = f"{label} has the end {name!r} besides {kind!r}, which runnable adds"
            hint = f"remove the step and use {kind!r}; only Magnus allows other names (--dialect magnus)"
            context.diagnostics.error("two-ends", message, steps.key_span(name), hint=hint)
    for name in context.language.ends:
        body = steps.get(name)
        if body is not None and typed.get(name) != name:
            message = f"runnable replaces step {name!r} with an end, so the step never runs"
            context.diagnostics.warning("replaced-step", message, steps.key_span(name), hint="rename it")
    others = {name: ENDS[kind] for name, kind in typed.items()}
    return {**others, **context.language.ends}


def _explicit(typed: Mapping[str, str], steps: Located, label: str, context: Context) -> None:
    for kind in ENDS:
        names = [name for name, node_kind in typed.items() if node_kind == kind]
        if not names:
            message = f"{label} has no step of type {kind!r}; in Magnus each graph needs exactly one"
            hint = f"add '{kind}: {{type: {kind}}}'; in runnable it is implicit (--dialect runnable)"
            context.diagnostics.error("missing-end", message, steps.span, hint=hint)
        for name in names[1:]:
            message = f"{label} has a second step of type {kind!r}; in Magnus each graph needs exactly one"
            hint = f"the first is {names[0]!r}"
            context.diagnostics.error("two-ends", message, steps.key_span(name), hint=hint)


def resolve(name: str, body: Located, links: Links, context: Context) -> tuple[ir.Route, ...]:
    """Return the routes of a step, and what they link.

    Args:
        name: the step's name.
        body: its mapping; values that are not strings are reported elsewhere.
        links: those of the graph, which receive those of the step.
        context: its context.
    """
    links.spans[name] = body.span
    below = links.below.setdefault(name, {})
    targets: dict[str, str | ir.End] = {"on_failure": ir.End(ir.Outcome.ERROR)}
    for key in ("next", "on_failure"):
        route = body.get(key)
        if route is None or not isinstance(route.value, str) or not route.value:
            continue
        target = route.value
        if target not in links.names:
            hint = did_you_mean(target, links.names, "its steps")
            message = f"step {name!r} continues at {target!r}, which is not a step of {links.label}"
            context.diagnostics.error("unknown-node", message, route.span, hint=hint)
            continue
        outcome = links.ends.get(target)
        targets[key] = target if outcome is None else ir.End(outcome)
        if outcome is None:
            below.setdefault(target, route.span)
    return tuple(
        ir.Route(outcome, targets[key])
        for key, outcome in (("next", ir.Outcome.COMPLETE), ("on_failure", ir.Outcome.ERROR))
        if key in targets
    )


def check_links(links: Links, start: str, diagnostics: Diagnostics) -> None:
    """Report cycles, even unreachable ones, and unreachable steps.

    Args:
        links: those of a graph.
        start: where it starts.
        diagnostics: receives what is found.
    """
    below = {name: [n for n in links.below.get(name, ()) if n in links.below] for name in links.below}
    for component, path in cycles(below):
        message = f"the steps form a cycle: {' -> '.join(repr(name) for name in path)}"
        if len(component) == 1:
            message = f"step {path[0]!r} continues at itself"
        diagnostics.error("cycle", message, links.below[path[-2]][path[-1]], hint="steps run at most once")
    reached = reachable([start], below)
    for name in links.below:
        if name not in reached:
            message = f"step {name!r} is not reachable from {start!r}, where {links.label} starts"
            diagnostics.warning("unreachable-node", message, links.spans[name])
