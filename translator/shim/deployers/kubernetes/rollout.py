"""Watch the rollout of a version, and say why it fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from translator.shim.deployers import DeployError
from translator.shim.deployers.kubernetes import manifests
from translator.shim.deployers.kubernetes.manifests import ENDPOINT
from translator.shim.runners.kubernetes import faults
from translator.shim.runners.kubernetes.cluster import insist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.deployers import Request
    from translator.shim.deployers.kubernetes.objects import Objects
    from translator.shim.deployers.kubernetes.settings import Settings

_PAUSE = 0.5
_REPORT_EVERY = 10.0
_LINES = 10
_AWAY = 60.0
"""The seconds that the API server may be away."""


def wait(objects: Objects, settings: Settings, request: Request, number: int) -> None:
    """Wait until all pods of a version are ready.

    Raises:
        DeployError: one cannot start, or ended, or is not ready in time.
        RunnerError: the cluster does not answer.
    """
    start = reported = time.monotonic()
    selector = manifests.of_version(request.deployment.name, number)
    waiting = {endpoint.name for endpoint in request.deployment.endpoints}
    while True:
        request.pulse()
        workloads = insist(lambda: objects.select("Deployment", selector), _AWAY, request.pulse, request.note)
        ready = {one["metadata"]["annotations"][ENDPOINT] for one in workloads if _is_ready(one)}
        for endpoint in sorted(waiting & ready):
            request.note(f"endpoint {endpoint} is ready")
        if len(workloads) < len(request.deployment.endpoints):
            raise DeployError(f"version {number} of {request.deployment.name} was stopped")
        waiting -= ready
        if not waiting:
            return
        pods = [
            pod
            for pod in insist(lambda: objects.select("Pod", selector), _AWAY, request.pulse, request.note)
            if "deletionTimestamp" not in pod["metadata"]  # evicted: another one takes its place
        ]
        problem = next((text for pod in pods if (text := ended(objects, pod)) is not None), None)
        if problem is not None:
            raise DeployError(problem)
        waits = [fault for pod in pods if (fault := faults.find(pod)) is not None]
        for fault in waits:
            if fault.kind == "step":
                raise DeployError(fault.text)
        reason = waits[0].text if waits else "its pods are not ready: does the server listen on its port, on 0.0.0.0?"
        if time.monotonic() > start + settings.timeout:
            names = ", ".join(sorted(waiting))
            raise DeployError(f"not ready after {settings.timeout:g} s: {names}; {reason}{_log(objects, pods)}")
        if time.monotonic() > reported + _REPORT_EVERY:
            reported = time.monotonic()
            request.note(f"waiting for {', '.join(sorted(waiting))}: {reason}")
        time.sleep(_PAUSE)


def _is_ready(workload: Mapping[str, Any]) -> bool:
    status = workload.get("status") or {}
    wanted = int(workload["spec"].get("replicas") or 0)
    seen = int(status.get("observedGeneration") or 0) >= int(workload["metadata"].get("generation") or 0)
    return seen and int(status.get("availableReplicas") or 0) >= wanted


def ended(objects: Objects, pod: Mapping[str, Any]) -> str | None:
    """Return how a container of a pod ended, if it did, with its last lines; None if none ended."""
    status = pod.get("status") or {}
    endpoint = pod["metadata"]["annotations"].get(ENDPOINT, "")
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            last = (container.get("lastState") or {}).get("terminated")
            now = (container.get("state") or {}).get("terminated")
            terminated = last or now
            if terminated is None or (key == "initContainerStatuses" and not terminated.get("exitCode")):
                continue
            text = objects.logs(pod["metadata"]["name"], container["name"], previous=now is None, lines=_LINES)
            why = (
                "because its memory ran out"
                if terminated.get("reason") == "OOMKilled"
                else f"with exit status {terminated.get('exitCode')}"
            )
            subject = "the server" if container["name"] == manifests.SERVER else "the container that unpacks the files"
            return f"{subject} of endpoint {endpoint!r} ended while it started, {why}{_tail(text)}"
    return None


def _log(objects: Objects, pods: list[Mapping[str, Any]]) -> str:
    return _tail(objects.logs(pods[0]["metadata"]["name"], manifests.SERVER, lines=_LINES)) if pods else ""


def _tail(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "; its last lines:\n" + "\n".join(lines[-_LINES:]) if lines else ""
