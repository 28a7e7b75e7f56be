"""Measure what a task does before its command, in DAGs of 10 to 5,000 nodes, against executing the DAG file.

A worker executes the DAG file before each task anyway. Airflow answers at once here, so only our code is measured.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import airflow.sdk  # noqa: F401 -- imported before anything is measured
from compiling import source
from measure import Row, emit, processor_seconds, side_by_side

import translator.shim.execution
from translator.shim.contract import ExecutionId, State
from translator.shim.controlflow import fan, scopes
from translator.shim.store import open_store

PROGRAMS = Path(sys.executable).parent
SIZES = (10, 100, 1000, 5000)
RUN = "run"


class Reached(BaseException):
    """The command would start now."""


class TaskInstance:
    """A task instance to which Airflow answers at once: all before it is complete, and nothing failed."""

    dag_id, run_id, map_index, try_number = "big", RUN, -1, 1

    def __init__(self, task_id: str, tasks: list[str], manifest: str) -> None:
        self.task_id = task_id
        self._states = dict.fromkeys(tasks, "success")
        self._named = {"manifest": manifest, "map_index": -1}

    def get_ti_count(self, **_: object) -> int:
        """Tell how many tasks failed."""
        return 0

    def get_task_states(self, **_: object) -> dict[str, dict[str, str]]:
        """Tell the states of tasks."""
        return {RUN: self._states}

    def xcom_pull(self, **_: object) -> dict[str, object]:
        """Tell which try a task named."""
        return self._named


def chain(nodes: int) -> str:
    """Return a Magnus pipeline of consecutive steps, one of which handles a failure."""
    lines = ["dag:", "  start_at: n0", "  steps:"]
    for i in range(nodes):
        after = f"n{i + 1}" if i + 1 < nodes else "success"
        failure = f", on_failure: n{nodes - 1}" if i == 0 else ""
        lines.append(f"    n{i}: {{type: task, command_type: shell, command: 'true', next: {after}{failure}}}")
    return "\n".join([*lines, "    success: {type: success}", "    fail: {type: fail}"]) + "\n"


def generated(text: str, file: Path) -> str:
    """Generate the DAG file of a pipeline and write it to ``file``."""
    file.write_text(text)
    command = [PROGRAMS / "translate", file, "--target", "airflow"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def executed(text: str, file: Path) -> Any:
    """Return the DAG of a file, compiled and executed as on a worker."""
    names: dict[str, Any] = {"__name__": "dag_file", "__file__": str(file)}
    exec(compile(text, str(file), "exec"), names)  # noqa: S102
    return names["dag"]


def before_command(text: str, file: Path, number: int) -> Callable[[], float]:
    """Return a function that measures ``execute`` of a node up to its command, in a DAG new to it."""

    def measured() -> float:
        dag = executed(text, file)
        identity = ExecutionId(dag.dag_display_name, RUN, f"n{number - 1}", 0, 1, "execution")
        scope = scopes.initial("magnus", {}, {})
        manifest = fan.commit(open_store(os.environ["TRANSLATOR_STORE"]), identity, State.COMPLETE, scope, started="")
        ti = TaskInstance(f"n{number}", list(dag.task_dict), manifest.uri)
        now = datetime.now(UTC)
        run_of = {"dag_id": "big", "run_id": RUN, "conf": {}, "start_date": now, "run_after": now, "clear_number": 1}
        dag_run = SimpleNamespace(**run_of)
        context = {"ti": ti, "dag": dag, "dag_run": dag_run, "params": dag.params.dump(), "run_id": RUN}

        def run() -> None:
            try:
                dag.get_task(f"n{number}").execute(context)
            except Reached:
                return
            raise SystemExit("nothing measured: the command was not reached")

        return processor_seconds(run)

    return measured


def main() -> None:
    """Measure a row for each size and kind of graph."""

    def reached(*_: object, **__: object) -> None:
        raise Reached

    translator.shim.execution.execute = reached
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["TRANSLATOR_STORE"] = f"{folder}/store"
        for kind, source_of, sizes in (("dataflow", source, SIZES), ("control-flow", chain, SIZES[-2:])):
            measured = {}
            for nodes in sizes:
                file = folder / f"{kind}{nodes}.yaml"
                text = generated(source_of(nodes), file)
                measured[nodes] = before_command(text, file, nodes // 2 + 1)

                def load(text: str = text, file: Path = file) -> float:
                    return processor_seconds(lambda: executed(text, file))

                ours, theirs = side_by_side(measured[nodes], load, rounds=9 if nodes < 5000 else 3)
                what = f"before a command, {kind} graph of {nodes:,} nodes"
                bound = 0.5 if nodes >= SIZES[1] else None  # what each task costs anyway is more than a small DAG file
                emit(Row(what, ours * 1000, "executing the DAG file", theirs * 1000, "ms", bound))
            ours, theirs = side_by_side(measured[5000], measured[1000], rounds=3)
            what = f"before a command, {kind} graph of 5,000 nodes"
            emit(Row(what, ours * 1000, "the same for 1,000, times 5", theirs * 5000, "ms", 2))


if __name__ == "__main__":
    main()
