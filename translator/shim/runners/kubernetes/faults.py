"""Say what is wrong with a pod, from what the API server tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STAGE, STEP, PUBLISH = "stage", "step", "publish"
"""The names of the containers."""

Kind: TypeAlias = Literal["infrastructure", "step", "waiting", "pulling", "creating"]
"""Whether another try may help, cannot help, or is not due: the pod waits for a node, an image or a container."""

_BAD_IMAGE = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})
_BAD_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_REFUSED = (
    "not found",
    "manifest unknown",
    "unauthorized",
    "denied",
    "does not exist",
    "no such image",
    "no basic auth credentials",
)
"""What registries say of images that they do not have, or not for everyone."""
_BAD_REFERENCE = ("not found", "couldn't find key", "no such file or directory", "runasnonroot", "non-numeric user")
"""What nodes say of containers that no later try can create: of secrets, keys, programs and users."""
_OUT_OF_DEADLINE = "DeadlineExceeded"
"""The template's ``activeDeadlineSeconds`` have passed."""
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
        kind: Kind = "step" if status["reason"] == _OUT_OF_DEADLINE else "infrastructure"
        return Fault(f"the cluster ended the pod {name}: {_reason(status)}", kind)
    if pod["metadata"].get("deletionTimestamp"):
        return Fault(f"the pod {name} was deleted", "infrastructure")
    for container in (STAGE, PUBLISH):
        ended = termination(pod, container)
        if ended is not None and (container == PUBLISH or ended.exit_status):
            return _ended(container, name, ended)
    if (restarted := _restart(status)) is not None:
        return _ended(PUBLISH, name, restarted)
    return next(_waiting(pod, status), None)


def _ended(container: str, pod: str, ended: Termination) -> Fault:
    why = ", because its memory ran out" if ended.out_of_memory else f" with exit status {ended.exit_status}"
    more = f": {ended.message}" if ended.message else ""
    return Fault(f"the container {container!r} of the pod {pod} ended{why}{more}", "infrastructure")


def _restart(status: Mapping[str, Any]) -> Termination | None:
    """Return how *publish* ended before, if it was restarted, as native sidecars are: what it held is lost."""
    for one in _containers(status):
        if one.get("name") == PUBLISH and int(one.get("restartCount") or 0) > 0:
            return _termination((one.get("lastState") or {}).get("terminated") or {})
    return None


def termination(pod: Mapping[str, Any], container: str) -> Termination | None:
    """Return how a container has ended; None if it has not."""
    for one in _containers(pod.get("status") or {}):
        ended = (one.get("state") or {}).get("terminated") if one.get("name") == container else None
        if ended is not None:
            return _termination(ended)
    return None


def _termination(ended: Mapping[str, Any]) -> Termination:
    return Termination(
        int(ended.get("exitCode") or 0), str(ended.get("reason") or ""), str(ended.get("message") or "").strip()
    )


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
            hopeless = any(words in message.lower() for words in _BAD_REFERENCE)
            text = f"a container of image {image} cannot start: {message or reason}"
            faults.append(Fault(text, "step" if hopeless else "creating"))
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
