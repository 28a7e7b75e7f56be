"""Measure one more execution of a task node on a real scheduler (LocalExecutor), against a hand-written task."""

import itertools
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from mapped import WIDTH, measure, translated
from mapped_airflow import BAREST, BAREST_REFERENCE, BY_HAND, REFERENCE, written
from measure import require

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.airflow.scheduler import Airflow, running

NUMBERS = itertools.count()


def runner(airflow: Airflow, dag_id: str) -> Callable[[], float]:
    """Return a function that runs a DAG and returns its seconds as the scheduler saw them."""

    def run() -> float:
        name = f"bench-{next(NUMBERS)}"
        airflow.trigger(dag_id, name)
        require(airflow.wait(dag_id, name) == "success", f"run {name} of {dag_id} failed")
        ended = airflow.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{name}")
        start, end = (datetime.fromisoformat(ended[key]) for key in ("start_date", "end_date"))
        return (end - start).total_seconds()

    return run


def main() -> None:
    """Start Airflow once and measure."""
    with tempfile.TemporaryDirectory() as temporary, running(Path(temporary) / "home") as airflow:
        for width in (1, WIDTH):
            translated("airflow", width, airflow.dags)
        for text in (BY_HAND, BAREST):
            written(text, airflow.dags)
        airflow.command("dags", "reserialize")
        ours, by_hand, barest = (
            {width: runner(airflow, f"{name}{width}") for width in (1, WIDTH)} for name in ("ours", "by_hand", "barest")
        )
        measure("Airflow's scheduler", ours, by_hand, reference=REFERENCE)
        measure("Airflow's scheduler", ours, barest, rounds=3, reference=BAREST_REFERENCE, bound=None)


if __name__ == "__main__":
    main()
