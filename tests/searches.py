"""Predict the points of searches in runs that are continued, for histories of runs on both engines.

A search of batches keeps the points that executions of the run have had, if it could still choose them. A random search
always draws the same points from the same values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.semantics import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from translator import ir
    from translator.semantics import Oracle
    from translator.semantics.results import Result
    from translator.semantics.rules import Points
    from translator.shim import contract
    from translator.shim.contract import Value

BATCHED, DRAWN, GROUP = "tune", "draw", "team"
COUNTS = {BATCHED: 5, DRAWN: 3, GROUP: 2}
BATCH = 2
SCORES = 4
"""How many different scores there are, from 0 on; the score of an execution decides whether it fails."""
LAST_SCORE = SCORES - 1
"""The score with which a search ends that has a stop-condition."""
_SEARCH = """
- task:
    name: {node}
    step: point
    type: {kind}
    execution-count: {count}
{more}
    parameters: [{{name: n, style: random, rules: {{min: 1, max: 1000000}}}}]
"""
_OBJECTIVE = f"""
    execution-batch-size: {BATCH}
    optimization-target-metric: score
    optimization-target-value: 2
"""
_GROUP = f"""
- task: {{name: {GROUP}, step: member, type: distributed, execution-count: {COUNTS[GROUP]}, parameters: []}}
"""


def tasks(*, stops: bool) -> str:
    """Return the tasks of a Valohai file: both kinds of search, over the step ``point``, and a group of ``member``.

    Args:
        stops: whether the searches end with the first score that is ``LAST_SCORE``.
    """
    stop = f"    stop-condition: score == {LAST_SCORE}" if stops else ""
    kinds = {BATCHED: ("bayesian_tpe", _OBJECTIVE), DRAWN: ("random_search", "")}
    searches = (
        _SEARCH.format(node=node, kind=kind, count=COUNTS[node], more=f"{more}{stop}".strip("\n"))
        for node, (kind, more) in kinds.items()
    )
    return "".join(searches) + _GROUP


def score_of(parameters: Mapping[str, Any]) -> int:
    """Return the metric that an execution prints."""
    return int(parameters["n"]) % SCORES


class SearchRules(Rules):
    """The specification of a run whose executions have had points before.

    Args:
        pipeline: the pipeline.
        oracle: how each try ends.
        search: the name of the node that runs batch by batch.
        kinds: returns the values of the parameter ``kind``, which an edge brings.
        kept: by node and index the parameters that executions of the run have had.
    """

    def __init__(
        self,
        pipeline: ir.Pipeline,
        oracle: Oracle,
        search: str,
        kinds: Callable[[], Collection[int]],
        kept: Mapping[tuple[str, int], Mapping[str, Value]],
    ) -> None:
        super().__init__(pipeline, oracle=oracle)
        self.search = search
        self.kinds = kinds
        self.kept = kept

    def points(self, node: ir.StepNode, before: Mapping[str, Result], trials: Sequence[contract.Trial] = ()) -> Points:
        """Return the parameters of each execution, and why they are invalid."""
        points = super().points(node, before, trials)
        if node.name != self.search:
            return points
        kinds = self.kinds()
        kept = (self.kept.get((node.name, index)) for index in range(len(trials), len(trials) + len(points)))
        return [
            (old, None) if old is not None and old["kind"] in kinds else point
            for old, point in zip(kept, points, strict=True)
        ]
