"""Measure two ways in turns, and emit the rows of the table that ``make bench`` writes."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement of ours and of the reference, in ``unit``; the ratio must not exceed ``bound``."""

    what: str
    ours: float
    reference: str
    theirs: float
    unit: str
    bound: float | None = None

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the reference."""
        return self.ours / self.theirs

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its bound."""
        return self.bound is None or self.ratio <= self.bound


def require(holds: object, problem: str) -> None:
    """End the benchmark if what it measures went wrong."""
    if not holds:
        sys.exit(f"nothing measured: {problem}")


def emit(row: Row) -> None:
    """Print a row for ``benchmarks/run.py`` to read."""
    print(json.dumps(asdict(row)), flush=True)


def seconds(action: Callable[[], object]) -> float:
    """Return the duration of an action."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def processor_seconds(action: Callable[[], object]) -> float:
    """Return the processor time of an action that waits for nothing, which other programs hardly affect."""
    gc.collect()  # else the action pays for what was measured before
    start = time.process_time()
    action()
    return time.process_time() - start


def side_by_side(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int, warm_up: int = 1
) -> tuple[float, float]:
    """Return the medians of two alternating measurements, so that other load affects both."""
    for _ in range(warm_up):
        ours(), theirs()
    pairs = [(ours(), theirs()) if turn % 2 else (theirs(), ours())[::-1] for turn in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def note(text: str) -> None:
    """Report progress to the person who waits."""
    print(text, file=sys.stderr, flush=True)
