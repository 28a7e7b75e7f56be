"""Explain control-flow graphs: run the interpreter, and assume what only a run decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.explain.result import CODE, ExplainedBranch, ExplainedNode, Explanation
from translator.names import closest, did_you_mean
from translator.nodes import named_branches, walk
from translator.semantics.controlflow import GraphFate, Interpreter, StepEnding, Visit
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Json


def explain(
    pipeline: ir.Pipeline, failures: Sequence[str], values: Mapping[str, Json], diagnostics: Diagnostics
) -> Explanation | None:
    """Explain a run with the interpreter.

    Args:
        pipeline: the pipeline.
        failures: the failing steps, as paths such as ``Train Models.XGBoost.Train XGBoost``; in a map or a loop with
            the number of the item or iteration (``chunks.0.step``), or with ``*`` for all of them.
        values: the values given for the run.
        diagnostics: receives unknown nodes; then the result is None.
    """
    for text in failures:
        _check(pipeline.graph, text, diagnostics)
    if not diagnostics.ok:
        return None
    parameters = {p.name: p.default for p in pipeline.parameters if p.default is not None} | dict(values)
    assumed = _Assumed(pipeline, failures)
    fate = assumed.run(parameters)
    notes = tuple(dict.fromkeys(assumed.notes))
    return Explanation(pipeline, tuple(failures), frozenset({fate.state}), _explained(fate), notes, fate.why)


class _Assumed(Interpreter):
    """An interpreter that knows which steps fail, and assumes items, cases and iterations that it cannot know."""

    def __init__(self, pipeline: ir.Pipeline, failures: Sequence[str]) -> None:
        super().__init__(pipeline, self._ending)
        self.notes: list[str] = []
        self._failures = [text.split(".") for text in failures]

    def _ending(self, visit: Visit) -> StepEnding:
        return StepEnding(State.ERROR if self.broken(visit.path) else State.COMPLETE)

    def broken(self, path: str) -> bool:
        return any(_covers(failure, path.split(".")) for failure in self._failures)

    def items(self, path: str, node: ir.MapNode, parameters: Mapping[str, Json]) -> Sequence[Json] | None:
        if node.over in parameters:
            return super().items(path, node, parameters)
        count = self._mentioned_branches(path)
        items = "1 item" if count == 1 else f"{count} items"
        self.notes.append(f"parameter {node.over!r} is only known at run time; assuming {items}")
        return tuple(range(count))

    def case(self, path: str, node: ir.ChoiceNode, parameters: Mapping[str, Json]) -> str | None:
        if node.on in parameters:
            return super().case(path, node, parameters)
        named = [f[len(path.split("."))] for f in self._failures if self._within(f, path)]
        case = next((name for name in named if name in node.cases), next(iter(node.cases), None))
        self.notes.append(f"parameter {node.on!r} is only known at run time; assuming {case!r}")
        return case

    def ends(self, path: str, node: ir.LoopNode, parameters: Mapping[str, Json]) -> bool:  # noqa: ARG002
        loop, _, index = path.rpartition(".")
        count = self._mentioned_branches(loop)
        if int(index) + 1 >= count:
            times = "1 iteration" if count == 1 else f"{count} iterations"
            self.notes.append(f"parameter {node.until!r} is only known at run time; assuming true after {times}")
        return int(index) + 1 >= count

    def _mentioned_branches(self, path: str) -> int:
        """Return how many branches of a map or loop the failures mention."""
        depth = len(path.split("."))
        named = [f[depth] for f in self._failures if self._within(f, path)]
        return max((int(name) + 1 for name in named if name.isdecimal()), default=1)

    @staticmethod
    def _within(failure: Sequence[str], path: str) -> bool:
        parts = path.split(".")
        return len(failure) > len(parts) and _covers(failure[: len(parts)], parts)


def _covers(failure: Sequence[str], path: Sequence[str]) -> bool:
    return len(failure) == len(path) and all(a in (b, "*") for a, b in zip(failure, path, strict=True))


def _check(graph: ir.Graph, text: str, diagnostics: Diagnostics) -> None:
    """Report a path that does not exist, with its first unknown part."""
    parts = text.split(".")
    for place, part in enumerate(parts):
        nodes = {node.name: node for node in graph.nodes}
        if place % 2 == 0:
            if part not in nodes:
                hint = _nearest(part, parts[:place], graph) or did_you_mean(part, nodes, "nodes")
                diagnostics.error(CODE, f"--fail {text}: there is no node called {part!r}", None, hint=hint)
                return
            node = nodes[part]
            continue
        branch = _branch(node, part)
        if isinstance(branch, str):
            diagnostics.error(
                CODE, f"--fail {text}: {branch}", None, hint=did_you_mean(part, named_branches(node), "branches")
            )
            return
        graph = branch
    if len(parts) % 2 == 0:
        diagnostics.error(CODE, f"--fail {text}: this is a branch; name one of its nodes", None)


def _nearest(name: str, above: Sequence[str], graph: ir.Graph) -> str | None:
    """Return a hint at a node with this or a similar name, in the graph or its branches."""
    paths = {".".join((*above, *path)): node.name for path, node in walk(graph)}
    same = next((path for path, other in paths.items() if other == name), None)
    near = closest(name, paths.values())
    nearest = same or next((path for path, other in paths.items() if other == near), None)
    return f"did you mean {nearest!r}?" if nearest else None


def _branch(node: ir.Node, name: str) -> ir.Graph | str:
    """Return the branch of a node, or why it does not exist."""
    if isinstance(node, ir.MapNode | ir.LoopNode):
        what = "item" if isinstance(node, ir.MapNode) else "iteration"
        number = name.isdecimal() and len(name) < 4  # noqa: PLR2004 - as many as people read
        if name != "*" and not number:
            return f"{node.name} needs the number of an {what} here, 0 to 999, or * for all"
        if number and isinstance(node, ir.LoopNode) and int(name) >= node.limit:
            return f"{node.name} has at most {node.limit} iterations, 0 to {node.limit - 1}"
        return node.body
    branches = named_branches(node)
    if not branches:
        return f"{node.name} has no branches"
    return branches.get(name) or f"{node.name} has no branch called {name!r}"


def _explained(fate: GraphFate) -> tuple[ExplainedNode, ...]:
    return tuple(
        ExplainedNode(
            node.name,
            node.kind,
            frozenset({node.state}),
            (node.why,),
            branches=None
            if node.kind == "execution"
            else {name: ExplainedBranch(branch.state, _explained(branch)) for name, branch in node.branches.items()},
        )
        for node in fate.nodes.values()
    )
