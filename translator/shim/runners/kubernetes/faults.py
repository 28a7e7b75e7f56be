"""Say what is wrong with a pod, from what the API server tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STAGE, STEP, PUBLISH = "stage", "step", "publish"
"""The names of the containers."""

Kind: TypeAlias = Literal["infrastructure", "step", "waiting", "pulling"]
"""Whether another try may help, cannot help, or nothing is wrong yet: the pod waits for a node, or for an image."""

_BAD_IMAGE = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})
_BAD_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_REFUSED = ("not found", "manifest unknown", "unauthorized", "denied", "does not exist", "no such image")
"""What registries say of images that they do not have, or not for everyone."""
_OUT_OF_MEMORY = "OOMKilled"


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem of a pod, or a reason why it waits; ``text`` is for the user."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Termination:
    """The end of a container."""

    exit_status: int
    reason: str
    message: str

    @property
    def out_of_memory(self) -> bool:
        """Return whether it ended because its memory ran out."""
        return self.reason == _OUT_OF_MEMORY


def find(pod: Mapping[str, Any]) -> Fault | None:
    """Return what is wrong with a pod, or what it waits for; None if it is as it should be."""
    name = pod["metadata"]["name"]
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return Fault(f"the cluster ended the pod {name}: {_reason(condition)}", "infrastructure")
    if status.get("phase") == "Failed" and status.get("reason"):
        return Fault(f"the cluster ended the pod {name}: {_reason(status)}", "infrastructure")
    if pod["metadata"].get("deletionTimestamp"):
        return Fault(f"the pod {name} was deleted", "infrastructure")
    for container in (STAGE, PUBLISH):
        ended = termination(pod, container)
        if ended is not None and (container == PUBLISH or ended.exit_status):
            why = ", because its memory ran out" if ended.out_of_memory else f" with exit status {ended.exit_status}"
            more = f": {ended.message}" if ended.message else ""
            return Fault(f"the container {container!r} of the pod {name} ended{why}{more}", "infrastructure")
    return next(_waiting(pod, status), None)


def termination(pod: Mapping[str, Any], container: str) -> Termination | None:
    """Return how a container has ended; None if it has not."""
    for one in _containers(pod.get("status") or {}):
        ended = (one.get("state") or {}).get("terminated") if one.get("name") == container else None
        if ended is not None:
            return Termination(
                int(ended.get("exitCode") or 0), str(ended.get("reason") or ""), str(ended.get("message") or "").strip()
            )
    return None


def is_running(pod: Mapping[str, Any], container: str) -> bool:
    """Return whether a container runs."""
    return any(
        one.get("name") == container and "running" in (one.get("state") or {})
        for one in _containers(pod.get("status") or {})
    )


def _waiting(pod: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what containers wait for; what cannot come is first."""
    images = {
        one["name"]: one.get("image", "")
        for key in ("initContainers", "containers")
        for one in pod["spec"].get(key) or ()
    }
    faults = []
    for one in _containers(status):
        waiting = (one.get("state") or {}).get("waiting") or {}
        reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "").strip()
        image = images.get(one.get("name", ""), "")
        if reason in _BAD_IMAGE:
            faults.append(Fault(f"the image {image} cannot be used: {message or reason}", "step"))
        elif reason in _PULL:
            refused = any(words in message.lower() for words in _REFUSED)
            text = f"the image {image} cannot be pulled: {message or reason}"
            faults.append(Fault(text, "step" if refused else "pulling"))
        elif reason in _BAD_CONTAINER:
            faults.append(Fault(f"a container of image {image} cannot start: {message or reason}", "step"))
    faults += [
        Fault(f"no node can run the pod: {condition.get('message') or 'no reason given'}", "waiting")
        for condition in status.get("conditions") or ()
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False"
    ]
    yield from sorted(faults, key=lambda fault: fault.kind != "step")


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(key) or ()


def _reason(source: Mapping[str, Any]) -> str:
    """Return the reason and the message of a status or of a condition."""
    return ": ".join(str(source[key]).strip() for key in ("reason", "message") if source.get(key))
