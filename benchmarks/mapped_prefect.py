"""Measure one more execution of a task node on Prefect (ephemeral server) against a hand-written mapped task."""

import os
import runpy
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from mapped import COMMAND, WIDTH, measure, timed, translated


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

        def translated_flow(width: int) -> Callable[[], float]:
            names = runpy.run_path(str(translated("prefect", width, project)))
            flows = [value for value in names.values() if isinstance(value, Flow)]
            (ours,) = flows
            return timed(ours)

        # A flow waits at its end for its heartbeat, which sleeps in steps of a second.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            measure(
                "Prefect",
                {width: translated_flow(width) for width in (1, WIDTH)},
                {1: timed(lambda: by_hand(1)), WIDTH: timed(lambda: by_hand(WIDTH))},
            )


if __name__ == "__main__":
    main()
