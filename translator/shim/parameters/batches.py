"""Choose the executions of a search batch by batch, and keep the points of those that there have been.

The points of a batch follow from the results of the batches before. An execution that an earlier attempt at the run
had keeps its point, also if results have changed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.parameters import bayesian, grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Search, Step, Trial, Value


def next_batch(  # noqa: PLR0913 - all but the first two are keywords
    step: Step,
    axes: Mapping[str, Sequence[Value] | Value],
    *,
    search: Search,
    trials: Sequence[Trial],
    labels: Sequence[str],
    earlier: Mapping[int, Mapping[str, Value]],
) -> list[tuple[dict[str, Value], str]]:
    """Choose the next batch: the point and the label of each execution; empty once there are enough.

    Args:
        step: the step whose parameters the search sets.
        axes: by parameter without a distribution the values to choose from; a single value is an axis of one.
        search: a search with an objective.
        trials: the results of all executions so far, in grid order.
        labels: the labels of these executions, which no other gets.
        earlier: by index the parameters of the executions that an earlier attempt at the run has had.

    Raises:
        translator.shim.parameters.grid.GridError: the search has nothing to choose from, a value is bad, or Optuna is
            not installed.
    """
    rows = grid.points(step, axes, search=search, trials=trials)
    chosen = {name: grid.spread(value) for name, value in axes.items()}
    first = len(trials)
    taken = set(labels)
    batch = []
    for index, row in enumerate(rows, first):
        old = earlier.get(index)
        point = {name: old[name] for name in row} if old is not None and bayesian.fits(search, chosen, old) else row
        label = grid.label({name: value for name, value in point.items() if _varies(name, search, chosen)})
        label = label if label not in taken else f"{label} #{index}"
        taken.add(label)
        batch.append((point, label))
    return batch


def _varies(name: str, search: Search, chosen: Mapping[str, Sequence[Value]]) -> bool:
    return len(chosen[name]) > 1 if name in chosen else name in search.space
