"""Measure a wide task node on Prefect (temporary server) against a hand-written mapped task: what each execution costs.

Each run has its own process, whose memory is that of one flow.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from mapped import COMMAND, translated
from measure import Row, emit, require

NARROW, WIDE = 500, 2000


def main() -> None:
    """Measure both widths of both, and emit the rows."""
    runs = {(kind, width): _measured(kind, width) for width in (NARROW, WIDE) for kind in ("ours", "hand")}
    reference = f"`subprocess.run('{COMMAND}')` in a mapped task"
    factor = WIDE // NARROW
    for what, unit in (("processor time", "s"), ("flow's memory", "MB")):
        ours, hand = runs["ours", WIDE][unit], runs["hand", WIDE][unit]
        emit(Row(f"{what} for {WIDE:,} executions, Prefect", ours, reference, hand, unit))
    for what, unit in (("processor time", "s"), ("flow's memory", "MB")):
        row = f"{what} for {WIDE:,} executions, Prefect"
        before = factor * runs["ours", NARROW][unit]
        emit(Row(row, runs["ours", WIDE][unit], f"the same for {NARROW}, times {factor}", before, unit, 1.25))


def _measured(kind: str, width: int) -> dict[str, float]:
    """Run a flow in a new process, in a new Prefect; return its seconds of processor time, and the memory it added."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "PREFECT_HOME": f"{home}/prefect",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "900",
            "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS": "16",
            "TRANSLATOR_STORE": f"{home}/store",
        }
        command = [sys.executable, __file__, kind, str(width), home]
        # The server, which ends with the process, complains of what it did not finish.
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"s"')]
        require(lines, f"{kind} of width {width}: {done.stderr[-1000:]}")
        return dict(json.loads(lines[-1]))


def run(kind: str, width: int, home: Path) -> None:
    """Run a flow in this process, after one of width 1, and print what it took."""
    from prefect import Flow, flow, task

    @task
    def work(i: int) -> None:  # noqa: ARG001 -- the map's item
        subprocess.run(COMMAND, shell=True, check=True)  # noqa: S602

    @flow
    def by_hand(width: int) -> None:
        work.map(range(width)).wait()

    def once(width: int) -> None:
        if kind == "hand":
            by_hand(width)
            return
        names = runpy.run_path(str(translated("prefect", width, home)))
        (ours,) = [value for value in names.values() if isinstance(value, Flow)]
        ours()

    once(1)
    before = _usage()
    once(width)
    after = _usage()
    print(json.dumps({name: after[name] - before[name] for name in ("s", "MB")}), flush=True)


def _usage() -> dict[str, float]:
    """Return the processor time of this process and of the commands it waited for, and its greatest memory so far."""
    own, commands = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    used = sum(usage.ru_utime + usage.ru_stime for usage in (own, commands))
    return {"s": used, "MB": own.ru_maxrss / 1024}


if __name__ == "__main__":
    if sys.argv[1:]:
        run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
