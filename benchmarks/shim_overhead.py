"""What the shim costs around a command: ``python -c pass`` by itself and as an execution, side by side.

Both run in turns in one process, so that a busy machine slows both. Prints medians and their ratio; the aim is 1.5. The
first execution of a process, which loads what the shim imports lazily, is shown beside them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Context, Step

ROUNDS = 60
LIMIT = 1.5


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(step: Step, context_of: Callable[[int], Context], command: list[str]) -> tuple[float, float, float]:
    """The median of the bare subprocess and of the execution, and the time of the first execution, in seconds."""
    from translator.shim.contract import State
    from translator.shim.run import execute

    def execution(index: int) -> None:
        manifest = execute(step, context_of(index), parameters={}, inputs={})
        assert manifest.state is State.COMPLETE, manifest.reason

    def bare() -> None:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    first = seconds(lambda: execution(0))
    bare()
    pairs = [(seconds(bare), seconds(partial(execution, index))) for index in range(1, ROUNDS + 1)]
    return statistics.median(one for one, _ in pairs), statistics.median(one for _, one in pairs), first


def main() -> int:
    """Measure and print; the exit status tells whether the aim is met."""
    begun = time.perf_counter()
    from translator.shim.contract import Context, ExecutionId, Step

    imported = time.perf_counter() - begun
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        project = Path(folder) / "project"
        project.mkdir()

        def context_of(index: int) -> Context:
            identity = ExecutionId("bench", "run", "node", index)
            return Context(identity, str(Path(folder) / "store"), project, "prefect", lambda _: None)

        step = Step("pass", [f"{sys.executable} -c pass"])
        bare, execution, first = measure(step, context_of, [sys.executable, "-c", "pass"])
    ratio = execution / bare
    print("| what | median, ms | ratio |")
    print("|---|---|---|")
    print(f"| python -c pass | {bare * 1000:.1f} | 1.00 |")
    print(f"| the same as an execution | {execution * 1000:.1f} | {ratio:.2f} (aim {LIMIT}) |")
    print(f"| the first execution of a process | {first * 1000:.1f} | {first / bare:.2f} |")
    print(f"| import translator.shim.contract | {imported * 1000:.1f} | |")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
