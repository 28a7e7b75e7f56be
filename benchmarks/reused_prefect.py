"""Measure one more reused execution of a task node on Prefect (ephemeral server) against tasks that run no command."""

import runpy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mapped import WIDTH, measure, require_reuse, timed, translated
from mapped_prefect import set_up


def main() -> None:
    """Create a Prefect home, and measure in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        project = set_up(home)
        from prefect import Flow, flow, task
        from prefect.cache_policies import INPUTS, NO_CACHE
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        @task(cache_policy=INPUTS, persist_result=True)
        def work(i: int) -> int:
            return i

        @flow
        def cached(width: int) -> None:
            work.map(range(width)).wait()

        @task(cache_policy=NO_CACHE, persist_result=True)
        def nothing(i: int) -> int:
            return i

        @flow
        def kept(width: int) -> None:
            nothing.map(range(width)).wait()

        def translated_flow(width: int) -> Callable[[], float]:
            names = runpy.run_path(str(translated("prefect", width, project, "--reuse")))
            (ours,) = (value for value in names.values() if isinstance(value, Flow))
            return timed(ours)

        # A flow waits at its end for its heartbeat, which sleeps in steps of a second.
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            ours = {width: translated_flow(width) for width in (1, WIDTH)}
            references = {
                "a mapped task that does nothing, whose result is kept": (kept, 2.5),
                "a mapped task whose result is cached": (cached, None),
            }
            for run in ours.values():  # the results that later runs have
                run()
            for reference, (by_hand, bound) in references.items():
                theirs = {width: timed(partial(by_hand, width)) for width in (1, WIDTH)}
                for run in theirs.values():
                    run()
                what = "one more reused execution"
                measure("Prefect", ours, theirs, reference=reference, bound=bound, what=what)
        require_reuse(home / "store")


if __name__ == "__main__":
    main()
