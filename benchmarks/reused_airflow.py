"""Measure one more reused execution of a task node on Airflow (``dag.test()``) against a task that does nothing."""

import os
import subprocess
import tempfile
from pathlib import Path

from mapped import PROGRAMS, WIDTH, measure, require_reuse, translated
from mapped_airflow import runner, written

NOTHING = """\
from airflow.sdk import DAG, BaseOperator


class Nothing(BaseOperator):
    def __init__(self, *, item, **kwargs):
        super().__init__(**kwargs)

    def execute(self, context):
        return None


with DAG(dag_id="nothing{width}", schedule=None) as dag:
    Nothing.partial(task_id="work").expand(item=list(range({width})))
"""


def main() -> None:
    """Create an Airflow home, and measure in this process."""
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
        nothing = {width: runner(file) for width, file in written(NOTHING, dags).items()}
        ours = {width: runner(translated("airflow", width, dags, "--reuse")) for width in (1, WIDTH)}
        for run in ours.values():  # the results that later runs have
            run()
        reference = "a mapped task that does nothing, and 20 ms"
        measure(
            "`dag.test()`", ours, nothing, reference=reference, bound=1, what="one more reused execution", allowance=20
        )
        require_reuse(home / "store")


if __name__ == "__main__":
    main()
