"""Check control-flow graphs: parameters that branches race for or nothing produces, impossible items, missing files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from translator import ir
from translator.checks.functions import function_of
from translator.checks.writes import writes
from translator.nodes import branches, walk
from translator.shim import run_contract

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics


@dataclass(frozen=True, slots=True)
class _Known:
    """The parameters and files that a pipeline's steps write, by node; ``whole`` if these are all."""

    parameters: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    whole: bool = True

    def __or__(self, other: _Known) -> _Known:
        return _Known(self.parameters | other.parameters, self.files | other.files, self.whole and other.whole)


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics, *, project: Path | None) -> None:
    """Check a control-flow graph; see ``translator.checks.check``."""
    _nested_items(pipeline.graph, (), diagnostics)
    _races(pipeline, diagnostics, project)
    known = _known_names(pipeline.graph, pipeline.dialect, project)
    _lists(pipeline, diagnostics, known)
    _files(pipeline, diagnostics)
    if project is not None:
        _arguments(pipeline, diagnostics, project, known)


def _nested_items(graph: ir.Graph, enclosing: tuple[str, ...], diagnostics: Diagnostics) -> None:
    for node in graph.nodes:
        inside = enclosing
        if isinstance(node, ir.MapNode):
            if node.item in enclosing:
                message = f"map {node.name!r} names its item {node.item!r} like an enclosing map"
                diagnostics.error("repeated-item", message, node.span, hint="choose another name for 'iterate_as'")
            inside = (*enclosing, node.item)
        for branch in branches(node).values():
            _nested_items(branch, inside, diagnostics)


def _races(pipeline: ir.Pipeline, diagnostics: Diagnostics, project: Path | None) -> None:
    for _, node in walk(pipeline.graph):
        if isinstance(node, ir.ParallelNode):
            known = {name: _known_names(graph, pipeline.dialect, project) for name, graph in node.branches.items()}
            for (one, first), (other, second) in combinations(known.items(), 2):
                for shared in sorted(first.parameters & second.parameters):
                    message = f"branches {one!r} and {other!r} of {node.name!r} both write the parameter {shared!r}"
                    hint = "the last branch in the file wins; use different names"
                    diagnostics.warning("parameter-race", message, node.span, hint=hint)
                for shared in sorted(first.files & second.files):
                    message = f"branches {one!r} and {other!r} of {node.name!r} both put {shared!r} into the catalog"
                    hint = "the last branch in the file wins; use different names"
                    diagnostics.warning("file-race", message, node.span, hint=hint)


def _lists(pipeline: ir.Pipeline, diagnostics: Diagnostics, known: _Known) -> None:
    defaults = {parameter.name: parameter.default for parameter in pipeline.parameters}
    for _, node in walk(pipeline.graph):
        if not isinstance(node, ir.MapNode):
            continue
        if node.over in defaults:
            _items(node, defaults[node.over], diagnostics, written=node.over in known.parameters)
        elif known.whole and node.over not in known.parameters:
            message = f"map {node.name!r} iterates over {node.over!r}, which no step writes"
            hint = "set it with --parameters-file or --param, otherwise the step fails"
            diagnostics.warning("unknown-parameter", message, node.span, hint=hint)


def _items(node: ir.MapNode, value: ir.Json, diagnostics: Diagnostics, *, written: bool) -> None:
    if written:
        return
    if not isinstance(value, tuple):
        message = f"map {node.name!r} iterates over {node.over!r}, which is not a list"
        diagnostics.warning("bad-items", message, node.span, hint="the step will fail")
        return
    for item in value:
        if "." in str(item):
            message = f"map {node.name!r} iterates over {node.over!r}, whose item {item!r} contains a '.'"
            hint = "the step will fail, because items name branches and branch names cannot contain dots"
            diagnostics.warning("bad-items", message, node.span, hint=hint)
            return


def _files(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    steps = [node for _, node in walk(pipeline.graph) if isinstance(node, ir.ExecutionNode)]
    if any(node.step.catalog.put for node in steps):
        return
    for node in steps:
        if node.step.catalog.get:
            message = f"step {node.name!r} gets files from the catalog, but no step puts any"
            diagnostics.warning("empty-catalog", message, node.span, hint="the step will fail")


def _arguments(pipeline: ir.Pipeline, diagnostics: Diagnostics, project: Path, known: _Known) -> None:
    """Report functions with ``*args`` or ``**kwargs``, which some engines treat as parameters with these names."""
    if run_contract.scoping(pipeline.dialect).variadic:
        return
    filled = known.parameters.union(parameter.name for parameter in pipeline.parameters)
    for path, node in walk(pipeline.graph):
        if not isinstance(node, ir.ExecutionNode) or node.step.kind is not ir.StepKind.PYTHON:
            continue
        called_function = function_of(node.step.command[0], project)
        rest = called_function.unfilled if called_function else None
        if called_function and rest and rest.lstrip("*") not in filled:
            called = f"{called_function.node.name} ({called_function.file}:{called_function.node.lineno})"
            title = pipeline.dialect_title or pipeline.dialect
            message = (
                f"step {'.'.join(path)!r} calls {called} with {rest}, which {title} does not pass: the step will fail"
            )
            hint = "declare each parameter that the function needs"
            diagnostics.warning("unfilled-arguments", message, node.step.command_span or node.span, hint=hint)


def _known_names(graph: ir.Graph, dialect: str, project: Path | None) -> _Known:
    known = _Known()
    for _, node in walk(graph):
        if isinstance(node, ir.ExecutionNode):
            written = writes(node.step, dialect, project)
            plain = (pattern for pattern in node.step.catalog.put if not any(c in pattern for c in "*?["))
            known |= _Known(written.names, frozenset(plain), written.whole)
    return known
