"""Every generated file, as Airflow's DAG processor takes it up: parsed, serialised, its params validated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from translator.targets import airflow

pytest.importorskip("airflow.sdk")

GOLDENS = sorted((Path(__file__).parent.parent / "goldens" / "airflow").rglob("*.py"))
CHECK = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
found = {}
for file in sys.argv[1:]:
    bag = DagBag(file, safe_mode=True)
    assert not bag.import_errors, bag.import_errors
    assert not [w for warnings in bag.captured_warnings.values() for w in warnings], bag.captured_warnings
    (dag,) = bag.dags.values()
    serialised = DagSerialization.to_dict(dag)
    json.dumps(serialised, allow_nan=False)
    again = DagSerialization.to_dict(dag)
    assert again == serialised
    dag.params.validate()
    DagSerialization.from_dict(serialised).params.validate()
    leaves = [task.task_id for task in dag.tasks if not task.downstream_task_ids]
    retries = {task.task_id: task.retries for task in dag.tasks if task.retries}
    found[file] = {"dag": dag.dag_id, "leaves": leaves, "bytes": len(json.dumps(serialised)), "retries": retries}
assert "translator.ir" not in sys.modules and "translator.load" not in sys.modules, "the compiler was imported"
print(json.dumps(found))
"""


def parsed(home: Path, *files: Path) -> dict[str, Any]:
    """What Airflow makes of DAG files, in a process of its own, with an empty home and no database."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
    }
    command = [sys.executable, "-c", CHECK, *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_goldens_are_taken_up(tmp_path: Path) -> None:
    assert GOLDENS
    found = parsed(tmp_path, *GOLDENS)
    assert len(found) == len(GOLDENS)
    for file, dag in found.items():
        assert dag["dag"] == Path(file).stem
        assert dag["leaves"] == ["finish"]
        retried = {"again": 2, "again_of_them.run": 2} if Path(file).stem == "policies" else {}
        assert dag["retries"] == retried, f"{file}: tries as often as the deployment's default says"


def test_what_is_stored_grows_with_the_pipeline_not_with_its_square(tmp_path: Path) -> None:
    """Airflow stores the params that a DAG has when a task is made with each such task."""
    sizes = []
    for count in (20, 80):
        nodes = [Node(f"n{number}", after=[f"n{number - 1}"] if number else []) for number in range(count)]
        file = tmp_path / f"chain{count}.py"
        file.write_text(airflow.generate(pipeline(*nodes)))
        sizes.append(parsed(tmp_path, file)[str(file)]["bytes"])
    assert sizes[1] < 5 * sizes[0]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    command = "echo '{{ 7 * 7 }}' \"$(date)\" '''\"\"\" \\ \u2028 {%raw%} \U0001f680"
    file = tmp_path / "hostile.py"
    file.write_text(airflow.generate(pipeline(Node("one", command), Node("two", [command, OK]), name="Hostile.md")))
    parsed(tmp_path, file)
