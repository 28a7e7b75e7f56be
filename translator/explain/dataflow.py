"""Explain what happens to a dataflow graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator import ir
from translator.explain.part import part_text
from translator.explain.result import CODE, ExplainedExecution, ExplainedNode, Explanation
from translator.explain.runtime_values import Assumptions, assumed, unknown_conditions
from translator.launch_inputs import required
from translator.names import did_you_mean
from translator.nodes import step_nodes
from translator.semantics import Failure, Rules, failing, predict
from translator.shim.masking import is_sensitive
from translator.shim.masking.uris import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.diagnostics import Diagnostics
    from translator.ir import Value
    from translator.semantics import NodePrediction, Prediction


_DIGITS = 4
"""The maximum number of digits in a failure; the failures set the size of grids that are only known at run time."""


_PLACEHOLDER = "given.file"
"""Stands for the files of an input that every run is given."""
_FAILURE = re.compile(r"(?P<node>.+?)(\[(?P<index>\d+)\])?(@(?P<attempt>\d+))?", re.DOTALL)
_DOTTED = re.compile(r"\.(\d+)(?=(?:@\d+)?\Z)")
"""The index in ``NODE.i``, which needs no quotes in a shell."""


def explain(
    pipeline: ir.Pipeline,
    failures: Sequence[str],
    values: Mapping[str, Value],
    diagnostics: Diagnostics,
    known: Assumptions | None = None,
) -> Explanation | None:
    """Explain a run with the rules.

    Args:
        pipeline: the pipeline.
        failures: what fails, as ``NODE``, ``NODE[i]`` or ``NODE[i]@ATTEMPT``; ``NODE.i`` is the same as ``NODE[i]``.
        values: the values given for the run.
        diagnostics: receives unknown nodes; then the result is None.
        known: the results of conditions and the metadata that are known; others are assumed.
    """
    nodes = step_nodes(pipeline)
    parsed = [failure for text in failures if (failure := _failure(text, nodes, diagnostics))]
    if not diagnostics.ok:
        return None
    widths = {f.node: max(g.index or 0 for g in parsed if g.node == f.node) + 1 for f in parsed}
    known = known or Assumptions()
    oracle, notes = assumed(pipeline, widths, known)
    lacking = required(pipeline)
    values = {**values, **{one.key: (_PLACEHOLDER,) for one in lacking}}
    if (text := part_text(pipeline)) is not None:
        notes = (text, *notes)
    notes = (*notes, *(f"The run is given files for the input {one.name}." for one in lacking))
    rejected = known.rejected
    rules = Rules(pipeline, values, failing(parsed, oracle), widths=widths, rejected=rejected)
    undisturbed = predict(Rules(pipeline, values, oracle, widths=widths, rejected=rejected)).nodes
    for text, failure in zip(failures, parsed, strict=True):
        _check(text, failure, nodes[failure.node], undisturbed[failure.node], diagnostics)
    if not diagnostics.ok:
        return None
    prediction = predict(rules)
    notes = (*notes, *unknown_conditions(pipeline, prediction.nodes, oracle, known), *_variables(prediction))
    return Explanation(pipeline, tuple(failures), prediction.states, _explained(prediction), notes)


def _explained(prediction: Prediction) -> tuple[ExplainedNode, ...]:
    return tuple(
        ExplainedNode(
            node.name,
            node.kind,
            node.states,
            node.why,
            tuple(
                ExplainedExecution(
                    one.index, one.states, one.tries, one.parameters, _masked_environment(one.environment)
                )
                for one in node.executions
            ),
        )
        for node in prediction.nodes.values()
    )


def _masked_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with the values of those masked that may hold secrets."""
    return {name: MASK if is_sensitive(name) else value for name, value in environment.items()}


def _variables(prediction: Prediction) -> Iterator[str]:
    """Yield lines about the environment variables that edges set; executions of a node have the same."""
    for node in prediction.nodes.values():
        environment = _masked_environment(node.executions[0].environment) if node.executions else {}
        if environment:
            listed = ", ".join(f"{name}={value}" for name, value in environment.items())
            yield f"edges set environment variables of {node.name}: {listed}"


def _failure(text: str, nodes: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> Failure | None:
    if text in nodes:  # a name may end in brackets
        return Failure(text)
    match = _FAILURE.fullmatch(text)
    if match is None or match["node"] not in nodes:
        match = _FAILURE.fullmatch(_DOTTED.sub(r"[\1]", text))
    if match is None or match["node"] not in nodes:
        name = match["node"] if match else text
        hint = did_you_mean(name, nodes, "nodes")
        diagnostics.error(CODE, f"--fail {text}: there is no node called {name!r}", None, hint=hint)
        return None
    numbers = {key: match[key] for key in ("index", "attempt") if match[key] is not None}
    if any(len(digits) > _DIGITS for digits in numbers.values()):
        diagnostics.error(CODE, f"--fail {text[:80]}: numbers can have at most {_DIGITS} digits", None)
        return None
    index, attempt = (int(numbers[key]) if key in numbers else None for key in ("index", "attempt"))
    return Failure(match["node"], index, attempt)


def _check(
    text: str, failure: Failure, node: ir.StepNode, undisturbed: NodePrediction, diagnostics: Diagnostics
) -> None:
    count = len(undisturbed.executions)
    if failure.index is not None and isinstance(node, ir.ExecutionNode) and failure.index > 0:
        diagnostics.error(CODE, f"--fail {text}: {node.name} is an execution node with one execution, [0]", None)
    elif failure.index is not None and failure.index >= count > 0:
        has = "one execution, [0]" if count == 1 else f"{count} executions, [0] to [{count - 1}]"
        diagnostics.error(CODE, f"--fail {text}: {node.name} has {has}", None)
    tries = node.policy.tries
    if failure.attempt is not None and not 1 <= failure.attempt <= tries:
        has = "has one attempt" if tries == 1 else f"has {tries} attempts, @1 to @{tries}"
        diagnostics.error(CODE, f"--fail {text}: each execution of {node.name} {has}", None)
