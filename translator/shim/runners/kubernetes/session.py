"""Call the agent in a pod: one exec request of the Kubernetes API, over which frames go in both directions.

A thread reads, so that the calling thread may wait for a frame for a limited time. It also tells the agent that the
worker is alive, whatever the calling thread is doing.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes import frames
from translator.shim.runners.kubernetes.cluster import TIMEOUT, UnreachableError, missing_right

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.shim.runners.kubernetes.cluster import Cluster

PROGRAM = "translator.shim.runners.kubernetes.agent"
SILENCE = 30.0
"""The seconds without a sign of life after which a connection counts as broken; the agent gives one every two."""
_ALIVE_EVERY = 3.0
_FRAMES = 64
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_COMPLAINT = 2000
_DENIED = "status 403"


@dataclass(slots=True)
class Session:
    """A connection with the agent."""

    socket: Any
    _queue: queue.Queue[tuple[bytes, bytes] | None] = field(default_factory=lambda: queue.Queue(_FRAMES))
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _alive_at: float = 0.0
    _complaint: bytearray = field(default_factory=bytearray)
    ended: bool = False
    closed: bool = False

    def next(self, seconds: float) -> tuple[bytes, bytes] | None:
        """Return the next frame; None if there is none for some seconds, or the connection has ended."""
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=seconds) if seconds > 0 else self._queue.get_nowait()
            if item is None:
                self.ended = True
            return item
        return None

    def send(self, frame: bytes) -> None:
        """Send a frame.

        Raises:
            UnreachableError: the connection is broken.
        """
        try:
            with self._sending:
                self.socket.send(bytes([_STDIN]) + frame, opcode=2)
        except Exception as error:
            raise UnreachableError(f"the connection with the pod broke: {self.complaint or error}") from error

    @property
    def complaint(self) -> str:
        """Return what the agent said on its standard error, if it did."""
        return self._complaint.decode(errors="replace").strip()

    def close(self) -> None:
        """End the connection."""
        self.closed = True
        with contextlib.suppress(Exception):
            self.socket.close(timeout=0)
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def read(self) -> None:
        """Read until the connection ends."""
        parser = frames.Parser()
        with contextlib.suppress(Exception):
            while not self.closed:
                _, frame = self.socket.recv_data_frame(True)  # noqa: FBT003 - as the package has it
                content = bytes(frame.data)
                if frame.opcode == 8 or not content:  # noqa: PLR2004 - the end of a WebSocket
                    if frame.opcode == 8:  # noqa: PLR2004 - as above
                        break
                elif content[0] == _STDOUT:
                    for item in parser.feed(content[1:]):
                        self._put(item)
                elif content[0] == _STDERR and len(self._complaint) < _COMPLAINT:
                    self._complaint += content[1:]
                self._show_life()
        self._put(None)

    def _put(self, item: tuple[bytes, bytes] | None) -> None:
        if item is not None and item[0] == frames.PULSE:
            return
        while not self.closed:
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_ALIVE_EVERY)
                return
            self._show_life()

    def _show_life(self) -> None:
        now = time.monotonic()
        if now >= self._alive_at:
            self._alive_at = now + _ALIVE_EVERY
            self.send(frames.framed(frames.PULSE))


def attend(cluster: Cluster, pod: str, container: str) -> Session:
    """Start the agent in a container.

    Raises:
        RunnerError: the container does not run (yet), the server does not answer, or the worker may not do this.
    """
    session = Session(connected(cluster, pod, container, ["python3", "-m", PROGRAM, "attend"], stdin=True))
    threading.Thread(target=session.read, name=f"pod-{pod}", daemon=True).start()
    return session


def connected(cluster: Cluster, pod: str, container: str, command: Sequence[str], *, stdin: bool = False) -> Any:
    """Start a command in a container; return the WebSocket to it.

    Raises:
        UnreachableError: the server does not answer, or the container does not run.
        RunnerError: the worker lacks the right to do this.
    """
    from kubernetes.client import ApiException, CoreV1Api
    from kubernetes.stream import stream

    client: Any = cluster.client()
    try:
        # This replaces a method of the client for as long as it runs, so the client is its own.
        answer = stream(
            CoreV1Api(client).connect_get_namespaced_pod_exec,
            pod,
            cluster.namespace,
            container=container,
            command=list(command),
            stdin=stdin,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
            _request_timeout=TIMEOUT[1],
        )
    except ApiException as error:
        text = f"cannot run a program in the pod {pod}: {error.reason or error}"
        if missing_right(text) is not None or _DENIED in text:
            raise RunnerError(f"{text}: give the worker's identity the rights to create and get pods/exec") from error
        raise UnreachableError(text) from error
    except Exception as error:
        raise UnreachableError(f"cannot run a program in the pod {pod}: {error}") from error
    finally:
        client.close()
    answer.sock.settimeout(SILENCE)
    return answer.sock


def run(cluster: Cluster, pod: str, container: str, command: Sequence[str]) -> bool:
    """Run a short command in a container, and return whether it succeeded.

    Raises:
        UnreachableError: it cannot be run.
    """
    socket = connected(cluster, pod, container, command)
    status = b""
    with contextlib.closing(socket), contextlib.suppress(Exception):
        while True:
            opcode, content = socket.recv_data()
            if opcode == 8:  # noqa: PLR2004 - the end of a WebSocket
                break
            if content[:1] == b"\x03":  # how the command has ended
                status += content[1:]
    return b'"Success"' in status


def hello(session: Session, seconds: float) -> None:
    """Wait until the agent has said which version it has.

    Raises:
        UnreachableError: it says nothing.
        RunnerError: it has another version than this worker.
    """
    import json

    deadline = time.monotonic() + seconds
    while not session.ended and (left := deadline - time.monotonic()) > 0:
        item = session.next(left)
        if item is not None and item[0] == frames.MESSAGE:
            version = json.loads(item[1]).get("version")
            if version != frames.VERSION:
                raise RunnerError(
                    "the helper_image of the kubernetes runner has another version of pipeline-translator than this "
                    "worker: build it anew"
                )
            return
    raise UnreachableError(f"the program in the pod does not answer: {session.complaint or 'it says nothing'}")
