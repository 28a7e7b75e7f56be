"""Find which step writes what, and the order of steps, including checks that Loom lacks.

Loom knows a dependency by name only: a step comes after the one whose outputs name the same data node, or one that it
is nested in. Here each step has its own workspace, so a file that is found by its path alone counts, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.dialects.loom.paths import above, climbs, inside, is_url
from translator.graphs import reachable
from translator.ir import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.diagnostics import Diagnostics
    from translator.dialects.loom.references import Names
    from translator.dialects.loom.steps import Lowered, Use


def edges(steps: Sequence[Lowered], names: Names, *, parallel: bool, diagnostics: Diagnostics) -> list[ir.Edge]:
    """Return the edges that bring files.

    Args:
        steps: the steps of the run, in the order of the file.
        names: the names that their references can use.
        parallel: whether Loom would run them as soon as their data allows, rather than in the order of the file.
        diagnostics: receives mistakes that Loom does not detect.
    """
    position = {lowered.source.name: index for index, lowered in enumerate(steps)}
    writers = _Writers(steps)
    _two_writers(writers, steps, diagnostics)
    added: dict[tuple[str, str, str], ir.Edge] = {}
    late: list[tuple[Use, str]] = []
    for lowered in steps:
        for use in lowered.reads:
            declared = writers.declared(use, names)
            for writer in declared:
                _add(added, writer, use)
                if position[writer] > position[use.step] and not parallel:
                    late.append((use, writer))
            for writer in writers.by_path(use):
                if writer in declared or position[writer] >= position[use.step]:
                    continue
                if not any((writer, use.step) == key[:2] for key in added) or use.data is not None:
                    _undeclared(use, writer, writers, diagnostics)
                _add(added, writer, use)
    _late(late, added.values(), diagnostics)
    return list(added.values())


class _Writers:
    """The steps that write, by the name that Loom uses, and by path."""

    def __init__(self, steps: Sequence[Lowered]) -> None:
        self.by_name: dict[str, list[str]] = {}
        self.at: dict[str, dict[str, Use]] = {}
        self.below: dict[str, dict[str, Use]] = {}
        for lowered in steps:
            for use in lowered.writes:
                if use.name is not None:
                    self.by_name.setdefault(use.name, []).append(use.step)
                self.at.setdefault(use.path, {})[use.step] = use
                for folder in above(use.path):
                    self.below.setdefault(folder, {})[use.step] = use

    def declared(self, use: Use, names: Names) -> list[str]:
        """Return the steps that Loom would find: those that write the data node or the nearest enclosing one."""
        if use.name is None:
            return []
        for name in names.containers(use.name) if use.data else [use.name]:
            if name in self.by_name:
                return list(dict.fromkeys(self.by_name[name]))
        return []

    def by_path(self, use: Use) -> list[str]:
        """Return the steps that write a path, a path in it, or an enclosing directory."""
        nodes_by_path: dict[str, None] = {}
        for folder in above(use.path):
            nodes_by_path.update(dict.fromkeys(self.at.get(folder, ())))
        nodes_by_path.update(dict.fromkeys(self.below.get(use.path, ())))
        return [step for step in nodes_by_path if step != use.step]


def _add(added: dict[tuple[str, str, str], ir.Edge], writer: str, use: Use) -> None:
    source = ir.Port(writer, EdgeKind.ARTIFACT, "*", use.span)
    target = ir.Port(use.step, EdgeKind.INPUT, use.parameter, use.span)
    added.setdefault((writer, use.step, use.parameter), ir.Edge(source, target, use.span))


def _undeclared(use: Use, writer: str, writers: _Writers, diagnostics: Diagnostics) -> None:
    places = {
        **writers.below.get(use.path, {}),
        **{s: u for f in above(use.path) for s, u in writers.at.get(f, {}).items()},
    }
    written = places[writer]
    message = (
        f"step {use.step!r} reads {use.path!r} and step {writer!r} writes {written.path!r}, but the file does not "
        "declare this dependency; here the step waits"
    )
    hint = "use the same data node in both"
    if use.path != written.path and inside(use.path, written.path):
        hint = f"set 'nested_in: ${written.data}' on the data node" if written.data else hint
    diagnostics.warning("undeclared-dependency", message, use.span, hint=hint)


def _two_writers(writers: _Writers, steps: Sequence[Lowered], diagnostics: Diagnostics) -> None:
    by_name = {lowered.source.name: lowered for lowered in steps}
    for path, uses in writers.at.items():
        first, *others = uses.values()
        for other in others:
            if _exclude(by_name[first.step], by_name[other.step]):
                continue
            message = f"step {other.step!r} writes {path!r}, but so does step {first.step!r}"
            hint = f"use different paths; the first is on line {first.span.line}"
            diagnostics.error("two-writers", message, other.span, hint=hint)


def _exclude(first: Lowered, second: Lowered) -> bool:
    """Return whether two steps never run in the same run, or only on request."""
    if first.source.optional or second.source.optional:
        return True
    branches = {(switch, branch) for switch, branch, _ in first.branches}
    return any((switch, branch) not in branches and switch in dict(branches) for switch, branch, _ in second.branches)


def _late(late: Sequence[tuple[Use, str]], edges: Iterable[ir.Edge], diagnostics: Diagnostics) -> None:
    upstream: dict[str, set[str]] = {}
    for edge in edges:
        upstream.setdefault(edge.target.node, set()).add(edge.source.node)
        upstream.setdefault(edge.source.node, set())
    for use, writer in late:
        if use.step in reachable(upstream.get(writer, ()), upstream):
            continue  # a cycle, which the checks report
        message = (
            f"step {use.step!r} is listed before step {writer!r}, which writes {use.path!r}: Loom would run it first, "
            "with whatever file exists"
        )
        hint = f"list it after {writer!r}, or set 'execution: {{parallel: true}}'"
        diagnostics.error("used-before-made", message, use.span, hint=hint)


def _in_containers(names: Names, diagnostics: Diagnostics) -> None:
    for node in names.data.values():
        if node.parent is None or node.internal:
            continue
        path, parent = names.path(node.name), names.path(node.parent)
        if "${" not in path + parent and not inside(path, parent):
            message = f"data node {node.name!r} is nested in {node.parent!r}, but {path!r} is not inside {parent!r}"
            diagnostics.error("not-nested", message, node.span)


def containment(steps: Sequence[Lowered], names: Names, output_dir: str, diagnostics: Diagnostics) -> None:
    """Check the paths that steps write, as Loom does before it runs anything."""
    _in_containers(names, diagnostics)
    seen: set[str] = set()
    for lowered in steps:
        for use in lowered.writes:
            key = use.data or use.path
            if key in seen or is_url(use.path):
                continue
            seen.add(key)
            if use.data and names.data[use.data].outside:
                if climbs(use.path):
                    message = f"files that step {use.step!r} writes to {use.path!r} stay there and are not artifacts"
                    hint = "steps that read them must run on a machine with that directory"
                    diagnostics.note("outside-pipeline", message, use.span, hint=hint)
                continue
            if "${" in use.path:
                continue
            if climbs(use.path):
                message = f"step {use.step!r} writes {use.path!r}, outside the directory of the file"
                hint = f"write below '{output_dir}/', or set 'allow_outside_pipeline: true'"
                diagnostics.error("outside-pipeline", message, use.span, hint=hint)
            elif not inside(use.path, output_dir):
                message = f"step {use.step!r} writes {use.path!r}, outside '{output_dir}/'"
                diagnostics.note("outside-output-dir", message, use.span, hint="Loom's --clean would not remove it")
