"""Run one DAG file in this process, without a server: ``python -m airflow_plugin.embedded FILE ...``.

Airflow gets a temporary home with a SQLite database, and ``dag.test()`` runs the DAG, several tasks at once. What the
steps print goes to standard output; what Airflow says goes to ``airflow.log`` in that home.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_plugin.embedded import task_api
from translator.shim.embedded import database, quiet
from translator.shim.embedded.command_line import environment, parser
from translator.shim.embedded.loading import without_collections
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from airflow.sdk import DAG

BUNDLE = "bundle"
DATABASE = "airflow.db"
LOG = "airflow.log"
_USAGE = 2


class UsageError(TranslatorError):
    """A DAG that cannot run as requested; the message is for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a DAG file; return 0 if the run is complete, 1 if it is not, 2 if the DAG does not accept the values."""
    options = parser(__name__, "Airflow", __doc__).parse_args(arguments)
    home = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    _set_environment(options, home)
    with quiet(home / LOG) as errors:
        try:
            return _run(options.file, home, json.loads(options.param_json), options.jobs)
        except UsageError as error:
            print(f"error: {error}", file=errors)
            return _USAGE
        except Exception as error:  # noqa: BLE001 - the user sees one line, the log has the rest
            traceback.print_exc()
            print(f"error: Airflow could not run {options.file.name}: {error}", file=errors)
            return 1


def _set_environment(options: argparse.Namespace, home: Path) -> None:
    """Set up Airflow before it is imported; no configuration of another Airflow may reach this one."""
    for key in [key for key in os.environ if key.startswith("AIRFLOW__")]:
        del os.environ[key]
    os.environ.update(
        environment(options),
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(home / BUNDLE),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__MAX_MAP_LENGTH=str(sys.maxsize),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home / DATABASE}?timeout=60",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    )


def _run(file: Path, home: Path, values: dict[str, Any], jobs: int) -> int:
    from airflow_plugin.embedded.dispatch import tasks_dispatched

    with contextlib.ExitStack() as ends:
        with without_collections():
            dag = _load(_bundled(file, home / BUNDLE))
            task_api.keep_one_version()
            conf = _conf(dag, values)
            if not (home / DATABASE).exists():
                database.prepare(home / DATABASE, "airflow", _packages(), _migrate)
            signalled = ends.enter_context(_signals_cancel())
            # A DAG's own limit says how many steps the source system runs at once; ``dag.test()`` does not know it.
            workers = ends.enter_context(tasks_dispatched(dag, min(jobs, dag.max_active_tasks)))
            if workers is not None:
                signalled.append(workers.send)
        run = dag.test(run_conf=conf)
    return 0 if run.state == "success" else 1


def _migrate() -> None:
    from airflow.utils.db import initdb

    initdb()


def _packages() -> list[str]:
    """List what may add tables to the database: Airflow and its providers, with their versions."""
    from importlib.metadata import distributions

    return [f"{one.name}=={one.version}" for one in distributions() if one.name.startswith("apache-airflow")]


def _bundled(file: Path, bundle: Path) -> Path:
    """Copy the file alone into a directory, because Airflow loads every file next to it."""
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir()
    return Path(shutil.copy(file, bundle / file.name))


def _load(file: Path) -> DAG:
    from airflow.sdk import DAG

    dags = [value for value in runpy.run_path(str(file), run_name="dag_file").values() if isinstance(value, DAG)]
    if len(dags) != 1:
        raise UsageError(f"{file} defines {len(dags)} DAGs, not one", "write each DAG to its own file")
    return dags[0]


def _conf(dag: DAG, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as the DAG's params accept them; a single value for an axis becomes a list.

    Steps of a control-flow graph may read parameters that nothing declares.

    Raises:
        UsageError: the DAG has no such param.
    """
    from airflow_plugin.controlflow.structure import role_of
    from airflow_plugin.parameters.run_conf import described

    unknown = described(values, dag.params)
    controlflow = any(role_of(task) is not None for task in dag.tasks)
    if unknown and not controlflow:
        raise UsageError(unknown)
    conf = {}
    for key, value in values.items():
        axis = key in dag.params and dag.params.get_param(key).schema.get("type") == "array"
        conf[key] = [value] if axis and not isinstance(value, list) else value
    return conf


@contextlib.contextmanager
def _signals_cancel() -> Iterator[list[Callable[[int], None]]]:
    """Let SIGINT and SIGTERM cancel the running steps, so that the run ends as stopped.

    The functions in the list get the signal, too.
    """
    from airflow_plugin.run.stopping import end_commands, go_on

    go_on()
    receivers: list[Callable[[int], None]] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        for tell in receivers:
            tell(number)
        end_commands()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield receivers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
