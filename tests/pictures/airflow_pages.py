"""Run the first pipeline on a real Airflow, and print the addresses of its pages as one line of JSON.

Airflow runs until standard input ends. The store of the runs is the first argument.
"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from urllib.parse import quote

from tests.airflow.scheduler import Airflow, running, wait_until
from tests.pictures.runs import PIPELINE, RATES, project, written


def main(folder: Path) -> None:
    """Run the pipeline twice, the second time with a learning rate that fails."""
    home = folder / "airflow"
    with running(home) as airflow:
        written(project(folder), "airflow", airflow.dags)
        wait_until(lambda: airflow.api("GET", "/api/v2/dags")["dags"])
        for run, rates in RATES.items():
            airflow.trigger(PIPELINE, run, {"rate": rates})
            wait_until(partial(_is_recorded, airflow, run))
        time.sleep(30)  # the server shows the end of a run later than the store
        run = list(RATES)[-1]
        dag = f"http://localhost:{airflow.port}/dags/{PIPELINE}/runs/{run}"
        print(json.dumps({"airflow-run": dag, "airflow-outputs": outputs(airflow, run)}), flush=True)
        sys.stdin.read()


def outputs(airflow: Airflow, run: str) -> str:
    """Return the address of the page with the outputs of a mapped task."""
    path = f"/api/v2/dags/{PIPELINE}/dagRuns/{quote(run)}/taskInstances/train.run/links?map_index=1"
    return str(airflow.api("GET", path)["extra_links"]["Outputs"])


def _is_recorded(airflow: Airflow, run: str) -> bool:
    return any(airflow.store.glob(f"*/{run}/run.json"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
