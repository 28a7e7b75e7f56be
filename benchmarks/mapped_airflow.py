"""One more execution of a task node on Airflow (``dag.test()``), against a hand-written mapped task."""

import contextlib
import importlib.util
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from mapped import COMMAND, PROGRAMS, WIDTH, measure, timed, translated

BY_HAND = """\
import subprocess

from airflow.sdk import DAG, task

with DAG(dag_id="by_hand{width}", schedule=None) as dag:

    @task
    def work(i):
        subprocess.run("{command}", shell=True, check=True)

    work.expand(i=list(range({width})))
"""


def runner(file: Path) -> Callable[[], float]:
    """A function that runs the DAG of a file, throws its log away, and returns the seconds that it took."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    from airflow.sdk import DAG

    spec.loader.exec_module(module)
    dag = next(value for value in vars(module).values() if isinstance(value, DAG))

    def run() -> None:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            outcome = dag.test()
        assert str(outcome.state) == "success", outcome

    return timed(run)


def main() -> None:
    """Make an Airflow home of its own, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        home, dags = Path(temporary), Path(temporary) / "dags"
        dags.mkdir()
        os.environ |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "TRANSLATOR_STORE": str(home / "store"),
        }
        subprocess.run([PROGRAMS / "airflow", "db", "migrate"], check=True, capture_output=True)
        ours = {width: runner(translated("airflow", width, dags)) for width in (1, WIDTH)}
        by_hand = {}
        for width in (1, WIDTH):
            file = dags / f"by_hand{width}.py"
            file.write_text(BY_HAND.format(width=width, command=COMMAND))
            by_hand[width] = runner(file)
        measure("`dag.test()`", ours, by_hand)


if __name__ == "__main__":
    main()
