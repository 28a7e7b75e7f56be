"""Choose the points of a Bayesian search, batch by batch, with the tree-structured Parzen estimator of Optuna.

A study is rebuilt for each batch from the results so far, in the order of the executions. So the points of a batch only
depend on the search and on these results: they are the same on each engine, and after a retry. The first 20 executions
that are complete have random values, as on Valohai. The seed of a batch is that of the search, with the index of the
first execution.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from typing import TYPE_CHECKING, Any

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Distribution, Objective, Search, Trial, Value

RANDOM_FIRST = 20
"""How many complete executions have random values before results decide."""
INSTALL = "pip install 'pipeline-translator[tuning]'"


class OptunaMissingError(TranslatorError):
    """Optuna, which chooses the points of a Bayesian search, is not installed where they are chosen."""


def next_points(
    search: Search, axes: Mapping[str, Sequence[Value]], parameters: Sequence[str], trials: Sequence[Trial]
) -> list[dict[str, Value]]:
    """Choose the points of the next batch.

    Args:
        search: the search; it has an objective.
        axes: the values to choose from, by parameter; they replace the distribution of a parameter.
        parameters: the names of the step's parameters, in order.
        trials: the results of all executions so far, in grid order.

    Returns:
        The points of at most ``batch_size`` executions; none once there are enough.

    Raises:
        OptunaMissingError: Optuna is not installed.
    """
    objective = search.objective
    if objective is None or len(trials) >= search.count:
        return []
    chosen = {name: _without_repetitions(axes[name]) for name in parameters if name in axes}
    space = {
        name: _options(chosen[name]) if name in chosen else _numbers(search.space[name])
        for name in parameters
        if name in axes or name in search.space
    }
    study = _study(search.seed, len(trials))
    for trial in trials:
        _tell(study, trial, objective, chosen, space)
    size = min(objective.batch_size, search.count - len(trials))
    suggested = [study.ask(space).params for _ in range(size)]
    return [{name: chosen[name][one[name]] if name in chosen else one[name] for name in space} for one in suggested]


def is_available() -> bool:
    """Return whether Optuna is installed."""
    try:
        return importlib.util.find_spec("optuna") is not None
    except ValueError:  # a module without a specification stands in for it
        return False


def fits(search: Search, axes: Mapping[str, Sequence[Value]], parameters: Mapping[str, Value]) -> bool:
    """Return whether a search could have chosen the values of an execution.

    Args:
        search: the search.
        axes: the values to choose from, by parameter.
        parameters: the values of the execution.
    """
    drawn = {name: one for name, one in search.space.items() if name not in axes}
    return all(name in parameters and parameters[name] in values for name, values in axes.items()) and all(
        _is_between(one, parameters.get(name)) for name, one in drawn.items()
    )


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise OptunaMissingError(f"a Bayesian search needs Optuna: {INSTALL}") from None
    return optuna


def _study(seed: str, first: int) -> Any:
    """Return a study without trials; ``first`` is the index of the first execution of the batch."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    number = int.from_bytes(hashlib.sha256(f"{seed}/{first}".encode()).digest()[:4], "big")
    # The executions of a batch do not know each other's results: they are kept apart.
    sampler = optuna.samplers.TPESampler(seed=number, n_startup_trials=RANDOM_FIRST, constant_liar=True)
    return optuna.create_study(sampler=sampler, direction="minimize")


def _tell(
    study: Any, trial: Trial, objective: Objective, chosen: Mapping[str, Sequence[Value]], space: Mapping[str, Any]
) -> None:
    """Add a result to a study; an execution without a metric is a failed trial."""
    optuna = _optuna()
    values = {
        name: _place(chosen[name], trial.parameters.get(name)) if name in chosen else trial.parameters.get(name)
        for name in space
    }
    metric = trial.metric
    is_number = isinstance(metric, (int, float)) and not isinstance(metric, bool) and math.isfinite(metric)
    if is_number and not any(value is None for value in values.values()):
        distance = abs(float(metric) - objective.target)  # type: ignore[arg-type]  # it is a number
        try:
            done = optuna.trial.create_trial(params=values, distributions=dict(space), value=distance)
        except ValueError:  # its values are outside the space: the search has changed since
            pass
        else:
            study.add_trial(done)
            return
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))


def _options(values: Sequence[Value]) -> Any:
    """Return the distribution of the places of values in a list: Optuna does not know lists as values."""
    return _optuna().distributions.CategoricalDistribution(list(range(len(values))))


def _numbers(distribution: Distribution) -> Any:
    low, high, log = distribution.minimum, distribution.maximum, distribution.kind == "loguniform"
    kinds = _optuna().distributions
    if distribution.integers:
        return kinds.IntDistribution(math.ceil(low), math.floor(high), log=log)
    return kinds.FloatDistribution(low, high, log=log)


def _without_repetitions(values: Sequence[Value]) -> list[Value]:
    found: list[Value] = []
    for value in values:
        if _place(found, value) is None:
            found.append(value)
    return found


def _place(values: Sequence[Value], value: Value) -> int | None:
    return next((index for index, other in enumerate(values) if other == value), None)


def _is_between(distribution: Distribution, value: object) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    is_right = not distribution.integers or float(value).is_integer()
    return is_right and distribution.minimum <= value <= distribution.maximum
