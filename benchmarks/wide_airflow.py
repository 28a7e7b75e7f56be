"""Measure a wide task node on a real scheduler (LocalExecutor) against a hand-written mapped task.

The memory is that of the scheduler's own process, at its greatest during the run.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from datetime import datetime
from pathlib import Path

from mapped import translated
from mapped_airflow import BY_HAND, REFERENCE, written
from measure import Row, emit, require

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.airflow.scheduler import Airflow, running

NARROW, WIDE = 500, 2000
LONGEST = 3600
SETTINGS = {"AIRFLOW__CORE__MAX_MAP_LENGTH": str(WIDE), "AIRFLOW__CORE__PARALLELISM": "4"}


def main() -> None:
    """Start Airflow once, measure both widths of both, and emit the rows."""
    with tempfile.TemporaryDirectory() as temporary, running(Path(temporary) / "home", SETTINGS) as airflow:
        for width in (1, NARROW, WIDE):
            translated("airflow", width, airflow.dags)
        written(BY_HAND, airflow.dags, (1, NARROW, WIDE))
        airflow.command("dags", "reserialize")
        runs = {
            (kind, width): _measured(airflow, f"{kind}{width}")
            for width in (1, NARROW, WIDE)
            for kind in ("ours", "by_hand")
        }
    factor = WIDE // NARROW
    for what, unit in (("time", "s"), ("scheduler's memory", "MB")):
        ours, hand = runs["ours", WIDE][unit], runs["by_hand", WIDE][unit]
        emit(Row(f"{what} for {WIDE:,} executions, Airflow", ours, REFERENCE, hand, unit, 1.15))
    row, before = f"time for {WIDE:,} executions, Airflow", factor * runs["ours", NARROW]["s"]
    emit(Row(row, runs["ours", WIDE]["s"], f"the same for {NARROW}, times {factor}", before, "s", 1.25))


def _measured(airflow: Airflow, dag_id: str) -> dict[str, float]:
    """Run a DAG; return its seconds as the scheduler saw them, and the scheduler's memory."""
    ended = threading.Event()
    most = [0.0]

    def watch() -> None:
        while not ended.wait(1):
            most[0] = max(most[0], *(_memory(process) for process in _schedulers(airflow.home)), 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        airflow.trigger(dag_id, "bench")
        require(airflow.wait(dag_id, "bench", LONGEST) == "success", f"the run of {dag_id} failed")
    finally:
        ended.set()
        watching.join()
    run = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/bench")
    start, end = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
    return {"s": (end - start).total_seconds(), "MB": most[0]}


def _schedulers(home: Path) -> list[Path]:
    """Return the processes of an Airflow's scheduler itself, without the tasks that it starts."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if b"airflow\0scheduler" in command and str(home).encode() in (process / "environ").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def _memory(process: Path) -> float:
    """Return the MB that a process has in memory."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


if __name__ == "__main__":
    main()
