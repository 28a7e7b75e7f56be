"""Run files in the real Loom, from its own environment: read a line of JSON, write the states of the steps.

Each run is a fork, because Loom's command line ends its process and conditions are imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any


def run(request: dict[str, Any], reply: Path) -> int:
    from loom.runner import cli, executor

    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    seen: list[executor.PipelineExecutor] = []
    commands: list[Any] = []
    stops: dict[str, list[bool]] = {}

    class Watched(executor.PipelineExecutor):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            seen.append(self)

        def run_multi_pass_group(self, group_name: str) -> bool:
            stops[group_name] = []
            return super().run_multi_pass_group(group_name)

        def _load_condition_func(self, script_path: Path) -> Any:
            evaluate = super()._load_condition_func(script_path)
            of_group = stops[next(reversed(stops))]

            def asked(**given: Any) -> Any:
                verdict = evaluate(**given)
                of_group.append(bool(verdict))
                return verdict

            return asked

    def recorded(command: list[str], **kwargs: Any) -> Any:
        done = subprocess.run(command, check=False, **kwargs)
        commands.append([command[1:], done.returncode])
        return done

    # Only to look on: what is run, and what the executor holds when it is done.
    executor.subprocess = types.SimpleNamespace(run=recorded, CompletedProcess=subprocess.CompletedProcess)
    cli.PipelineExecutor = Watched
    sys.argv = ["loom", request["file"], *request["arguments"]]
    status = 1
    try:
        status = cli.main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001  whatever it is, Loom's own process would end with it
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        status = -1
    document: dict[str, Any] = {"commands": commands, "stops": stops}
    for one in seen:
        document |= {
            "results": one._results,
            "skipped": sorted(one._skipped),
            "conditions": one.config.condition_results,
        }
    reply.write_text(json.dumps(document))
    return status


def main() -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    __import__("loom.runner.cli")  # once, before the forks
    for number, line in enumerate(sys.stdin):
        request = json.loads(line)
        reply = Path(f"reply-{number}.json").absolute()
        child = os.fork()
        if child == 0:
            status = -1
            try:
                status = run(request, reply)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status & 0xFF)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        document = json.loads(reply.read_text()) if reply.exists() else {}
        replies.write(json.dumps({"status": status, **document}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
