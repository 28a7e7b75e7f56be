"""Follow a container from its start to its end: its output, its limits, and the end of everything in it.

A thread reads the output from the engine, so that the calling thread wakes once a second, also while nothing is
printed. An engine that goes away for a while (a restart of Docker with live restore, of Podman's service) loses
nothing: the output continues from the engine's own log where it was cut off.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from translator.shim.distributed.addresses import of_machine
from translator.shim.process import group
from translator.shim.process.supervise import ASK_EVERY, Ended, until_ended
from translator.shim.runners import RunnerError
from translator.shim.runners.docker.container import OUT_OF_MEMORY
from translator.shim.runners.docker.engine import UnreachableError, connect, is_gone, speaking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from translator.shim.process.supervise import Limits, Ticket
    from translator.shim.runners.docker.engine import Address, Engine

Stream: TypeAlias = Literal["output", "errors"]
_STREAMS: tuple[Stream, Stream] = ("output", "errors")
PATIENCE = 60.0
"""How long an engine may be away, in seconds."""
_CHUNKS = 64
_FIRST_LOOK, _LAST_LOOK, _AWAY_LOOK = 0.005, 0.25, 1.0
# Podman takes a moment from the end of the output to the end of the container.
_ENDING = 1.0
# By the first process of the container, everything but itself and that; dash does not know "kill -s TERM -1".
_TERMINATE = ("/bin/sh", "-c", "kill -TERM -1")


@dataclass(slots=True)
class Reader:
    """The output of a container, as chunks in the order in which they come."""

    engine: Engine
    container: str
    passed: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(_STREAMS, 0))
    closed: bool = False
    _queue: queue.Queue[tuple[Stream, bytes] | None] = field(default_factory=lambda: queue.Queue(_CHUNKS))
    _reading: int = 0

    def attach(self) -> None:
        """Read what the container will print; to be called before it starts."""
        chunks = self.engine.client.attach(self.container, stdout=True, stderr=True, stream=True, demux=True)
        self._start(_separated(chunks))

    def resume(self) -> None:
        """Read what the container has printed since the last chunk, from the engine's log."""
        for stream in _STREAMS:
            wanted = {"stdout": stream == "output", "stderr": stream == "errors"}
            log = self.engine.client.logs(self.container, stream=True, follow=True, **wanted)
            self._start(_skipped(stream, log, self.passed[stream]))

    def next(self, seconds: float) -> tuple[Stream, bytes] | None:
        """Return the next chunk; None if there is none for some seconds, or the output has ended."""
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=max(0.0, seconds)) if seconds > 0 else self._queue.get_nowait()
            if item is None:
                self._reading -= 1
                return None
            self.passed[item[0]] += len(item[1])
            return item
        return None

    @property
    def ended(self) -> bool:
        """Return whether nothing more will come."""
        return self._reading == 0

    def close(self) -> None:
        """Let the threads end, also those whose chunks nobody wants any more."""
        self.closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def _start(self, chunks: Iterable[tuple[Stream, bytes]]) -> None:
        self._reading += 1
        threading.Thread(target=self._read, args=(chunks,), name=f"output-{self.container[:12]}", daemon=True).start()

    def _read(self, chunks: Iterable[tuple[Stream, bytes]]) -> None:
        # A connection that breaks ends the output; whether the container has ended as well is for the caller to find.
        with contextlib.suppress(Exception):
            for chunk in chunks:
                self._put(chunk)
                if self.closed:
                    break
        self._put(None)

    def _put(self, item: tuple[Stream, bytes] | None) -> None:
        while not self.closed:
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=ASK_EVERY)
                return


def _separated(chunks: Iterable[tuple[bytes | None, bytes | None]]) -> Iterator[tuple[Stream, bytes]]:
    for pair in chunks:
        for stream, chunk in zip(_STREAMS, pair, strict=True):
            if chunk:
                yield stream, chunk


def _skipped(stream: Stream, chunks: Iterable[bytes], count: int) -> Iterator[tuple[Stream, bytes]]:
    for chunk in chunks:
        rest = chunk[count:]
        count = max(0, count - len(chunk))
        if rest:
            yield stream, rest


@dataclass(slots=True)
class Follower:
    """One look at a container, from its start to its end."""

    reader: Reader
    sinks: dict[Stream, Callable[[bytes], None]]
    started: float = 0.0
    last_output: float = 0.0
    state: dict[str, Any] | None = None
    told_memory: bool = False
    _look_at: float = 0.0
    _look_after: float = _FIRST_LOOK
    _lost: float | None = None
    _away: bool = False

    @property
    def engine(self) -> Engine:
        """Return the engine that runs the container."""
        return self.reader.engine

    @property
    def ended(self) -> bool:
        """Return whether the container has ended, and all its output is passed on."""
        return self.state is not None and self.reader.ended

    def begin(self) -> None:
        """Start the container."""
        self.reader.attach()
        self.engine.client.start(self.reader.container)
        self.start_clock()

    def start_clock(self) -> None:
        """Let the limits of time count from now."""
        self.started = self.last_output = time.monotonic()

    def addresses(self) -> list[str]:
        """Return the IP addresses of the container in its networks; in that of the host, those of this machine."""
        with speaking(self.engine.address, "look after a container on"):
            inspected = dict(self.engine.client.inspect_container(self.reader.container))
        if dict(inspected.get("HostConfig") or {}).get("NetworkMode") == "host":
            return of_machine()
        network = dict(inspected.get("NetworkSettings") or {})
        of_networks = [dict(one or {}) for one in dict(network.get("Networks") or {}).values()]
        keys = ("IPAddress", "GlobalIPv6Address")
        found = [str(one[key]) for key in keys for one in (*of_networks, network) if one.get(key)]
        return list(dict.fromkeys(found))

    def step(self, seconds: float) -> None:
        """Pass on the next chunk, or wait for at most some seconds; find out whether the container has ended."""
        if not self.reader.ended:
            item = self.reader.next(seconds)
            if item is not None:
                stream, chunk = item
                self.last_output = time.monotonic()
                self.told_memory = self.told_memory or (stream == "errors" and OUT_OF_MEMORY in chunk)
                self.sinks[stream](chunk)
            return
        now = time.monotonic()
        if now < self._look_at:
            time.sleep(min(self._look_at - now, max(0.0, seconds)))
            return
        self._look()

    def _look(self) -> None:
        """Ask for the container's state; if the engine was away, or the container still runs, output was cut off."""
        now = time.monotonic()
        self._look_at = now + self._look_after
        self._look_after = min(2 * self._look_after, _LAST_LOOK)
        lost = self._lost = self._lost if self._lost is not None else now
        try:
            state = self.inspect()
            if self._away or now > lost + _ENDING:
                with speaking(self.engine.address, "follow a container on"):
                    self.reader.resume()
                self._lost, self._look_after, self._away = None, _FIRST_LOOK, False
            elif not state["Running"]:
                self.state = state
        except UnreachableError as error:
            if now > lost + PATIENCE:
                raise RunnerError(f"the container {self.reader.container[:12]} is lost: {error}") from error
            self._away, self._look_at = True, now + _AWAY_LOOK

    def inspect(self) -> dict[str, Any]:
        """Return the state of the container."""
        with speaking(self.engine.address, "look after a container on"):
            return dict(self.engine.client.inspect_container(self.reader.container)["State"])


def follow(follower: Follower, ticket: Ticket, limits: Limits, should_stop: Callable[[], str | None]) -> Ended:
    """Follow a container that has begun, until nothing of it runs any more."""
    cause, stop = until_ended(follower, ticket, limits, should_stop)
    if cause != "exit":
        end(follower)
    state = follower.state or {}
    status = int(state.get("ExitCode", -signal.SIGKILL))
    if state.get("OOMKilled") and not follower.told_memory:
        follower.sinks["errors"](OUT_OF_MEMORY + b" a process of this container\n")
    return Ended("killed" if ticket.killed else cause, status, stop)


def end(follower: Follower) -> None:
    """End everything in a container: TERM, three seconds, KILL; pass on its last lines."""
    client, container = follower.engine.client, follower.reader.container
    with contextlib.suppress(Exception):
        terminate(follower.engine, container)
    deadline = time.monotonic() + group.GRACE
    while not follower.ended and time.monotonic() < deadline:
        follower.step(deadline - time.monotonic())
    if follower.ended:
        return
    with contextlib.suppress(Exception):
        client.kill(container)
    deadline = time.monotonic() + group.GRACE
    while not follower.ended and time.monotonic() < deadline:
        follower.step(deadline - time.monotonic())


def terminate(engine: Engine, container: str) -> None:
    """Send TERM to all processes of a container but its first, which ends when they have ended."""
    created = engine.client.exec_create(container, list(_TERMINATE), user="0:0")
    engine.client.exec_start(created["Id"], detach=True)


def remove(address: Address, engine: Engine | None, container: str) -> None:
    """Remove a container, whatever runs in it; it is gone when this returns.

    Raises:
        RunnerError: the engine does not answer, or refuses.
    """
    from docker.errors import APIError

    engine = engine if engine is not None else connect(address)
    with speaking(address, "remove a container from"):
        try:
            engine.client.remove_container(container, force=True, v=True)
        except APIError as error:
            if not is_gone(error):
                raise
