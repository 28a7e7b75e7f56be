"""Measure the shim around ``python -c pass`` against the bare subprocess.

Both run alternately in one process, as in a worker that has run an execution before. The first execution of a process
also loads what the shim imports lazily; its cost is a row without a bound.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, emit, note, require, seconds, side_by_side

from translator.shim.contract import Context, ExecutionId, State, Step
from translator.shim.execution import execute
from translator.shim.reuse.project_files import RECENT

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 60
BOUND = 2
MORE = 0.1
"""The seconds by which an execution in a project of 5,000 files may take longer than one in a project of 50."""


def main() -> None:
    """Measure and emit."""
    command = [sys.executable, "-c", "pass"]
    step = Step("pass", [" ".join(command)])
    indexes = itertools.count()

    def bare() -> None:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:

        def in_project(files: int) -> Callable[[], None]:
            project = Path(folder) / f"project-{files}"
            for number in range(files):
                path = project / f"package{number // 50}" / f"module{number}.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("pass\n" * 50)

            def execution() -> None:
                identity = ExecutionId("bench", "run", "node", next(indexes))
                context = Context(identity, f"{folder}/store", project, "prefect", lambda _: None)
                manifest = execute(step, context, parameters={}, inputs={})
                require(manifest.state is State.COMPLETE, str(manifest.reason))

            return execution

        execution, large = in_project(50), in_project(5_000)
        time.sleep(RECENT / 1e9)  # digests of files that have just changed are not cached
        first = seconds(execution)
        ours, theirs = side_by_side(lambda: seconds(execution), lambda: seconds(bare), ROUNDS)
        seconds(large)
        much, little = side_by_side(lambda: seconds(large), lambda: seconds(execution), ROUNDS)
    emit(Row("an execution of `python -c pass`", ours * 1000, "the bare subprocess", theirs * 1000, "ms", BOUND))
    emit(
        Row(
            "the same in a project of 5,000 files", much * 1000, "50 files, and 100 ms", (little + MORE) * 1000, "ms", 1
        )
    )
    emit(Row("the first execution of a process", first * 1000, "the bare subprocess", theirs * 1000, "ms"))
    note(f"the shim around python -c pass: {ours / theirs:.2f} (bound {BOUND})")


if __name__ == "__main__":
    main()
