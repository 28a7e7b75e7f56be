"""End pods that nobody follows any more: of killed workers, and of earlier attempts."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes import labels, session
from translator.shim.runners.kubernetes.cluster import Cluster, GoneError
from translator.shim.runners.kubernetes.faults import STEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import Configuration

    from translator.shim.runners import Request

_GRACE = 3
"""The seconds that the command of an abandoned pod has after TERM."""
_LAST_GRACE = 2
"""The seconds that a pod has to end whose command has ended; without any, its containers might outlive its record."""
_WITHIN = 60.0
_LOOK_EVERY = 0.2
_AGAIN = (1.0, 5.0, 20.0, 0.0)
"""After these seconds a server that refused to delete a pod, or was away, is asked again."""
_SIGNAL = "kill -{} -1"
# This shell, the first process and its reader of orders remain.
_ENDED = "set -- /proc/[0-9]*; [ $# -le 3 ]"


def end_earlier_attempts(cluster: Cluster, request: Request) -> None:
    """End the pods of earlier attempts of an execution, whose worker lost them, and wait until they have ended.

    Raises:
        RunnerError: the server does not answer, or refuses, or the pods do not end.
        BaseException: what ``pulse`` raises meanwhile.
    """
    selector = f"{labels.EXECUTION}={labels.execution(request.id, request.address.uri)}"
    deadline = time.monotonic() + _WITHIN
    while pods := cluster.pods(selector):
        for pod in pods:
            metadata: Mapping[str, Any] = pod["metadata"]
            if metadata.get("deletionTimestamp"):
                continue
            cluster.delete(metadata["name"], _GRACE)
            if (pod.get("status") or {}).get("phase") in {"Pending", "Running"}:
                request.note(f"ended the pod {metadata['name']}, which an earlier attempt of this execution had left")
        request.pulse()
        if time.monotonic() > deadline:
            names = ", ".join(pod["metadata"]["name"] for pod in pods)
            raise RunnerError(f"pods of an earlier attempt of this execution do not end: {names}; is their node lost?")
        time.sleep(_LOOK_EVERY)


def delete_later(cluster: Cluster, name: str) -> None:
    """Delete a pod, and do not wait for its end; if the server is away, ask it again for a while."""
    with contextlib.suppress(RunnerError):
        cluster.delete(name, _LAST_GRACE)
        return

    def work() -> None:
        own = Cluster(cluster.configuration, cluster.namespace)
        for seconds in _AGAIN:
            time.sleep(seconds)
            with contextlib.suppress(RunnerError), contextlib.closing(own):
                own.delete(name, _LAST_GRACE)
                return

    threading.Thread(target=work, name=f"delete-{name}").start()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A pod as ``supervise.kill_all`` ends its command: with connections of its own, in any thread."""

    configuration: Configuration
    namespace: str
    name: str

    def terminate(self) -> None:
        """See ``supervise.Remote.terminate``."""
        self._run(_SIGNAL.format("TERM"))

    def end(self, patience: float) -> None:
        """See ``supervise.Remote.end``."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._run(_ENDED):
                return
            time.sleep(_LOOK_EVERY)
        self._run(_SIGNAL.format("KILL"))

    def _run(self, command: str) -> bool:
        cluster = Cluster(self.configuration, self.namespace)
        try:
            return session.run(cluster, self.name, STEP, ["/bin/sh", "-c", command])
        except GoneError:
            return True
        except RunnerError:
            return False
