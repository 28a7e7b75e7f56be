"""Run generated files one after another in one process of an engine, because starting an engine takes long.

Usage: python worker.py airflow|prefect. Each line of its input is a JSON list of arguments for the plugin's embedded
mode; if the run has environment variables, they come first, as a JSON object. Each line of its output is an exit
status. The output of runs goes to standard error.
"""

import importlib
import json
import os
import sys
import traceback
from typing import Any


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


def main(engine: str) -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    embedded = importlib.import_module(f"{engine}_plugin.embedded")
    if engine == "airflow":
        check_each_schema_once()
    sys.dont_write_bytecode = True  # files of the same name follow each other within the resolution of time stamps
    for line in sys.stdin:
        request = json.loads(line)
        variables = request.pop(0) if isinstance(request[0], dict) else {}
        os.environ.update(variables)
        try:
            status = embedded.main(request)
        except SystemExit as end:
            status = end.code
        except BaseException:  # noqa: BLE001  the next run may do better
            traceback.print_exc()
            status = -1
        for name in variables:
            del os.environ[name]
        print(json.dumps(status), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
