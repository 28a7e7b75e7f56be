"""Measure ``translate run`` of one ``echo`` against a hand-written flow or DAG on a ready database.

Run it with the Python of an environment that has one of the engines.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Row, emit, seconds, side_by_side

PROGRAMS = Path(sys.executable).parent
ENGINE = "airflow" if importlib.util.find_spec("airflow") else "prefect"
PIPELINE = """\
- step: {name: hello, image: none, command: echo hello}
- pipeline:
    name: hello
    nodes: [{name: hello, type: execution, step: hello}]
    edges: []
"""
FLOW = """\
import subprocess

from prefect import flow, task

@task
def hello():
    subprocess.run(["echo", "hello"], check=True)

@flow
def whole():
    hello()

whole()
"""
DAG = """\
import subprocess

from airflow.sdk import dag, task

@dag(schedule=None)
def whole():
    @task
    def hello():
        subprocess.run(["echo", "hello"], check=True)

    hello()

made = whole()
if __name__ == "__main__":
    made.test()
"""
MIGRATE = {"airflow": ["airflow", "db", "migrate"], "prefect": ["prefect", "server", "database", "upgrade", "--yes"]}


def settings(home: Path) -> dict[str, str]:
    """Return the environment of the hand-written file, which needs no more than ours starts."""
    if ENGINE == "airflow":
        return {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def main() -> None:
    """Measure one row for the engine of this environment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ready, home = folder / "ready", folder / "home"
        file = home / "dags" / "whole.py"
        (folder / "valohai.yaml").write_text(PIPELINE)
        variables = {**os.environ, **settings(home), "XDG_CACHE_HOME": str(folder / "cache")}
        run([str(PROGRAMS / MIGRATE[ENGINE][0]), *MIGRATE[ENGINE][1:]], {**variables, **settings(ready)}, folder)
        (ready / "dags").mkdir(parents=True, exist_ok=True)
        (ready / "dags" / file.name).write_text(DAG if ENGINE == "airflow" else FLOW)

        def by_hand() -> float:
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(ready, home)
            return seconds(lambda: run([str(file)], variables, folder))

        def ours() -> float:
            command = [str(PROGRAMS / "translate"), "run", "valohai.yaml", "--target", ENGINE]
            return seconds(lambda: run(command, variables, folder))

        measured, reference = side_by_side(ours, by_hand, rounds=5)
    what = "`dag.test()`" if ENGINE == "airflow" else "a flow"
    emit(Row(f"`translate run` of one `echo` on {ENGINE}", measured, f"{what}, ready database", reference, "s", 1.2))


def run(command: list[str], variables: dict[str, str], folder: Path) -> None:
    """Run a Python program."""
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=variables, cwd=folder)


if __name__ == "__main__":
    main()
