"""Compare one project in the real Loom, by the rules, and on our engines: equal states, equal bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracle.loom.projects import FILE, behaviour
from tests.parity.engines import run_pipeline
from translator import ir
from translator.load import load
from translator.semantics import Rules, disagreements, predict
from translator.shim.store import segment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.oracle.loom.engine import Loom, Told
    from tests.oracle.loom.projects import Project
    from tests.parity.engines import Engine
    from translator.ir import Pipeline

STATUS = {"complete": 0, "error": 1}


@dataclass(frozen=True)
class Real:
    """What the real Loom made of a project: what it says, and the files that are there afterwards."""

    told: Told
    files: Mapping[str, bytes]
    log: str


def in_loom(loom: Loom, project: Project, folder: Path) -> Real:
    """Run a project in the real Loom, in a fresh ``folder``."""
    told = loom.run(project.write(folder), project.arguments(), project.environment)
    return Real(told, tree(folder), loom.tail())


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a project by path: sources, and what steps have written."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("tasks/", ".loom-url-cache/")) and name != FILE:
            found[name] = path.read_bytes()
    return found


def rules_of(pipeline: Pipeline, project: Project, folder: Path, told: Told) -> Rules:
    """Return the rules for a run of a project, with the verdicts of its conditions in the real Loom."""
    values = {parameter.name: parameter.default for parameter in pipeline.parameters}
    return Rules(pipeline, values, behaviour(pipeline, told.conditions), project=folder)  # type: ignore[arg-type]


def predicted(rules: Rules) -> dict[str, Any]:
    """Return the prediction of a run in the form of ``run.json``."""
    prediction = predict(rules)
    document: dict[str, Any] = {"state": _only(prediction.states), "nodes": {}}
    for name, node in prediction.nodes.items():
        executions = [{"state": _only(one.states)} for one in node.executions]
        document["nodes"][name] = {"state": _only(node.states), "executions": executions}
    return document


def wrong_states(document: Mapping[str, Any], pipeline: Pipeline, told: Told, *, who: str) -> list[str]:
    """Describe where the states of a record differ from Loom's."""
    found = []
    if STATUS[document["state"]] != told.status:
        found.append(f"{who}: the run is {document['state']}; Loom ends with {told.status}")
    steps = as_steps(document, pipeline)
    for name, state in told.steps.items():
        if name in steps and steps[name] != state:
            found.append(f"{who}: {name} is {steps[name]}; in Loom {state}")
    for name, state in steps.items():
        if name not in told.steps and state != "skipped":
            found.append(f"{who}: {name} is {state}; in Loom it is not part of the run")
    return found


def as_steps(document: Mapping[str, Any], pipeline: Pipeline) -> dict[str, str]:
    """Return the state of each step as Loom counts them: a group with ``multi_pass`` is one step."""
    states = {name: record["state"] for name, record in document["nodes"].items()}
    groups = {node.name: node.group or "" for node in pipeline.nodes if isinstance(node, ir.ExecutionNode)}
    ends = [n.name for n in pipeline.nodes if isinstance(n, ir.ExecutionNode) and n.step.kind is ir.StepKind.COLLECT]
    for end in ends:
        members = [name for name in states if groups.get(name, "").startswith(f"{end} iteration ")]
        if any(states[name] == "error" for name in members):
            states[end] = "error"
        for name in members:
            del states[name]
    return states


def files_of(document: Mapping[str, Any], order: tuple[str, ...], run: Path, project: Path) -> dict[str, bytes]:
    """Return the files as if the steps had shared a directory: the project's, overwritten by all outputs."""
    found = tree(project)
    for name in order:
        for execution in document["nodes"][name]["executions"]:
            folder = run / segment(name) / str(execution["index"]) / f"try-{execution['tries']}" / "outputs"
            for output in execution["outputs"]:
                found[output["path"]] = (folder / output["path"]).read_bytes()
    return found


def wrong_files(mine: Mapping[str, bytes], real: Mapping[str, bytes], *, who: str) -> list[str]:
    """Describe where the files of a run differ from Loom's."""
    found = [f"{who}: there is no {name}" for name in real if name not in mine]
    found += [f"{who}: {name}, which Loom has not" for name in mine if name not in real]
    found += [
        f"{who}: {name} is\n{mine[name].decode()}in Loom\n{real[name].decode()}"
        for name in real
        if name in mine and mine[name] != real[name]
    ]
    return found


def on_engine(engine: Engine, project: Project, real: Real, folder: Path) -> list[str]:
    """Describe where a run on one of our engines differs from Loom's."""
    place = folder / "project"
    pipeline = load(project.write(place), choices=project.choices).choose()
    pipeline, document, status, run = run_pipeline(engine, pipeline, place, folder / "store", {})
    rules = rules_of(pipeline, project, place, real.told)
    found = wrong_states(document, pipeline, real.told, who=engine.name)
    found += [f"{engine.name}: {line}" for line in disagreements(rules, document)]
    if status != STATUS[document["state"]]:
        found.append(f"{engine.name}: ends with {status}, its record says {document['state']}")
    if project.choices.in_place:
        found += wrong_files(tree(place), real.files, who=engine.name)
    else:
        found += wrong_files(files_of(document, rules.order, run, place), real.files, who=engine.name)
    return [*found, json.dumps(document["nodes"], indent=1)] if found else []


def by_rules(project: Project, real: Real, folder: Path) -> list[str]:
    """Describe where the prediction differs from Loom's run."""
    pipeline = load(project.write(folder), choices=project.choices).choose()
    rules = rules_of(pipeline, project, folder, real.told)
    return wrong_states(predicted(rules), pipeline, real.told, who="the rules")


def _only(states: frozenset[Any]) -> str:
    (state,) = states
    return str(state.value)
