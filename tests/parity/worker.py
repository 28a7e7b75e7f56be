"""Run generated files one after another in an engine that is started once, because that takes long.

Usage: python worker.py airflow|prefect HOME. Each line of its input is a JSON list of arguments for the plugin's
embedded mode; if the run has environment variables, they come first, as a JSON object. For each it prints two lines:
the process that runs the file, and the exit status. The output of runs goes to standard error.

Airflow forks for tasks that run at the same time, which a process that has run anything before must not do. So each
such run has its own process, forked from one that has loaded Airflow and run nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import sys
import traceback
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

Request = list[Any]


def check_each_schema_once() -> None:
    """Have jsonschema check a schema once: Airflow has that of each param checked by each task, half of its time."""
    from jsonschema import Draft202012Validator

    check = Draft202012Validator.check_schema
    checked: set[str] = set()

    def check_schema(schema: Any, *args: Any, **kwargs: Any) -> None:
        text = json.dumps(schema, sort_keys=True)
        if text not in checked:
            check(schema, *args, **kwargs)
            checked.add(text)

    Draft202012Validator.check_schema = check_schema


def run(request: Request, main: Callable[[list[str]], int]) -> Any:
    """Run a file in this process; return the exit status."""
    variables = request[0] if isinstance(request[0], dict) else {}
    os.environ.pop("TRANSLATOR_PROJECT", None)  # what the last run set
    os.environ.update(variables)
    try:
        return main(request[1:] if isinstance(request[0], dict) else request)
    except SystemExit as end:
        return end.code
    except BaseException:  # noqa: BLE001  the next run may do better
        traceback.print_exc()
        return 255
    finally:
        for name in variables:
            del os.environ[name]


def forked(work: Callable[[], int]) -> int:
    """Let a copy of this process do something and end with the status that it returns; return the process."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        status = work()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 255)


class Airflow:
    """The processes that run DAGs: one for all whose tasks run one by one, and one for each other."""

    def __init__(self, home: Path) -> None:
        """Load what every DAG needs, and run none."""
        from airflow_plugin import embedded
        from airflow_plugin.embedded import task_api, workers

        embedded._set_environment(argparse.Namespace(store="", run="", project=None), home)
        check_each_schema_once()
        task_api.keep_one_version()
        workers._preload()
        self._main: Callable[[list[str]], int] = embedded.main
        self._lasting: tuple[int, Connection] | None = None

    def begin(self, request: Request) -> tuple[int, Callable[[], Any]]:
        """Begin to run a file; return the process, and a function that waits for the exit status."""
        if request[request.index("--jobs") + 1] != "1":
            process = forked(lambda: int(run(request, self._main)))
            return process, lambda: os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if self._lasting is None:
            here, there = Pipe()
            self._lasting = forked(lambda: self._serve(there, here)), here
            there.close()
        process, connection = self._lasting
        connection.send(request)
        return process, connection.recv

    def _serve(self, requests: Connection, other: Connection) -> int:
        other.close()
        with contextlib.suppress(EOFError):
            while True:
                requests.send(run(requests.recv(), self._main))
        return 0


def main(engine: str, home: Path) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.set_threshold(20_000, 20, 50)  # as in the tests' own processes
    sys.dont_write_bytecode = True  # files of the same name follow each other within the resolution of time stamps
    if engine == "airflow":
        begin = Airflow(home).begin
    else:
        of_engine = importlib.import_module(f"{engine}_plugin.embedded").main

        def begin(request: Request) -> tuple[int, Callable[[], Any]]:
            return os.getpid(), lambda: run(request, of_engine)

    for line in sys.stdin:
        process, status = begin(json.loads(line))
        print(process, file=replies, flush=True)
        print(json.dumps(status()), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).resolve())
