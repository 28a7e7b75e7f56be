"""Follow a pod from its creation to its end: its files, its output, its limits, and the end of everything in it.

An API server that goes away for a while loses nothing: the pod keeps what its command prints, and this reads on from
where it was.
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from translator.shim.process import group
from translator.shim.process.supervise import Ended, until_ended
from translator.shim.runners import RunnerError, UnfitError
from translator.shim.runners.kubernetes import archive, faults, frames, session
from translator.shim.runners.kubernetes.cluster import GoneError, UnreachableError
from translator.shim.runners.kubernetes.faults import PUBLISH, STAGE, STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.shim.process.supervise import Limits, Ticket
    from translator.shim.runners import Meet
    from translator.shim.runners.kubernetes.cluster import Cluster
    from translator.shim.runners.kubernetes.session import Session

_STREAMS = {frames.OUTPUT: "output", frames.ERRORS: "errors"}
_LOOK_EVERY = 0.25
_AWAY_LOOK = 1.0
_SLOWER = 1.25
_LONGEST_LOOK = 4.0
"""Looks at a pod that does not start become rarer by this factor, up to so many seconds."""
_NOTE_EVERY = 60.0
"""The seconds between two notes on why no node can run a pod, which change as other pods come and go."""
_RUNNING_LOOK = 15.0
"""The seconds between two looks at a pod whose command runs, to learn early that it was deleted."""
_HELLO = 30.0
_HURRY = 5.0
"""The seconds that a server may be away when the command must end."""
_BROKEN_IMAGE = 60.0
"""The seconds for which a node may fail to pull an image, or to create a container, for reasons that may pass."""
_TRIES = 5
"""How often in turn a connection may break without progress."""
_STABLE = 10.0
"""The seconds after which a connection is not one that breaks at once."""
_SHELL_SIGNAL = 128
_CHANGED = "has changed since it was published"
"""What stores say of artifacts that another try would not find otherwise."""


def _addresses(pod: Mapping[str, Any]) -> list[str]:
    """Return the IP addresses of a pod.

    Raises:
        RunnerError: it has none.
    """
    status = pod.get("status") or {}
    found = [status.get("podIP"), *(one.get("ip") for one in status.get("podIPs") or ())]
    addresses = [str(address) for address in dict.fromkeys(found) if address]
    if not addresses:
        raise RunnerError("the pod has no IP address, at which the other members of a distributed task could reach it")
    return addresses


@dataclass(slots=True)
class Follower:
    """One look at a pod, from its creation to its end.

    Args:
        cluster: where it runs.
        pod: its name.
        sinks: what gets the output, by stream.
        lost_after: the seconds that the server may be away.
        note: tells the user something.
    """

    cluster: Cluster
    pod: str
    sinks: Mapping[str, Callable[[bytes], None]]
    lost_after: float
    note: Callable[[str], None]
    started: float = 0.0
    last_output: float = 0.0
    ended: bool = False
    status: int = -signal.SIGKILL
    passed: dict[str, int] = field(default_factory=lambda: {"output": 0, "errors": 0})
    is_started: bool = False
    has_met: bool = False
    connections: int = 0
    _session: Session | None = None
    _away: float | None = None
    _look_at: float = 0.0
    _noted: str = ""
    _noted_at: float = float("-inf")
    _failing: float | None = None
    _connected_at: float = 0.0
    _progress: bool = False
    _broken: int = 0
    _received: int = 0

    def stage(
        self,
        send: Callable[[Callable[[bytes], None]], None],
        fetch: Sequence[bytes],
        check: Callable[[], None],
        timeout: float,
        meet: Meet | None = None,
    ) -> None:
        """Wait until the pod can take files, and stage them.

        Args:
            send: sends the archive through the function that it gets; called again if the connection breaks.
            fetch: ask the pod to download artifacts; none if there are none.
            check: called a few times a second; what it raises ends the wait.
            timeout: the seconds that it may take until the pod takes files.
            meet: lets the members of a distributed task meet, before it sends their files.

        Raises:
            RunnerError: the pod cannot start, or is lost.
        """
        deadline = time.monotonic() + timeout
        patience = _Patience()
        while True:
            try:
                pod = self._look()
                if (ended := faults.termination(pod, STAGE)) is not None and ended.exit_status == 0:
                    return
                if faults.is_running(pod, STAGE):
                    self._stage(send, fetch, check, None if self.has_met else meet, pod)
                    return
                self._back()
            except UnreachableError as error:
                self._lost(error)
            patience.wait(check)
            self._in_time(deadline, timeout)

    def _stage(
        self,
        send: Callable[[Callable[[bytes], None]], None],
        fetch: Sequence[bytes],
        check: Callable[[], None],
        meet: Meet | None,
        pod: Mapping[str, Any],
    ) -> None:
        opened = session.attend(self.cluster, self.pod, STAGE)
        try:
            session.hello(opened, _HELLO)
            self._back()
            if meet is not None:
                # The pod has its address, and knows meanwhile that there is a worker.
                meet(_addresses(pod))
                self.has_met = True
            try:
                opened.send(frames.message(do="receive"))
                send(lambda part: opened.send(frames.framed(frames.DATA, part)))
                opened.send(frames.framed(frames.END))
                self._await(opened, "received", check)
                for request in fetch:
                    opened.send(request)
                    self._await(opened, "fetched", check)
            except UnreachableError as error:
                self._broke(error)
                raise
            opened.send(frames.message(do="begin"))
            # The container ends at once, perhaps before it answers.
            with contextlib.suppress(UnreachableError):
                self._await(opened, "begun", check)
        finally:
            opened.close()

    def _await(
        self, opened: Session, event: str, check: Callable[[], None], parts: Mapping[str, list[Any]] | None = None
    ) -> Mapping[str, Any]:
        """Wait for an answer of the agent; ``parts`` collects what other events have under their own name.

        Raises:
            UnreachableError: the connection breaks.
            RunnerError: the agent has a problem.
        """
        while not opened.ended:
            check()
            item = opened.next(_LOOK_EVERY)
            if item is not None and item[0] == frames.MESSAGE:
                answer = _message(item[1])
                if answer.get("event") == "problem":
                    kind = UnfitError if _CHANGED in str(answer.get("text")) else RunnerError
                    raise kind(f"files of the pod {self.pod} cannot be transferred: {answer.get('text')}")
                if answer.get("event") == event:
                    return answer
                if parts is not None and answer.get("event") in parts:
                    parts[answer["event"]].append(answer[answer["event"]])
        raise UnreachableError(f"the connection with the pod {self.pod} broke: {opened.complaint or 'it ended'}")

    def begin(self, check: Callable[[], None], timeout: float) -> None:
        """Wait until the command has started.

        Raises:
            RunnerError: it cannot start.
        """
        deadline = time.monotonic() + timeout
        patience = _Patience()
        while not self.is_started and not self.ended:
            check()
            if self._session is None:
                self._connect(looking=True)
            if self._session is None:
                self._in_time(deadline, timeout)
                patience.wait(check)
                continue
            self._take(_LOOK_EVERY)
            if not self.is_started and time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + patience.longer()
                with contextlib.suppress(UnreachableError):
                    self._look()
            self._in_time(deadline, timeout)

    def step(self, seconds: float) -> None:
        """Pass on output, or wait for at most some seconds; connect again if the connection has broken."""
        if self._session is None:
            now = time.monotonic()
            if now < self._look_at:
                time.sleep(min(self._look_at - now, max(0.0, seconds)))
                return
            self._look_at = now + _AWAY_LOOK
            self._connect(looking=True)
            return
        self._take(seconds)
        if not self.ended and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _RUNNING_LOOK
            with contextlib.suppress(UnreachableError):
                self._look()

    def signal(self, name: str) -> None:
        """Send a signal to all processes of the command, if there is a connection."""
        if self._session is not None:
            with contextlib.suppress(UnreachableError):
                self._session.send(frames.message(do="signal", signal=name))

    def collect(self, target: Path, *, direct: bool, check: Callable[[], None]) -> Mapping[str, Any]:
        """Fetch the outputs into a workspace, and return what the agent says of them.

        After a broken connection, this begins again.

        Raises:
            RunnerError: they cannot be had.
            OSError: they cannot be written.
        """

        def collect(opened: Session) -> Mapping[str, Any]:
            opened.send(frames.message(do="collect", direct=direct))
            received = 0

            def part() -> bytes | None:
                nonlocal received
                content = self._part(opened, check)
                received += len(content or b"")
                if received > self._received:
                    self._received, self._progress = received, True
                return content

            archive.unpack(archive.Reader(part), target, _own)
            parts: dict[str, list[Any]] = {"sizes": [], "notes": [], "problems": []}
            self._await(opened, "collected", check, parts)
            sizes = {path: size for some in parts["sizes"] for path, size in some.items()}
            return {"sizes": sizes, **{key: list(chain(*parts[key])) for key in ("notes", "problems")}}

        answer = self._insisting(collect, check)
        for text in answer["notes"]:
            self.note(f"warning: {text}")
        return answer

    def publish(self, request: bytes, check: Callable[[], None]) -> Mapping[str, Any]:
        """Let the agent publish outputs, and return its answer; after a broken connection, this begins again.

        Raises:
            RunnerError: they cannot be published.
        """

        def publish(opened: Session) -> Mapping[str, Any]:
            opened.send(request)
            return self._await(opened, "published", check)

        return self._insisting(publish, check)

    def _insisting(self, work: Callable[[Session], Mapping[str, Any]], check: Callable[[], None]) -> Mapping[str, Any]:
        """Do something over a connection, and again over another if it breaks.

        Raises:
            RunnerError: the server is away for too long, or the work gets no further from one time to the next.
        """
        self._received = self._broken = 0
        while True:
            check()
            if self._session is None:
                self._connect(looking=True)
            opened = self._session
            if opened is None:
                time.sleep(_LOOK_EVERY)
                continue
            self._progress = False
            try:
                answer = work(opened)
            except UnreachableError as error:
                self._drop()
                self._broke(error)
                self._lost(error)
                _Patience(_AWAY_LOOK).wait(check)
            else:
                self._broken = 0
                return answer

    def _broke(self, error: UnreachableError) -> None:
        """Count connections that break without progress, which a server that is there accepts again and again.

        Raises:
            RunnerError: it is one too many.
        """
        self._broken = 0 if self._progress else self._broken + 1
        self._progress = False
        if self._broken >= _TRIES:
            raise RunnerError(
                f"the pod {self.pod} is lost: {self._broken} connections in turn broke: {error}"
            ) from error

    def _part(self, opened: Session, check: Callable[[], None]) -> bytes | None:
        while not opened.ended:
            check()
            item = opened.next(_LOOK_EVERY)
            if item is None:
                continue
            kind, content = item
            if kind == frames.DATA:
                return content
            if kind == frames.END:
                return None
            if kind == frames.MESSAGE and _message(content).get("event") == "problem":
                raise RunnerError(f"the outputs cannot be read in the pod {self.pod}: {_message(content).get('text')}")
        raise UnreachableError(f"the connection with the pod {self.pod} broke: {opened.complaint or 'it ended'}")

    def release(self) -> None:
        """Let the containers end by themselves, if there is a connection: all that was wanted of them is here."""
        if self._session is not None:
            with contextlib.suppress(UnreachableError):
                self._session.send(frames.message(do="release"))

    def close(self) -> None:
        """End the connection."""
        self._drop()

    def _take(self, seconds: float) -> None:
        """Wait for a frame for some seconds, and pass it on."""
        opened = self._session
        if opened is None:
            return
        item = opened.next(max(0.0, seconds))
        if item is None:
            if opened.ended:
                self._drop()
                self._progress = self._progress or time.monotonic() > self._connected_at + _STABLE
                self._broke(UnreachableError(opened.complaint or "it ended"))
                self._look_at = time.monotonic() + _AWAY_LOOK * self._broken
            return
        self._progress = True
        kind, content = item
        if (stream := _STREAMS.get(kind)) is not None:
            self.last_output = time.monotonic()
            self.passed[stream] += len(content)
            self.sinks[stream](content)
        elif kind == frames.MESSAGE:
            self._hear(_message(content))

    def _hear(self, answer: Mapping[str, Any]) -> None:
        match answer.get("event"):
            case "started":
                if not self.is_started:
                    self.is_started = True
                    self.started = self.last_output = time.monotonic()
            case "problem":
                raise UnfitError(f"the command cannot run in the pod {self.pod}: {answer.get('text')}")
            case "ended":
                self._end(int(answer["status"]))
            case "gone":
                self._gone()

    def _end(self, status: int) -> None:
        if status:
            # A deleted or evicted pod lets its command end, too.
            with contextlib.suppress(UnreachableError):
                self._look()
        self.status, self.ended = status, True

    def _gone(self) -> None:
        """Find out how the command's container ended, whose first process was killed before it told the status."""
        pod = self._look()
        ended = faults.termination(pod, STEP)
        if ended is None:
            self._drop()
            return
        if ended.out_of_memory:
            self.sinks["errors"](b"memory ran out: the system killed the processes of this container\n")
        self.status, self.ended = ended.exit_status or _SHELL_SIGNAL + signal.SIGKILL, True

    def _connect(self, *, looking: bool) -> None:
        """Connect with the agent beside the command, if it runs; if the server is away, tell how long it may be."""
        try:
            pod = self._look()
            if looking and not faults.is_running(pod, PUBLISH):
                self._back()
                return
            opened = session.attend(self.cluster, self.pod, PUBLISH)
            try:
                session.hello(opened, _HELLO)
                opened.send(frames.message(do="follow", **self.passed))
            except BaseException:
                opened.close()
                raise
        except UnreachableError as error:
            self._lost(error)
            return
        self._back()
        self._session = opened
        self._connected_at = time.monotonic()
        self.connections += 1
        self._look_at = time.monotonic() + _RUNNING_LOOK

    def _look(self) -> Mapping[str, Any]:
        """Return the pod.

        Raises:
            UnreachableError: the server does not answer.
            RunnerError: something is wrong with the pod.
        """
        try:
            pod = self.cluster.pod(self.pod)
        except GoneError as error:
            raise RunnerError(f"the pod {self.pod} was deleted") from error
        fault = faults.find(pod)
        if fault is None:
            self._failing = None
        elif fault.kind == "infrastructure":
            raise RunnerError(fault.text)
        elif fault.kind == "step":
            raise UnfitError(fault.text)
        else:
            self._wait_for(fault)
        return pod

    def _wait_for(self, fault: faults.Fault) -> None:
        """Note what the pod waits for; an image or a container is not waited for as long as a free node."""
        now = time.monotonic()
        if fault.text != self._noted and (fault.kind != "waiting" or now >= self._noted_at + _NOTE_EVERY):
            self.note(fault.text)
            self._noted_at = now if fault.kind == "waiting" else self._noted_at
        self._noted = fault.text
        if fault.kind == "waiting":
            return
        self._failing = self._failing if self._failing is not None else now
        if now > self._failing + _BROKEN_IMAGE:
            raise RunnerError(fault.text)

    def _in_time(self, deadline: float, timeout: float) -> None:
        if time.monotonic() > deadline:
            why = f": {self._noted}" if self._noted else ""
            raise RunnerError(f"the pod {self.pod} did not start within {timeout:g} s{why}")

    def _lost(self, error: UnreachableError) -> None:
        """Note that the server is away; that it is for too long is an error."""
        now = time.monotonic()
        if self._away is None:
            self._away = now
            self.note(f"{error}; trying again for {self.lost_after:g} s")
        if now > self._away + self.lost_after:
            raise RunnerError(f"the pod {self.pod} is lost: {error}") from error

    def _back(self) -> None:
        if self._away is not None:
            self._away = None
            self.note(f"the pod {self.pod} can be reached again")

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


@dataclass(slots=True)
class _Patience:
    """A series of waits that become longer, in which a stop is still noticed a few times a second."""

    seconds: float = _LOOK_EVERY

    def longer(self) -> float:
        """Return the seconds of the next wait."""
        seconds = self.seconds
        self.seconds = min(_LONGEST_LOOK, seconds * _SLOWER)
        return seconds

    def wait(self, check: Callable[[], None]) -> None:
        """Wait; ``check`` is called meanwhile, and what it raises ends the wait."""
        until = time.monotonic() + self.longer()
        check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(_LOOK_EVERY, left))
            check()


def follow(follower: Follower, ticket: Ticket, limits: Limits, should_stop: Callable[[], str | None]) -> Ended:
    """Follow a command that has started, until nothing of it runs any more."""
    cause, stop = until_ended(follower, ticket, limits, should_stop)
    if cause != "exit":
        # A pod that is gone or cannot be reached does not change why its command was ended.
        with contextlib.suppress(RunnerError):
            end(follower)
    return Ended("killed" if ticket.killed else cause, follower.status, stop)


def end(follower: Follower) -> None:
    """End everything that the command has started: TERM, three seconds, KILL; pass on its last lines.

    A server that is away is not waited for: the pod ends by itself, because it has no worker.
    """
    follower.lost_after = min(follower.lost_after, _HURRY)
    for name in ("TERM", "KILL"):
        deadline = time.monotonic() + group.GRACE
        signalled = 0
        while not follower.ended and time.monotonic() < deadline:
            if signalled != follower.connections:
                signalled = follower.connections
                follower.signal(name)
            follower.step(deadline - time.monotonic())


def _message(content: bytes) -> Mapping[str, Any]:
    document = json.loads(content)
    return document if isinstance(document, dict) else {}


def _own(mode: int, directory: bool) -> int:  # noqa: FBT001 - a callback
    """Return the permissions of a file that the worker owns."""
    return mode | (0o700 if directory else 0o600)
