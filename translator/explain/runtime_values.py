"""Assume values that only a run can know, for ``translate explain``: results of conditions, metadata, files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from translator import ir
from translator.names import did_you_mean
from translator.nodes import step_nodes
from translator.shim.contract import VERDICT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Value
    from translator.semantics import Attempt, Ending, NodePrediction
    from translator.semantics.oracle import Oracle
    from translator.shim.contract import State

CODE = "bad-assumption"
_METADATA = ".metadata."
_APPROVED = ".approved"


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The assumptions of a prediction: results of conditions by name, and metadata by node and key.

    ``rejected`` are the nodes whose approvals people reject.
    """

    verdicts: Mapping[str, bool] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rejected: frozenset[str] = frozenset()


def read_assumptions(pipeline: ir.Pipeline, texts: Sequence[str], diagnostics: Diagnostics) -> Assumptions:
    """Read the options ``--assume CONDITION=true``, ``NODE.metadata.KEY=VALUE`` and ``NODE.approved=false``.

    Args:
        pipeline: the pipeline.
        texts: the arguments of the options.
        diagnostics: receives unknown conditions and nodes, and results that are neither true nor false.
    """
    by_condition: dict[str, bool] = {}
    metadata: dict[str, dict[str, object]] = {}
    rejected: set[str] = set()
    known = [node.name for node in _conditions(pipeline)]
    nodes = [node.name for node in pipeline.nodes]
    for text in texts:
        node, is_metadata, rest = text.partition(_METADATA)
        if is_metadata and "=" in rest:
            key, _, value = rest.partition("=")
            if node not in nodes:
                hint = did_you_mean(node, nodes, "nodes")
                diagnostics.error(CODE, f"--assume {text}: there is no node called {node!r}", None, hint=hint)
            metadata.setdefault(node, {})[key] = _value(value)
            continue
        name, _, verdict = text.rpartition("=")
        node = name.removesuffix(_APPROVED)
        if verdict.lower() not in ("true", "false"):
            diagnostics.error(CODE, f"--assume {text}: expected CONDITION=true or CONDITION=false", None)
        elif node != name and node in nodes:
            rejected |= {node} if verdict.lower() == "false" else set()
        elif name not in known:
            hint = did_you_mean(name, known, "conditions")
            diagnostics.error(CODE, f"--assume {text}: there is no condition called {name!r}", None, hint=hint)
        else:
            by_condition[name] = verdict.lower() == "true"
    return Assumptions(by_condition, metadata, frozenset(rejected))


def _value(text: str) -> object:
    """Return a value of metadata: JSON, or else a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def assumed(pipeline: ir.Pipeline, widths: Mapping[str, int], known: Assumptions) -> tuple[Oracle, tuple[str, ...]]:
    """Return an oracle that assumes what only a run can know, and descriptions of the assumptions.

    A grid over metadata or over the files of a directory is as wide as the failures mention. Conditions let as many
    nodes run as possible: they are true, except if they only end the iterations of a ``multi_pass``.

    Args:
        pipeline: the pipeline.
        widths: by node how many executions the failures mention.
        known: known results of conditions, and known metadata.
    """
    from translator.semantics import Ending

    known_verdicts = known.verdicts
    printed: dict[str, dict[str, object]] = {name: dict(values) for name, values in known.metadata.items()}
    notes: list[str] = list(_deployments(pipeline, printed))
    tasks = {node.name: node for node in pipeline.nodes if isinstance(node, ir.TaskNode)}
    for edge in pipeline.edges:
        if edge.source.kind is not ir.EdgeKind.METADATA or edge.source.key in printed.get(edge.source.node, {}):
            continue
        width = widths.get(edge.target.node, 1)
        what = f"metadata {edge.source.key!r} of {edge.source.node} is only known at run time"
        if edge.target.kind is ir.EdgeKind.ENVIRONMENT_VARIABLE:
            notes.append(f"{what}; it sets the environment variable {edge.target.key} of {edge.target.node}")
        elif edge.target.node in tasks:
            printed.setdefault(edge.source.node, {})[edge.source.key] = [
                _default(tasks[edge.target.node].step, edge.target.key)
            ] * width
            plural = "value" if width == 1 else "values"
            notes.append(f"{what}; assuming {width} {plural} for {edge.target.node}.{edge.target.key}")
        else:
            notes.append(f"{what}; assuming the default of {edge.target.node}.{edge.target.key}")
    for name, task in tasks.items():
        if task.grid.files is not None:
            width = widths.get(name, 1)
            folder = _default(task.step, task.grid.files.over)
            plural = "file" if width == 1 else "files"
            notes.append(f"the files in {folder!r} are only known at run time; assuming {width} {plural} for {name}")
    notes += _approvals(pipeline, known)
    for node in _conditions(pipeline):
        expected = {gate.expected for other in pipeline.nodes for gate in other.policy.gates if gate.node == node.name}
        verdict = known_verdicts.get(node.name, expected != {False})
        printed[node.name] = {VERDICT: verdict}
        if expected and node.name not in known_verdicts:
            result = str(verdict).lower()
            notes.append(f"whether {node.name} is true is only known at run time; assuming {result} (--assume)")

    def oracle(attempt: Attempt) -> Ending:
        return Ending(metadata=printed.get(attempt.node, {}))

    return oracle, tuple(notes)


def unknown_conditions(
    pipeline: ir.Pipeline, nodes: Mapping[str, NodePrediction], oracle: Oracle, known: Assumptions
) -> Iterator[str]:
    """Describe the conditions of actions that depend on unknown metadata, and what the prediction assumes of them.

    Args:
        pipeline: the pipeline.
        nodes: the prediction of each node.
        oracle: knows the metadata that the prediction assumes.
        known: the known metadata.
    """
    from translator.shim.actions.conditions import ConditionError, missing

    for node in step_nodes(pipeline).values():
        prediction = nodes[node.name]
        for condition, states in _evaluated(node, prediction.states).items():
            try:
                unknown = missing(condition, known.metadata.get(node.name, {}))
            except ConditionError:
                continue
            if unknown:
                is_met = _holds_for_one(condition, prediction, states, oracle)
                yield (
                    f"whether {condition!r} holds for {node.name} is only known at run time; "
                    f"assuming that it does{'' if is_met else ' not'} "
                    f"(--assume {node.name}.metadata.{unknown[0]}=VALUE)"
                )


def _evaluated(node: ir.StepNode, states: Collection[State]) -> dict[str, set[State]]:
    """Return the conditions that are evaluated after a node has ended in one of some states, with these states."""
    from translator.shim.actions.effects import EVENTS

    evaluated: dict[str, set[State]] = {}
    for action in node.policy.actions:
        after = {state for state, event in EVENTS.items() if state in states and event in action.when}
        for condition in action.conditions if after else ():
            evaluated.setdefault(condition, set()).update(after)
    return evaluated


def _holds_for_one(condition: str, node: NodePrediction, states: Collection[State], oracle: Oracle) -> bool:
    """Return whether a condition holds for an execution that may end in one of some states."""
    from translator.semantics import Attempt
    from translator.shim.actions.conditions import ConditionError, holds

    executions = [one for one in node.executions if not one.states.isdisjoint(states)]
    seen = [(oracle(Attempt(node.name, one.index, 1, one.parameters)).metadata, one.parameters) for one in executions]
    for metadata, parameters in seen or [({}, {})]:
        try:
            if holds(condition, metadata=metadata, parameters=parameters):
                return True
        except ConditionError:
            continue
    return False


def _approvals(pipeline: ir.Pipeline, known: Assumptions) -> Iterator[str]:
    """Describe the approvals that people are assumed to give."""
    for node in step_nodes(pipeline).values():
        effects = chain.from_iterable(action.then for action in node.policy.actions)
        if ir.Effect.REQUIRE_APPROVAL in effects and node.name not in known.rejected:
            yield f"a person decides about {node.name}; assuming approval (--assume {node.name}.approved=false)"


def _deployments(pipeline: ir.Pipeline, printed: dict[str, dict[str, object]]) -> Iterator[str]:
    """Yield what deployment nodes do, and add to the metadata what is known of them."""
    for name, node in step_nodes(pipeline).items():
        deployment = node.step.deployment
        if deployment is None:
            continue
        printed.setdefault(name, {}).setdefault("id", deployment.name)
        endpoints = ", ".join(one.name for one in deployment.endpoints) or "no endpoints"
        aliases = f"aliases ({', '.join(deployment.aliases)}) point" if deployment.aliases else ""
        moved = f"; its {aliases} to it once it is healthy, and stay if it fails" if aliases else ""
        yield f"{name} deploys a version of {deployment.name} ({endpoints}){moved}"


def _conditions(pipeline: ir.Pipeline) -> list[ir.ExecutionNode]:
    nodes = [node for node in pipeline.nodes if isinstance(node, ir.ExecutionNode)]
    return [node for node in nodes if node.step.kind is ir.StepKind.CONDITION]


def _default(step: ir.Step, name: str) -> Value:
    return next((parameter.default for parameter in step.parameters if parameter.name == name), None)
