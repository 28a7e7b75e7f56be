"""Run commands as processes of the worker with a lower priority: a toy runner."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from translator.shim.contract import Json
from translator.shim.process.supervise import Ended
from translator.shim.runners import Place, Request, Runner, RunnerError, load


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with the settings."""
    wrong = [f"the runner toy does not have a setting {name!r}" for name in settings if name != "niceness"]
    return wrong + ([] if isinstance(settings.get("niceness", 10), int) else ["niceness is not an integer"])


@contextmanager
def place(request: Request) -> Iterator[Place]:
    """Make the place of an execution: here it is the process runner's, in which commands start another way."""
    if problems := check(request.settings):
        raise RunnerError("; ".join(problems))
    niceness = request.settings.get("niceness", 10)
    with load("process").open(replace(request, settings={})) as inner:

        def run(arguments: Sequence[str], **more: Any) -> Ended:
            return inner.run(["nice", "-n", str(niceness), *arguments], **more)

        yield replace(inner, run=run)


RUNNER = Runner(place, check)
