"""End containers that nobody follows any more: of killed workers, and of earlier attempts."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.shim.process import group
from translator.shim.runners import RunnerError
from translator.shim.runners.docker import labels, watchdog
from translator.shim.runners.docker.container import scope
from translator.shim.runners.docker.engine import connect, is_gone, speaking
from translator.shim.runners.docker.follow import remove, terminate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.shim.runners import Request
    from translator.shim.runners.docker.engine import Address, Engine

# How often a worker looks for what others have left, in seconds; listing costs the engine some milliseconds.
_EVERY = 60.0
_LOOK_EVERY = 0.1
# After these seconds an engine that refused to remove a container, or was away, is asked again.
_AGAIN = (0.2, 1.0, 5.0, 0.0)
_next_look: dict[Address, float] = {}


def end_earlier_attempts(engine: Engine, request: Request) -> None:
    """End what is left of earlier attempts of an execution, whose worker lost them.

    Raises:
        RunnerError: the engine does not answer, or refuses.
    """
    wanted = labels.of_execution(request.id, scope(request))
    for ended in _remove(engine, wanted):
        request.note(f"ended the container {ended[:12]}, which an earlier attempt of this execution had left running")


def end_of_gone_workers(engine: Engine) -> None:
    """End containers of workers of this machine that have been killed, whatever they ran."""
    now = time.monotonic()
    if now < _next_look.get(engine.address, 0.0):
        return
    _next_look[engine.address] = now + _EVERY
    with contextlib.suppress(Exception):
        for listed in _list(engine, [labels.WORKER]):
            if labels.is_gone(listed.get("Labels") or {}):
                engine.client.remove_container(listed["Id"], force=True, v=True)


def end_all(items: Sequence[str]) -> None:
    """End the containers of a worker that died, as its watchdog lists them."""
    leftovers = [watchdog.read_item(item) for item in items]
    for where, container in leftovers:
        Elsewhere(where, container).terminate()
    deadline = time.monotonic() + group.GRACE
    for where, container in leftovers:
        Elsewhere(where, container).end(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(Exception):
            remove(where, None, container)


def remove_later(address: Address, container: str) -> None:
    """Remove a container that has ended, without waiting: Podman takes a while to clean up after one.

    If the worker ends before, its watchdog removes the container.
    """

    def work() -> None:
        for seconds in _AGAIN:
            with contextlib.suppress(RunnerError):
                remove(address, None, container)
                watchdog.forget(address, container)
                return
            time.sleep(seconds)

    threading.Thread(target=work, name=f"remove-{container[:12]}").start()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A container as ``supervise.kill_all`` and the watchdog end it: with clients of their own, in any thread."""

    where: Address
    container: str

    def terminate(self) -> None:
        """See ``supervise.Remote.terminate``."""
        with contextlib.suppress(Exception), self._engine() as engine:
            terminate(engine, self.container)

    def end(self, patience: float) -> None:
        """See ``supervise.Remote.end``."""
        deadline = time.monotonic() + patience
        with contextlib.suppress(Exception), self._engine() as engine:
            while time.monotonic() < deadline and engine.client.inspect_container(self.container)["State"]["Running"]:
                time.sleep(_LOOK_EVERY)
            engine.client.kill(self.container)

    @contextlib.contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = connect(self.where)
        with contextlib.closing(engine.client):
            yield engine


def _remove(engine: Engine, labels: Mapping[str, str]) -> list[str]:
    """Remove the containers that have labels; return the ids of those that still ran."""
    from docker.errors import APIError

    running = []
    with speaking(engine.address, "list containers of"):
        for listed in _list(engine, [f"{key}={value}" for key, value in labels.items()]):
            runs = listed.get("State") == "running"
            try:
                engine.client.remove_container(listed["Id"], force=True, v=True)
            except APIError as error:
                if runs and not is_gone(error):  # one that has ended is being removed
                    raise
            if runs:
                running.append(str(listed["Id"]))
    return running


def _list(engine: Engine, labels: list[str]) -> list[dict[str, Any]]:
    return list(engine.client.containers(all=True, filters={"label": labels}))
