"""Represent the answer of ``translate explain`` as one tree for both kinds of graph, and print it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.diagnostics import columns, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator.ir import Pipeline
    from translator.shim.contract import Value


CODE = "bad-failure"
TIMING = "Where several states are listed, timing decides which executions have ended when the stop comes."


@dataclass(frozen=True, slots=True)
class ExplainedExecution:
    """An execution of a node: the states that it may end in, and after how many attempts."""

    index: int
    states: frozenset[str]
    tries: tuple[int, ...]
    parameters: Mapping[str, Value]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables that edges set, as far as their values are known."""


@dataclass(frozen=True, slots=True)
class ExplainedBranch:
    """A branch of a composite node, or an item or iteration of it."""

    state: str
    nodes: tuple[ExplainedNode, ...]


@dataclass(frozen=True, slots=True)
class ExplainedNode:
    """A node: the states that it may end in, and why; with its executions or its branches, if its kind has any."""

    name: str
    kind: str
    states: frozenset[str]
    why: tuple[str, ...]
    executions: tuple[ExplainedExecution, ...] | None = None
    branches: Mapping[str, ExplainedBranch] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction: the states of the run and its nodes, the assumed failures, and other assumptions."""

    pipeline: Pipeline
    failures: tuple[str, ...]
    states: frozenset[str]
    nodes: tuple[ExplainedNode, ...]
    notes: tuple[str, ...] = ()
    why: str | None = None


def as_text(explanation: Explanation) -> str:
    """Return the explanation for people."""
    pipeline = explanation.pipeline
    lines = [f"{pipeline.title} ({pipeline.file}), {assumption(explanation)}:", ""]
    lines += columns(list(_rows(explanation.nodes, "  ")))
    lines += ["", f"the run: {_states(explanation.states)}" + (f" ({explanation.why})" if explanation.why else "")]
    if any(len(node.states) > 1 for node in explanation.nodes):
        lines += ["", TIMING]
    lines += ["", *(f"note: {note}" for note in explanation.notes)] if explanation.notes else []
    return "".join(f"{printable(line)}\n" for line in lines)


def assumption(explanation: Explanation) -> str:
    """Return what the prediction assumes, as part of a sentence."""
    failures = explanation.failures
    verb = "fails" if len(failures) == 1 else "fail"
    return f"if {' and '.join(failures)} {verb}" if failures else "without failures"


def as_json(explanation: Explanation) -> str:
    """Return the explanation for programs."""
    document: dict[str, Any] = {
        "pipeline": explanation.pipeline.title,
        "failures": list(explanation.failures),
        "states": sorted(explanation.states),
        "nodes": _documents(explanation.nodes),
        "notes": list(explanation.notes),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rows(nodes: Iterable[ExplainedNode], indent: str) -> Iterator[tuple[str, str, str]]:
    for node in nodes:
        yield f"{indent}{node.name}", _states(node.states), "; ".join(node.why)
        if node.kind == "task" and node.executions:
            labels = _labels([one.parameters for one in node.executions])
            for one, label in zip(node.executions, labels, strict=True):
                yield f"{indent}  [{one.index}] {label}", _states(one.states), ""
        for name, branch in (node.branches or {}).items():
            yield f"{indent}  [{name}]", branch.state, ""
            yield from _rows(branch.nodes, f"{indent}    ")


def _documents(nodes: Iterable[ExplainedNode]) -> dict[str, Any]:
    return {node.name: _document(node) for node in nodes}


def _document(node: ExplainedNode) -> dict[str, Any]:
    document: dict[str, Any] = {"kind": node.kind, "states": sorted(node.states), "why": list(node.why)}
    if node.executions is not None:
        document["executions"] = [
            {
                "index": one.index,
                "states": sorted(one.states),
                "tries": list(one.tries),
                "parameters": dict(one.parameters),
                **({"environment": dict(one.environment)} if one.environment else {}),
            }
            for one in node.executions
        ]
    if node.branches is not None:
        document["branches"] = {
            name: {"states": [branch.state], "nodes": _documents(branch.nodes)}
            for name, branch in node.branches.items()
        }
    return document


def _states(states: Iterable[str]) -> str:
    return " or ".join(sorted(states))


def _labels(points: Sequence[Mapping[str, Value]]) -> list[str]:
    """Return labels for executions: the parameters in which they differ."""
    from translator.shim.parameters.grid import label

    differ = [name for name in points[0] if any(p[name] != points[0][name] for p in points)] if points else []
    return [label({name: point[name] for name in differ}) for point in points]
