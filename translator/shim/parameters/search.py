"""Draw the values of a random search.

The values of a parameter are those of its own generator, Python's ``random.Random(f"{seed}/{parameter}")``, one for
each execution in order. So a parameter more, or one less, changes nothing for the others, and a search with more
executions begins with those of a shorter one.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Distribution, Search, Value


def numbers(distribution: Distribution, parameter: str, seed: str, count: int) -> list[float]:
    """Draw numbers of a distribution for a parameter.

    Args:
        distribution: the distribution; its own seed, if it has one, replaces ``seed``.
        parameter: the name of the parameter.
        seed: the seed of the search.
        count: how many numbers.
    """
    own = distribution.seed
    generator = random.Random(f"{seed if own is None else f'{own:g}'}/{parameter}")  # noqa: S311 - must repeat itself
    return [_number(distribution, generator) for _ in range(count)]


def points(search: Search, axes: Mapping[str, Sequence[Value]], parameters: Sequence[str]) -> list[dict[str, Value]]:
    """Draw the points of a search.

    Args:
        search: the search.
        axes: the values to choose from, by parameter; they replace the distribution of a parameter.
        parameters: the names of the step's parameters, in order.
    """
    drawn: dict[str, Sequence[Value]] = {}
    for name in parameters:
        if name in axes:
            generator = random.Random(f"{search.seed}/{name}")  # noqa: S311 - must repeat itself
            drawn[name] = [generator.choice(axes[name]) for _ in range(search.count)]
        elif name in search.space:
            drawn[name] = numbers(search.space[name], name, search.seed, search.count)
    return [{name: values[index] for name, values in drawn.items()} for index in range(search.count)]


def _number(distribution: Distribution, generator: random.Random) -> float:
    low, high = distribution.minimum, distribution.maximum
    if distribution.kind == "loguniform":
        number = min(max(math.exp(generator.uniform(math.log(low), math.log(high))), low), high)
        return min(max(round(number), math.ceil(low)), math.floor(high)) if distribution.integers else number
    return (
        generator.randint(math.ceil(low), math.floor(high)) if distribution.integers else generator.uniform(low, high)
    )
