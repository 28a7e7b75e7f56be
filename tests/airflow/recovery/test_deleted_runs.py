"""Delete runs from a real Airflow at bad moments: while the listener reads them, and while it writes their records."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.airflow.pipelines import Node, pipeline
from tests.airflow.scheduler import wait_until
from translator.targets import airflow

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow

pytest.importorskip("airflow.sdk")

LATE = """
import sys
from airflow_plugin.database import run
from airflow_plugin.recovery import rewrite

def before(module, name):
    real = getattr(module, name)
    def pausing(*args, **kwargs):
        setattr(module, name, real)
        print("waits", flush=True)
        sys.stdin.readline()
        return real(*args, **kwargs)
    setattr(module, name, pausing)

before(*{"read": (run, "Pushed"), "write": (rewrite, "_record")}[sys.argv[1]])
rewrite.write("deleted", sys.argv[2], ended=True)
"""
"""What the listener does after a mark, with a pause between its first questions and the others, or before it writes."""


def test_a_late_write_leaves_the_record_of_a_deleted_run_alone(scheduler: Airflow) -> None:
    """Also if another run has the id when the listener looks again."""
    (scheduler.dags / "deleted.py").write_text(airflow.generate(pipeline(Node("a"), Node("b"), name="Deleted")))
    scheduler.wait_for_dags("deleted")
    for moment in ("read", "write"):
        scheduler.trigger("deleted", moment)
        assert scheduler.wait("deleted", moment) == "success"
        path = scheduler.store / "Deleted" / moment / "run.json"
        path.write_text(record := path.read_text() + " ")  # whoever writes it writes no space
        late = subprocess.Popen(
            [sys.executable, "-c", LATE, moment, moment],
            env=scheduler.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert late.stdin is not None
        assert late.stdout is not None
        wait_until(lambda stdout=late.stdout: "waits" in stdout.readline())  # type: ignore[misc]
        scheduler.delete(f"/api/v2/dags/deleted/dagRuns/{moment}")
        if moment == "write":
            scheduler.trigger("deleted", moment)
            assert scheduler.wait("deleted", moment) == "success"
        late.communicate("\n")
        assert late.returncode == 0
        assert path.read_text() == record, moment
