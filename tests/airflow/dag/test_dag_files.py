"""Load every generated file as Airflow's DAG processor does: parse it, serialise it, and validate its params."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from tests.parameters import cases, document
from translator.load import load_text
from translator.targets import airflow

if TYPE_CHECKING:
    from translator.ir import Pipeline

pytest.importorskip("airflow.sdk")

GOLDENS_FOLDER = Path(__file__).parents[2] / "goldens"
GOLDENS = sorted((GOLDENS_FOLDER / "airflow").rglob("*.py"))
CHECK = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
from airflow_plugin.dag import plan
from airflow_plugin.controlflow import structure
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
    lists = [name for name in dag.params if dag.params.get_param(name).schema.get("type") == "array"]
    required = [name for name in lists if not dag.params.get_param(name).has_value]
    for name in required:  # inputs that every run must be given
        dag.params[name] = ["given"]
    dag.params.validate()
    DagSerialization.from_dict(DagSerialization.to_dict(dag) if required else serialised).params.validate()
    # What a listener has of the DAG.
    several = "finish" not in dag.task_dict  # it starts runs of another DAG
    carried = {} if several else json.loads(DagSerialization.from_dict(serialised).get_task("finish").plan)
    if several:
        pass
    elif "graph" in carried:
        assert carried["dialect"] in dag.tags
        read, root = structure.from_json(carried["graph"]), structure.read(dag)
        assert structure.to_json(read) == structure.to_json(root)
        assert {after: to.path for after, to in read.leads.items()} == {a: to.path for a, to in root.leads.items()}
    else:
        assert plan.from_json(carried["nodes"]) == plan.plans_of(dag)
        assert carried["parameters"] == list(dag.get_task("finish").parameters)
    leaves = [task.task_id for task in dag.tasks if not task.downstream_task_ids]
    retries = {task.task_id: task.retries for task in dag.tasks if task.retries}
    docs = {task.task_id: task.doc_md for task in dag.tasks}
    found[file] = {
        "dag": dag.dag_id, "leaves": leaves, "bytes": len(json.dumps(serialised)), "retries": retries, "docs": docs
    }
assert "translator.ir" not in sys.modules and "translator.load" not in sys.modules, "the compiler was imported"
print(json.dumps(found))
"""


POLICY = """
from airflow.exceptions import AirflowClusterPolicyViolation

def task_policy(task):
    owned = task.owner not in ("", "airflow")
    if not (owned and task.retries and task.execution_timeout and task.on_failure_callback):
        raise AirflowClusterPolicyViolation(f"{task.task_id} needs an owner, retries, a time-out and a callback")

def dag_policy(dag):
    if not (dag.doc_md and set(dag.tags) - {"valohai", "magnus"} and dag.dag_id.startswith("ml.")):
        raise AirflowClusterPolicyViolation(f"{dag.dag_id} needs documentation, tags and the team's prefix")
"""
LOADED = """
import sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag
for file in sys.argv[1:]:
    bag = DagBag(file, safe_mode=True)
    print(file, sorted(bag.dags), bag.import_errors)
"""
RETRIED = {
    "policies": {"again": 2, "again-of-them.run": 2},
    "distributed": {"train.run": 2},
}
"""By golden the tasks that set retries."""
HOSTILE = "echo '{{ 7 * 7 }}' \"$(date)\" '''\"\"\" \\ \u2028 {%raw%} \U0001f680"


def chain(length: int) -> Pipeline:
    """Return a pipeline of nodes after each other."""
    return pipeline(*(Node(f"n{number}", after=[f"n{number - 1}"] if number else []) for number in range(length)))


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Parse DAG files by name in a separate process, with an empty home and no database."""
    folder = tmp_path_factory.mktemp("files")
    accepted = [case for case in cases() if case.accepted]
    pipelines = {
        "chain40": chain(40),
        "chain160": chain(160),
        "hostile": pipeline(Node("one", HOSTILE), Node("two", [HOSTILE, OK]), name="Hostile.md"),
        "parameters": load_text(document(accepted)).choose(),
    }
    files = [folder / f"{name}.py" for name in pipelines]
    for file, made in zip(files, pipelines.values(), strict=True):
        file.write_text(airflow.generate(made), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
        "PYTHONPATH": str(GOLDENS_FOLDER / "packages"),  # has the callbacks that settings name
    }
    command = [sys.executable, "-c", CHECK, *map(str, [*GOLDENS, *files])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def own(parsed: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return what Airflow loads from a file that is not a golden."""
    (found,) = (of for file, of in parsed.items() if Path(file) not in GOLDENS and Path(file).stem == name)
    return found


def test_airflow_loads_the_goldens(parsed: dict[str, dict[str, Any]]) -> None:
    found = {file: dag for file, dag in parsed.items() if Path(file) in GOLDENS}
    assert len(found) == len(GOLDENS) > 0
    for file, dag in found.items():
        assert dag["dag"] == Path(file).stem
        assert dag["leaves"] == ["summary" if dag["dag"].endswith("_matrix") else "finish"]
        if "settings" in Path(file).parts:  # whose translator.toml gives retries to all tasks
            assert set(dag["retries"].values()) == {2}
            continue
        retried = RETRIED.get(Path(file).stem, {})
        assert dag["retries"] == retried, f"{file}: tries as often as the deployment's default says"


def test_tasks_say_what_their_step_does_and_where_it_is(parsed: dict[str, dict[str, Any]]) -> None:
    (docs,) = [dag["docs"] for file, dag in parsed.items() if Path(file).stem == "forms"]
    described = 'Train one "digits" model, and keep its weights for the comparison that follows.'
    assert docs["single"] == f"{described}\n\nRuns the step at `forms.yaml:3`."
    assert docs["search.run"] == described


def test_stored_data_grows_linearly_with_the_pipeline(parsed: dict[str, dict[str, Any]]) -> None:
    """Airflow stores the params that a DAG has when a task is made with each such task."""
    assert own(parsed, "chain160")["bytes"] < 5 * own(parsed, "chain40")["bytes"]


def test_hostile_text_stays_text(parsed: dict[str, dict[str, Any]]) -> None:
    assert own(parsed, "hostile")["leaves"] == ["finish"]


def test_every_accepted_default_can_be_triggered(parsed: dict[str, dict[str, Any]]) -> None:
    """The defaults of the DAG's params are validated after the DAG went through Airflow's serialisation."""
    assert own(parsed, "parameters")["dag"] == "parameters"


def test_settings_meet_the_policies_of_a_company(tmp_path: Path) -> None:
    """Files with a translator.toml are taken up under a cluster policy that refuses those without one."""
    (tmp_path / "airflow_local_settings.py").write_text(POLICY)
    settings = [file for file in GOLDENS if "settings" in file.parts]
    (without,) = [file for file in GOLDENS if "readme" in file.parts]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{GOLDENS_FOLDER / 'packages'}",
    }
    command = [sys.executable, "-c", LOADED, *map(str, [*settings, without])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(GOLDENS_FOLDER))]
    assert len(lines) == len(settings) + 1 == 3, done.stdout + done.stderr
    for file, line in zip(settings, lines, strict=False):
        assert line == f"{file} ['{file.stem}'] {{}}"
    assert "[]" in lines[-1]
    assert "needs" in lines[-1]
