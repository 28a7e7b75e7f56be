"""Predict the outcome of a control-flow pipeline, and find where a ``run.json`` differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tests.controlflow.work import written
from translator import ir
from translator.semantics.controlflow import GraphFate, Interpreter, StepEnding, Visit
from translator.shim.contract import State
from translator.shim.json_values import thawed


@dataclass(frozen=True)
class Case:
    """A pipeline, what its steps do, and the parameters that it begins with."""

    pipeline: ir.Pipeline
    ending: Callable[[Visit], StepEnding]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Prediction:
    """The outcome of a run, and the text of each file in its catalog at the end."""

    fate: GraphFate
    catalog: Mapping[str, str]


def predict(case: Case, given: Mapping[str, Any] | None = None) -> Prediction:
    """Predict the outcome of a case, with values ``given`` for some of its parameters.

    The specification asks after steps in the order in which one engine alone would run them, the later branch after the
    earlier; so a file that several steps put is that of the last one asked after.
    """
    catalog: dict[str, str] = {}
    items = dict(_items(case.pipeline.graph, ()))

    def oracle(visit: Visit) -> StepEnding:
        ending = case.ending(visit)
        complete = ending.state is State.COMPLETE
        if visit.node.step.catalog.put and (complete or case.pipeline.dialect == "runnable"):
            catalog.update(written(case.pipeline.dialect, visit, items[id(visit.node)]))
        return ending

    return Prediction(Interpreter(case.pipeline, oracle).run({**case.parameters, **(given or {})}), catalog)


def differences(case: Case, document: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> list[str]:
    """Describe the differences between a ``run.json`` and the prediction."""
    expected = predict(case, given)
    found = []
    if document["state"] != expected.fate.state:
        found.append(f"run: {document['state']}, predicted {expected.fate.state.value}")
    mine, real = predicted(expected.fate), recorded(document["nodes"])
    found += [
        f"{path}: {real.get(path, 'absent')}, predicted {mine.get(path, 'absent')}"
        for path in sorted({*mine, *real})
        if mine.get(path) != real.get(path)
    ]
    if document["parameters"] != thawed(expected.fate.written):
        found.append(f"parameters {document['parameters']}, predicted {thawed(expected.fate.written)}")
    files = {file["path"]: file["sha256"] for file in document["catalog"]}
    texts = {path: sha256(text.encode()).hexdigest() for path, text in expected.catalog.items()}
    found += [
        f"file {path}: {files.get(path)}, predicted {texts.get(path)}, the digest of {expected.catalog.get(path)!r}"
        for path in sorted({*files, *texts})
        if files.get(path) != texts.get(path)
    ]
    return found


def predicted(fate: GraphFate, prefix: str = "") -> dict[str, str]:
    """Return kind and state of every node, and the state of every branch, by path."""
    found = {}
    for name, node in fate.nodes.items():
        path = prefix + name
        found[path] = f"{node.kind} {node.state.value}"
        for branch, of in node.branches.items():
            found[f"{path}.{branch}"] = of.state.value
            found |= predicted(of, f"{path}.{branch}.")
    return found


def recorded(nodes: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return kind and state of every node, and the state of every branch, by path."""
    found = {}
    for name, node in nodes.items():
        path = prefix + name
        found[path] = f"{node['kind']} {node['state']}"
        for branch, of in node.get("branches", {}).items():
            found[f"{path}.{branch}"] = of["state"]
            found |= recorded(of["nodes"], f"{path}.{branch}.")
    return found


def _items(graph: ir.Graph, inside: tuple[str, ...]) -> Any:
    """Return by the identity of each step's node the names of the items of the enclosing maps."""
    for node in graph.nodes:
        match node:
            case ir.MapNode():
                yield from _items(node.body, (*inside, node.item))
            case ir.LoopNode():
                yield from _items(node.body, inside)
            case ir.ParallelNode():
                for one in node.branches.values():
                    yield from _items(one, inside)
            case ir.ChoiceNode():
                for one in node.cases.values():
                    yield from _items(one, inside)
            case _:
                yield id(node), inside
