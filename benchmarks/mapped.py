"""Share the pipeline and the arithmetic of the benchmarks of mapped executions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, emit, require, seconds, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Path(sys.executable).parent
WIDTH = 50
SETTLE = 3
COMMAND = "python -c pass"
os.environ["PATH"] = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"


def translated(engine: str, width: int, folder: Path, *options: str) -> Path:
    """Generate a file in ``folder`` for one task node of ``width`` executions of ``COMMAND``, with more options."""
    file = folder / f"ours{width}.yaml"
    file.write_text(
        f"""\
- step:
    name: work
    image: busybox
    command: {COMMAND}
    parameters:
      - {{name: i, type: integer, default: 0}}
- task:
    name: many
    step: work
    type: grid_search
    parameters:
      - name: i
        style: linear
        rules: {{start: 1, end: {width}, step: 1}}
- pipeline:
    name: ours{width}
    nodes:
      - {{name: work, type: task, task: many}}
    edges: []
"""
    )
    output = file.with_suffix(".py")
    command = [PROGRAMS / "translate", file, "--target", engine, "--output", output, *options]
    subprocess.run(command, check=True, capture_output=True)
    return output


def measure(  # noqa: PLR0913 - the last two are keywords
    where: str,
    ours: dict[int, Callable[[], float]],
    by_hand: dict[int, Callable[[], float]],
    rounds: int = 5,
    *,
    reference: str = f"`subprocess.run('{COMMAND}')` in a mapped task",
    bound: float | None = 1.15,
    what: str = "one more execution",
    allowance: float = 0,
) -> None:
    """Emit the cost of one more execution: a run of ``WIDTH`` less a run of one, divided by the rest.

    Args:
        where: the engine, and how it runs.
        ours: by width, a run of the translated pipeline that returns the seconds it took.
        by_hand: the same for the hand-written mapped task.
        rounds: how often each is measured.
        reference: what the hand-written task does.
        bound: what the ratio must not exceed.
        what: what is measured.
        allowance: the milliseconds that the reference gets for each execution.
    """
    wide = side_by_side(ours[WIDTH], by_hand[WIDTH], rounds=rounds)
    narrow = side_by_side(ours[1], by_hand[1], rounds=rounds)
    mine, theirs = ((wide[who] - narrow[who]) / (WIDTH - 1) * 1000 for who in (0, 1))
    emit(Row(f"{what}, {where}", mine, reference, theirs + allowance, "ms", bound))


def require_reuse(store: Path) -> None:
    """Exit unless all executions of the latest run in a store have the results of an earlier one."""
    latest = max(store.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime)
    nodes = json.loads(latest.read_text())["nodes"].values()
    require(all("reused" in one for node in nodes for one in node["executions"]), f"{latest}: commands ran")


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """Return a run that returns its seconds, after the previous run has settled on the engine's server."""

    def measured() -> float:
        time.sleep(SETTLE)
        return seconds(run)

    return measured
