"""What both measurements of a mapped execution share: the pipeline, and the arithmetic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, emit, seconds, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Path(sys.executable).parent
WIDTH = 50
COMMAND = "python -c pass"


def translated(engine: str, width: int, folder: Path) -> str:
    """What is generated for one task node of ``width`` executions of ``COMMAND``."""
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
    return subprocess.check_output([PROGRAMS / "translate", file, "--target", engine], text=True)


def measure(engine: str, ours: dict[int, Callable[[], object]], by_hand: dict[int, Callable[[], object]]) -> None:
    """Emit the cost of one more execution: a run of ``WIDTH`` less a run of one, divided by the rest."""

    def one_more(runs: dict[int, Callable[[], object]]) -> float:
        return (seconds(runs[WIDTH]) - seconds(runs[1])) / (WIDTH - 1) * 1000

    medians = side_by_side(lambda: one_more(ours), lambda: one_more(by_hand), rounds=5)
    what, reference = f"mapped execution, {engine.title()}, width {WIDTH}", f"a task with `subprocess.run('{COMMAND}')`"
    emit(Row(what, medians[0], reference, medians[1], "ms", 1.15))
