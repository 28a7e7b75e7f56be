"""Measure one more reused execution of a task node on Prefect (ephemeral server) against a cached task."""

import runpy
import tempfile
from collections.abc import Callable
from pathlib import Path

from mapped import WIDTH, measure, require_reuse, timed, translated
from mapped_prefect import set_up


def main() -> None:
    """Create a Prefect home, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        project = set_up(home)
        from prefect import Flow, flow, task
        from prefect.cache_policies import INPUTS
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        @task(cache_policy=INPUTS, persist_result=True)
        def work(i: int) -> int:
            return i

        @flow
        def cached(width: int) -> None:
            work.map(range(width)).wait()

        def translated_flow(width: int) -> Callable[[], float]:
            names = runpy.run_path(str(translated("prefect", width, project, "--reuse")))
            (ours,) = (value for value in names.values() if isinstance(value, Flow))
            return timed(ours)

        # A flow waits at its end for its heartbeat, which sleeps in steps of a second.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            ours = {width: translated_flow(width) for width in (1, WIDTH)}
            theirs = {1: timed(lambda: cached(1)), WIDTH: timed(lambda: cached(WIDTH))}
            for run in (*ours.values(), *theirs.values()):  # the results that later runs have
                run()
            measure(
                "Prefect",
                ours,
                theirs,
                reference="a mapped task whose result is cached",
                bound=1,
                what="one more reused execution",
            )
        require_reuse(home / "store")


if __name__ == "__main__":
    main()
