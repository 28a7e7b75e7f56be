"""Run files in the real Magnus or runnable, from its own environment: read a line of JSON, write a run log.

Each run is a fork, because the engines keep a run's context in their modules.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import logging
import os
import sys
from pathlib import Path


def run(engine: str, request: dict[str, str]) -> int:
    os.chdir(request["folder"])
    os.environ.update({name: value for name, value in request["environment"].items() if value is not None})
    sys.path.insert(0, request["folder"])
    arguments = {
        "configuration_file": request["configuration"],
        "pipeline_file": request["file"],
        "run_id": request["run"],
        "parameters_file": request["parameters"],
    }
    try:
        if engine == "magnus":
            from magnus import entrypoints

            entrypoints.execute(**arguments)
        else:
            from runnable import entrypoints

            entrypoints.execute_pipeline_yaml_spec(**arguments)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001  whatever it is, it is the verdict
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(engine: str) -> None:
    """Avoid what takes each run longer than its steps: imports, and coloured output several times per step."""
    __import__(f"{engine}.entrypoints")
    for plugin in importlib.metadata.distribution(engine).entry_points:
        with contextlib.suppress(ImportError):  # those of extras that are not installed
            plugin.load()
    # Whether the directory is a git repository, which they ask git at each step.
    importlib.import_module(f"{engine}.utils").is_a_git_repo = lambda: False
    from rich.console import Console

    logging.disable(logging.CRITICAL)
    Console.print = Console.log = lambda *_, **__: None
    # Indented JSON, as the logs are after each change, is written in Python and not in C.
    json.dump = lambda value, file, **_: file.write(json.dumps(value))


def main(engine: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare(engine)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = run(engine, request)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        log = Path(request["folder"]) / ".run_log_store" / f"{request['run']}.json"
        document = json.loads(log.read_text()) if log.exists() else None
        replies.write(json.dumps({"status": status, "log": document}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main(sys.argv[1])
