"""``translate explain``: what would happen if executions erred, by the rules of ``translator.semantics``."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator import given, ir
from translator.assumptions import assumed, verdicts
from translator.diagnostics import Diagnostics, TranslationError, printable
from translator.names import did_you_mean
from translator.options import FAILED, OK, USAGE, add_pipeline_arguments, choose, open_file, show

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Mapping, Sequence

    from translator.ir import Value
    from translator.load import Loaded
    from translator.semantics import Failure, NodePrediction, Prediction

CODE = "bad-failure"
TIMING = "Where several states are listed, timing decides which executions have ended when the stop comes."

_DIGITS = 4
"""A grid that is known only while running is assumed to be as large as the failures say: not beyond any bound."""
_FAILURE = re.compile(r"(?P<node>.+?)(\[(?P<index>\d+)\])?(@(?P<attempt>\d+))?", re.DOTALL)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="the pipeline file")
    add_pipeline_arguments(parser, target_required=None)
    given.add_argument(parser)
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="NODE | NODE[i] | NODE[i]@try | NODE.BRANCH.NODE",
        help="what errs: every execution of a node, one of them, one try of one, or a node in a branch (an item's or "
        "iteration's number or * in place of its name); may be given several times",
    )
    verdict = "what a condition comes to (Loom); may be given several times"
    parser.add_argument("--assume", action="append", default=[], metavar="CONDITION=true|false", help=verdict)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to say it (text)")


def main(args: Namespace) -> int:
    """Print what would happen.

    Returns:
        0; 1 if the file has errors; 2 if what was asked for is not there.

    Raises:
        UsageError: there is no such pipeline, or there are several.
    """
    loaded = open_file(args, args.file)
    asked = Diagnostics()
    try:
        pipeline = choose(loaded, args.pipeline, grid=args.grid, tries=args.tries)
    except TranslationError as error:
        show(error.diagnostics, loaded.sources)
        return FAILED
    values = given.values(pipeline, args.param, asked)
    told = verdicts(pipeline, args.assume, asked)
    if pipeline.graph.start is not None:
        return _controlflow(pipeline, args, values, asked, loaded)
    explanation = explain(pipeline, args.fail, values, asked, told) if asked.ok else None
    if explanation is None:
        show(asked, loaded.sources)
        return USAGE
    sys.stdout.write(as_json(explanation) if args.format == "json" else as_text(explanation))
    return OK


def _controlflow(
    pipeline: ir.Pipeline, args: Namespace, values: Mapping[str, Value], asked: Diagnostics, loaded: Loaded
) -> int:
    from translator import explain_controlflow

    found = explain_controlflow.explain(pipeline, args.fail, values, asked) if asked.ok else None
    if found is None:
        show(asked, loaded.sources)
        return USAGE
    sys.stdout.write(
        explain_controlflow.as_json(found) if args.format == "json" else explain_controlflow.as_text(found)
    )
    return OK


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen: the prediction, what was assumed to err, and what had to be assumed besides."""

    pipeline: ir.Pipeline
    failures: tuple[str, ...]
    prediction: Prediction
    notes: tuple[str, ...]


def explain(
    pipeline: ir.Pipeline,
    failures: Sequence[str],
    values: Mapping[str, Value],
    diagnostics: Diagnostics,
    told: Mapping[str, bool] | None = None,
) -> Explanation | None:
    """Ask the rules.

    Args:
        pipeline: the pipeline.
        failures: what errs, as ``NODE``, ``NODE[i]`` or ``NODE[i]@try``.
        values: the values given for the run.
        diagnostics: where to report failures of what is not there; then the answer is None.
        told: what conditions come to, by name; of others it is assumed.
    """
    from translator.semantics import Rules, failing, predict

    nodes = {node.name: node for node in pipeline.nodes if isinstance(node, ir.ExecutionNode | ir.TaskNode)}
    parsed = [failure for text in failures if (failure := _failure(text, nodes, diagnostics))]
    if not diagnostics.ok:
        return None
    widths = {f.node: max(g.index or 0 for g in parsed if g.node == f.node) + 1 for f in parsed}
    oracle, notes = assumed(pipeline, widths, told or {})
    rules = Rules(pipeline, values, failing(parsed, oracle), widths=widths)
    undisturbed = predict(Rules(pipeline, values, oracle, widths=widths)).nodes
    for text, failure in zip(failures, parsed, strict=True):
        _check(text, failure, nodes[failure.node], undisturbed[failure.node], diagnostics)
    return Explanation(pipeline, tuple(failures), predict(rules), notes) if diagnostics.ok else None


def as_text(explanation: Explanation) -> str:
    """The explanation for people."""
    pipeline, prediction = explanation.pipeline, explanation.prediction
    what = f"if {' and '.join(explanation.failures)} errs" if explanation.failures else "if nothing errs"
    if len(explanation.failures) > 1:
        what = what.removesuffix("errs") + "err"
    lines = [f"{pipeline.name} ({pipeline.file}), {what}:", ""]
    rows: list[tuple[str, str, str]] = []
    for node in prediction.nodes.values():
        rows.append((f"  {node.name}", _states(node.states), "; ".join(node.why)))
        if node.kind == "task":
            labels = _labels([e.parameters for e in node.executions])
            executions = zip(node.executions, labels, strict=True)
            rows += [(f"    [{e.index}] {label}", _states(e.states), "") for e, label in executions]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines += [f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    lines += ["", f"the run: {_states(prediction.states)}"]
    if any(len(node.states) > 1 for node in prediction.nodes.values()):
        lines += ["", TIMING]
    lines += ["", *(f"note: {note}" for note in explanation.notes)] if explanation.notes else []
    return "".join(f"{printable(line)}\n" for line in lines)


def as_json(explanation: Explanation) -> str:
    """The explanation for programs."""
    import json

    prediction = explanation.prediction
    document: dict[str, Any] = {
        "pipeline": explanation.pipeline.name,
        "failures": list(explanation.failures),
        "states": sorted(prediction.states),
        "nodes": {
            node.name: {
                "kind": node.kind,
                "states": sorted(node.states),
                "why": list(node.why),
                "executions": [
                    {
                        "index": e.index,
                        "states": sorted(e.states),
                        "tries": list(e.tries),
                        "parameters": dict(e.parameters),
                    }
                    for e in node.executions
                ],
            }
            for node in prediction.nodes.values()
        },
        "notes": list(explanation.notes),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _failure(text: str, nodes: Mapping[str, ir.StepNode], diagnostics: Diagnostics) -> Failure | None:
    from translator.semantics import Failure

    if text in nodes:  # a name may end in brackets of its own
        return Failure(text)
    match = _FAILURE.fullmatch(text)
    if match is None or match["node"] not in nodes:
        name = match["node"] if match else text
        hint = did_you_mean(name, nodes, "nodes")
        diagnostics.error(CODE, f"--fail {text}: there is no node called {name!r}", None, hint=hint)
        return None
    numbers = {key: match[key] for key in ("index", "attempt") if match[key] is not None}
    if any(len(digits) > _DIGITS for digits in numbers.values()):
        diagnostics.error(CODE, f"--fail {text[:80]}: numbers have at most {_DIGITS} digits here", None)
        return None
    index, attempt = (int(numbers[key]) if key in numbers else None for key in ("index", "attempt"))
    return Failure(match["node"], index, attempt)


def _check(
    text: str, failure: Failure, node: ir.StepNode, undisturbed: NodePrediction, diagnostics: Diagnostics
) -> None:
    count = len(undisturbed.executions)
    if failure.index is not None and isinstance(node, ir.ExecutionNode) and failure.index > 0:
        diagnostics.error(CODE, f"--fail {text}: {node.name} is an execution node: it has one execution, [0]", None)
    elif failure.index is not None and failure.index >= count > 0:
        has = "one execution, [0]" if count == 1 else f"{count} executions, [0] to [{count - 1}]"
        diagnostics.error(CODE, f"--fail {text}: {node.name} has {has}", None)
    tries = node.policy.tries
    if failure.attempt is not None and not 1 <= failure.attempt <= tries:
        has = "is tried once" if tries == 1 else f"has {tries} tries, @1 to @{tries}"
        diagnostics.error(CODE, f"--fail {text}: each execution of {node.name} {has}", None)


def _states(states: Iterable[str]) -> str:
    return " or ".join(sorted(states))


def _labels(points: Sequence[Mapping[str, Value]]) -> list[str]:
    """How people recognise executions: by the parameters in which they differ."""
    from translator.shim.grid import label

    differ = [name for name in points[0] if any(p[name] != points[0][name] for p in points)] if points else []
    return [label({name: point[name] for name in differ}) for point in points]
