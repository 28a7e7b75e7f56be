"""Measure one more execution of a task node on Prefect (ephemeral server) against a hand-written mapped task."""

import json
import os
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mapped import COMMAND, WIDTH, measure, timed, translated

PLACED = f"`bwrap` around `{COMMAND}` in a mapped task with its own directories, labelled, writing a record"

BOUND = 1.75
"""An execution also has an environment of packages, a key for reuse and a manifest, and can be stopped."""


def placed(project: Path, store: Path, index: int) -> dict[str, Any]:
    """Run the command as whoever needs a place for each execution would: a copy of the project, and a namespace.

    Args:
        project: its files are linked to the copy.
        store: the directory to which the record goes, with its directory for outputs.
        index: the execution's number.

    Returns:
        the record.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for name in ("inputs", "outputs", "config"):
            (place / name).mkdir()
        shutil.copytree(project, place / "repository", copy_function=os.link)
        mounts = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", place, "/mnt"]  # noqa: S108
        within = ["--chdir", "/mnt/repository", "--unshare-pid", "--die-with-parent", "sh", "-c", COMMAND]
        done = subprocess.run(["bwrap", *mounts, *within], check=True, capture_output=True, text=True)
        kept = store / str(index)
        shutil.copytree(place / "outputs", kept / "outputs", dirs_exist_ok=True)
    outputs = sorted(str(path) for path in kept.glob("outputs/**/*"))
    record = {"parameters": {"i": index}, "exit_status": done.returncode, "outputs": outputs}
    (kept / "record.json").write_text(json.dumps(record))
    return record


def set_up(home: Path) -> Path:
    """Create a Prefect home for this process, and return the directory of a project, which does not contain it."""
    project = home / "project"
    project.mkdir()
    os.environ |= {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "TRANSLATOR_STORE": str(home / "store"),
    }
    return project


def main() -> None:
    """Create a Prefect home, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        project = set_up(home)
        from prefect import Flow, flow, task
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        @task
        def work(i: int) -> None:  # noqa: ARG001 -- the map's item
            subprocess.run(COMMAND, shell=True, check=True)  # noqa: S602

        @flow
        def by_hand(width: int) -> None:
            work.map(range(width)).wait()

        @task(task_run_name="work[i={i}]")
        def placed_work(i: int) -> dict[str, Any]:
            return placed(project, home / "records", i)

        @flow
        def by_hand_placed(width: int) -> None:
            placed_work.map(range(width)).result()

        def translated_flow(width: int) -> Callable[[], float]:
            names = runpy.run_path(str(translated("prefect", width, project)))
            flows = [value for value in names.values() if isinstance(value, Flow)]
            (found,) = flows
            return timed(found)

        # A flow waits at its end for its heartbeat, which sleeps in steps of a second.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            ours = {width: translated_flow(width) for width in (1, WIDTH)}
            same = {1: timed(lambda: by_hand_placed(1)), WIDTH: timed(lambda: by_hand_placed(WIDTH))}
            barest = {1: timed(lambda: by_hand(1)), WIDTH: timed(lambda: by_hand(WIDTH))}
            measure("Prefect", ours, same, reference=PLACED, bound=BOUND)
            measure("Prefect", ours, barest, bound=None)


if __name__ == "__main__":
    main()
