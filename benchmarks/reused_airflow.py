"""Measure one more reused execution of a task node on Airflow (``dag.test()``) against a task that does nothing."""

import tempfile
from pathlib import Path

from mapped import WIDTH, measure, require_reuse, translated
from mapped_airflow import BY_HAND, runner, set_up, written

BAREST = """\
from airflow.sdk import DAG, task

with DAG(dag_id="nothing{width}", schedule=None) as dag:

    @task
    def work(i):
        pass

    work.expand(i=list(range({width})))
"""
EMPTY = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(dag_id="empty{width}", schedule=None) as dag:
    EmptyOperator.partial(task_id="work").expand(doc=list(map(str, range({width}))))
"""
REFERENCE = "20 ms and a mapped task that does nothing"
LIKE = "over DAG params, labelled, returning a record"
EMPTY_REFERENCE = "20 ms and a mapped `EmptyOperator`"


def main() -> None:
    """Create an Airflow home, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        dags = set_up(home)
        by_hand = BY_HAND.replace('ended = subprocess.run("{command}", shell=True, check=True)', "").replace(
            "ended.returncode", "0"
        )
        like, nothing, empty = (
            {width: runner(file) for width, file in written(text, dags).items()} for text in (by_hand, BAREST, EMPTY)
        )
        ours = {width: runner(translated("airflow", width, dags, "--reuse")) for width in (1, WIDTH)}
        for run in ours.values():  # the results that later runs have
            run()
        references = (
            (like, f"{REFERENCE}, {LIKE}", 1),
            (nothing, REFERENCE, 1),
            (empty, EMPTY_REFERENCE, None),
        )
        for theirs, reference, bound in references:
            measure(
                "`dag.test()`",
                ours,
                theirs,
                rounds=3,
                reference=reference,
                bound=bound,
                what="one more reused execution",
                allowance=20,
            )
        require_reuse(home / "store")


if __name__ == "__main__":
    main()
