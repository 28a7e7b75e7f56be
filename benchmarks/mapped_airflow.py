"""Measure one more execution of a task node on Airflow (``dag.test()``) against a hand-written mapped task."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mapped import COMMAND, PROGRAMS, WIDTH, measure, timed, translated
from measure import require

BY_HAND = """\
import subprocess
import sys

from airflow.sdk import DAG, get_current_context, task

with DAG(dag_id="by_hand{width}", schedule=None, params={{"i": list(range({width}))}}) as dag:

    @task
    def grid():
        return [{{"i": i}} for i in get_current_context()["params"]["i"]]

    @task(map_index_template="{{{{ label }}}}")
    def work(point):
        get_current_context()["label"] = f"i={{point['i']}}"
        ended = subprocess.run("{command}", shell=True, check=True)
        return {{"parameters": point, "exit_status": ended.returncode}}

    work.expand(point=grid())
"""
BAREST = """\
import subprocess
import sys

from airflow.sdk import DAG, task

with DAG(dag_id="barest{width}", schedule=None) as dag:

    @task
    def work(i):
        subprocess.run("{command}", shell=True, check=True)

    work.expand(i=list(range({width})))
"""


REFERENCE = f"`subprocess.run('{COMMAND}')` mapped over DAG params, labelled, returning a record"
BAREST_REFERENCE = f"`subprocess.run('{COMMAND}')` mapped over a literal, returning nothing"


def written(text: str, dags: Path, widths: tuple[int, ...] = (1, WIDTH)) -> dict[int, Path]:
    """Write the hand-written DAGs to the directory ``dags``, by width."""
    files = {}
    for width in widths:
        source = text.format(width=width, command=COMMAND)
        name = next(line for line in source.splitlines() if "dag_id" in line).split('"')[1]
        files[width] = dags / f"{name}.py"
        files[width].write_text(source)
    return files


def runner(file: Path) -> Callable[[], float]:
    """Return a function that runs the DAG of a file, discards its log, and returns the seconds."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        sys.exit(f"nothing measured: {file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    from airflow.sdk import DAG

    spec.loader.exec_module(module)
    dag = next(value for value in vars(module).values() if isinstance(value, DAG))

    def run() -> None:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            outcome = dag.test()
        require(str(outcome.state) == "success", str(outcome))

    return timed(run)


def set_up(home: Path) -> Path:
    """Create an Airflow home for this process, and return the directory of its DAG files."""
    dags = home / "dags"
    dags.mkdir()
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "TRANSLATOR_STORE": str(home / "store"),
    }
    subprocess.run([PROGRAMS / "airflow", "db", "migrate"], check=True, capture_output=True)
    return dags


def main() -> None:
    """Create an Airflow home, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        dags = set_up(Path(temporary))
        ours = {width: runner(translated("airflow", width, dags)) for width in (1, WIDTH)}
        by_hand, barest = (
            {width: runner(file) for width, file in written(text, dags).items()} for text in (BY_HAND, BAREST)
        )
        measure("`dag.test()`", ours, by_hand, reference=REFERENCE)
        measure("`dag.test()`", ours, barest, reference=BAREST_REFERENCE, bound=None)


if __name__ == "__main__":
    main()
