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
from typing import TYPE_CHECKING, Any

from translator.shim.process import group
from translator.shim.process.supervise import Ended, until_ended
from translator.shim.runners import RunnerError, UnfitError
from translator.shim.runners.kubernetes import archive, faults, frames, session
from translator.shim.runners.kubernetes.cluster import GoneError, UnreachableError
from translator.shim.runners.kubernetes.faults import PUBLISH, STAGE, STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from translator.shim.process.supervise import Limits, Ticket
    from translator.shim.runners.kubernetes.cluster import Cluster
    from translator.shim.runners.kubernetes.session import Session

_STREAMS = {frames.OUTPUT: "output", frames.ERRORS: "errors"}
_LOOK_EVERY = 0.25
_AWAY_LOOK = 1.0
_RUNNING_LOOK = 15.0
"""The seconds between two looks at a pod whose command runs, to learn early that it was deleted."""
_HELLO = 30.0
_HURRY = 5.0
"""The seconds that a server may be away when the command must end."""
_BROKEN_IMAGE = 60.0
"""The seconds for which a node may fail to pull an image for reasons that may pass."""
_SHELL_SIGNAL = 128
_CHANGED = "has changed since it was published"
"""What stores say of artifacts that another try would not find otherwise."""


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
    connections: int = 0
    _session: Session | None = None
    _away: float | None = None
    _look_at: float = 0.0
    _noted: str = ""
    _bad_image: float | None = None

    def stage(
        self,
        send: Callable[[Callable[[bytes], None]], None],
        fetch: bytes | None,
        check: Callable[[], None],
        timeout: float,
    ) -> None:
        """Wait until the pod can take files, and stage them.

        Args:
            send: sends the archive through the function that it gets; called again if the connection breaks.
            fetch: asks the pod to download artifacts, if there are any.
            check: called a few times a second; what it raises ends the wait.
            timeout: the seconds that it may take until the pod takes files.

        Raises:
            RunnerError: the pod cannot start, or is lost.
        """
        deadline = time.monotonic() + timeout
        while True:
            check()
            try:
                pod = self._look()
                if (ended := faults.termination(pod, STAGE)) is not None and ended.exit_status == 0:
                    return
                if faults.is_running(pod, STAGE):
                    self._stage(send, fetch, check)
                    return
                self._back()
            except UnreachableError as error:
                self._lost(error)
            self._in_time(deadline, timeout)
            time.sleep(_LOOK_EVERY)

    def _stage(
        self, send: Callable[[Callable[[bytes], None]], None], fetch: bytes | None, check: Callable[[], None]
    ) -> None:
        opened = session.attend(self.cluster, self.pod, STAGE)
        try:
            session.hello(opened, _HELLO)
            self._back()
            opened.send(frames.message(do="receive"))
            send(lambda part: opened.send(frames.framed(frames.DATA, part)))
            opened.send(frames.framed(frames.END))
            self._await(opened, "received", check)
            if fetch is not None:
                opened.send(fetch)
                self._await(opened, "fetched", check)
            opened.send(frames.message(do="begin"))
            # The container ends at once, perhaps before it answers.
            with contextlib.suppress(UnreachableError):
                self._await(opened, "begun", check)
        finally:
            opened.close()

    def _await(self, opened: Session, event: str, check: Callable[[], None]) -> Mapping[str, Any]:
        """Wait for an answer of the agent.

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
        raise UnreachableError(f"the connection with the pod {self.pod} broke: {opened.complaint or 'it ended'}")

    def begin(self, check: Callable[[], None], timeout: float) -> None:
        """Wait until the command has started.

        Raises:
            RunnerError: it cannot start.
        """
        deadline = time.monotonic() + timeout
        while not self.is_started and not self.ended:
            check()
            if self._session is None:
                self._connect(looking=True)
            if self._session is None:
                self._in_time(deadline, timeout)
                time.sleep(_LOOK_EVERY)
                continue
            self._take(_LOOK_EVERY)
            if not self.is_started and time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + _AWAY_LOOK
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
            archive.unpack(archive.Reader(lambda: self._part(opened, check)), target, _own)
            return self._await(opened, "collected", check)

        answer = self._insisting(collect, check)
        for text in answer.get("notes") or ():
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
        """Do something over a connection, and once more over another if it breaks."""
        while True:
            check()
            if self._session is None:
                self._connect(looking=True)
            opened = self._session
            if opened is None:
                time.sleep(_LOOK_EVERY)
                continue
            try:
                return work(opened)
            except UnreachableError as error:
                self._drop()
                self._lost(error)

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
                self._look_at = 0.0
            return
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
            self._bad_image = None
        elif fault.kind == "infrastructure":
            raise RunnerError(fault.text)
        elif fault.kind == "step":
            raise UnfitError(fault.text)
        else:
            self._wait_for(fault)
        return pod

    def _wait_for(self, fault: faults.Fault) -> None:
        """Note what the pod waits for; that a node gets no image is not waited for as long as a free node."""
        if fault.text != self._noted:
            self._noted = fault.text
            self.note(fault.text)
        if fault.kind != "pulling":
            return
        now = time.monotonic()
        self._bad_image = self._bad_image if self._bad_image is not None else now
        if now > self._bad_image + _BROKEN_IMAGE:
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
