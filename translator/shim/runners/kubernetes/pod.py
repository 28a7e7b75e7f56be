"""Describe the pod of an execution: its containers, what they share, and what they may use."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from translator.shim.runners import UnfitError
from translator.shim.runners.kubernetes import labels
from translator.shim.runners.kubernetes.agent import CONTROL, FILES
from translator.shim.runners.kubernetes.faults import PUBLISH, STAGE, STEP
from translator.shim.runners.kubernetes.session import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Resources
    from translator.shim.runners import Request
    from translator.shim.runners.kubernetes.settings import Settings

_FILES, _CONTROL, _SHARED_MEMORY = "translator-files", "translator-control", "translator-shm"
_PULL = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}
_FORBIDDEN = ("hostPID", "shareProcessNamespace")
"""What would let signals to all processes of the command reach others."""
_END_ALL = "kill -TERM -1"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NODE_LENGTH = 30


def name(request: Request) -> str:
    """Return a name for people, which no other pod has."""
    node = _NOT_IN_NAMES.sub("-", request.id.node.lower())[:_NODE_LENGTH].strip("-") or "node"
    return f"translator-{node}-{request.id.index}-{request.id.attempt}-{request.ticket.mark[:8]}"


def manifest(request: Request, settings: Settings, home: str, *, native_sidecars: bool) -> dict[str, Any]:
    """Return the manifest of an execution's pod.

    Args:
        request: the execution.
        settings: of the runner.
        home: the directory at which the command sees its workspace.
        native_sidecars: whether the cluster has containers that start before those of the pod and end after them.

    Raises:
        UnfitError: the template cannot be used.
    """
    pod = _template(settings, request)
    base = pod["spec"]
    own = {STEP: _step(request, settings, home, _container(base["containers"], STEP))}
    stage, publish = _helper(STAGE, "prepare", settings, home), _helper(PUBLISH, "watch", settings, home)
    initial = [*base.get("initContainers", ()), stage]
    containers = [own.pop(one["name"], one) for one in base["containers"]] + list(own.values())
    if native_sidecars:
        initial.append({**publish, "restartPolicy": "Always"})
    else:
        containers.append(publish)
    spec: dict[str, Any] = {
        **base,
        "restartPolicy": "Never",
        "initContainers": initial,
        "containers": containers,
        "volumes": [
            *base.get("volumes", ()),
            {"name": _FILES, "emptyDir": {}},
            {"name": _CONTROL, "emptyDir": {"medium": "Memory"}},
            {"name": _SHARED_MEMORY, "emptyDir": _in_memory(settings.shm_size)},
        ],
    }
    if settings.service_account is not None:
        spec["serviceAccountName"] = settings.service_account
    if settings.node_selector:
        spec["nodeSelector"] = {**base.get("nodeSelector", {}), **settings.node_selector}
    if settings.tolerations:
        spec["tolerations"] = [*base.get("tolerations", ()), *map(dict, settings.tolerations)]
    if settings.image_pull_secrets:
        secrets = ({"name": one} for one in settings.image_pull_secrets)
        spec["imagePullSecrets"] = [*base.get("imagePullSecrets", ()), *secrets]
    metadata = pod.get("metadata") or {}
    store = request.address.uri
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{key: value for key, value in metadata.items() if key in {"finalizers", "ownerReferences"}},
            "name": name(request),
            "labels": {
                **(metadata.get("labels") or {}),
                **settings.labels,
                **labels.of_attempt(request.id, store),
            },
            "annotations": {
                **(metadata.get("annotations") or {}),
                **labels.describe(request.id, PUBLISH),
                **settings.annotations,
            },
        },
        "spec": spec,
    }


def _step(request: Request, settings: Settings, home: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container of the command, whose image needs only ``sh``."""
    container: dict[str, Any] = {
        **base,
        "name": STEP,
        "image": request.step.image,
        "imagePullPolicy": _PULL[settings.pull],
        "command": ["/bin/sh", f"{CONTROL}/wrapper", str(CONTROL)],
        # Delete the pod, and the command gets TERM; the first process, a shell, passes no signals on.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", _END_ALL]}}},
        "volumeMounts": [
            *base.get("volumeMounts", ()),
            {"name": _FILES, "mountPath": home, "subPath": "root"},
            {"name": _CONTROL, "mountPath": str(CONTROL)},
            {"name": _SHARED_MEMORY, "mountPath": "/dev/shm"},  # noqa: S108 - not a temporary file
        ],
    }
    container.pop("args", None)
    resources = _resources(request.step.resources, settings, base.get("resources") or {})
    if resources:
        container["resources"] = resources
    if settings.secrets:
        container["env"] = [*base.get("env", ()), *_secrets(settings)]
    if settings.user is not None:
        user, _, group = settings.user.partition(":")
        identity = {"runAsUser": int(user), **({"runAsGroup": int(group)} if group else {})}
        container["securityContext"] = {**(base.get("securityContext") or {}), **identity}
    return container


def _secrets(settings: Settings) -> list[dict[str, Any]]:
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": reference.secret, "key": reference.key}}}
        for variable, reference in settings.secrets.items()
    ]


def _helper(container: str, program: str, settings: Settings, home: str) -> dict[str, Any]:
    """Return one of our own containers."""
    mounts = [{"name": _FILES, "mountPath": str(FILES)}, {"name": _CONTROL, "mountPath": str(CONTROL)}]
    if container == PUBLISH:
        mounts.append({"name": _FILES, "mountPath": home, "subPath": "root"})
    helper: dict[str, Any] = {
        "name": container,
        "image": settings.helper_image,
        "imagePullPolicy": _PULL[settings.pull],
        "command": ["python3", "-m", PROGRAM, program, f"{settings.lost_after:g}"],
        "env": [{"name": "TRANSLATOR_HOME", "value": home}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    if settings.store_secrets:
        helper["envFrom"] = [{"secretRef": {"name": one}} for one in settings.store_secrets]
    return helper


def _resources(resources: Resources, settings: Settings, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of the command's container, and what it requests if that is less."""
    limits = {**(base.get("limits") or {}), **_quantities(resources.cpu, resources.memory)}
    for device, count in resources.devices.items():
        if device.startswith("/dev/"):
            raise UnfitError(
                f"the kubernetes runner cannot provide {device!r}: name the device as Kubernetes does (nvidia.com/gpu)"
            )
        if count:
            limits[device if "/" in device else f"nvidia.com/{device}"] = str(count)
    requests = {**(base.get("requests") or {}), **_quantities(**settings.requests)}
    return {key: value for key, value in (("limits", limits), ("requests", requests)) if value}


def _quantities(cpu: float | None = None, memory: float | None = None) -> dict[str, str]:
    """Return quantities as Kubernetes writes them, of cores and MB."""
    quantities = {}
    if cpu is not None:
        quantities["cpu"] = f"{round(cpu * 1000)}m"
    if memory is not None:
        quantities["memory"] = f"{round(memory)}Mi"
    return quantities


def _in_memory(megabytes: int | None) -> dict[str, str]:
    return {"medium": "Memory", **({"sizeLimit": f"{megabytes}Mi"} if megabytes is not None else {})}


def _container(containers: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    return next((one for one in containers if one.get("name") == wanted), {})


def _template(settings: Settings, request: Request) -> dict[str, Any]:
    """Return the manifest that the pod is based on; its lists are never None."""
    if settings.template is None:
        return {"spec": {"containers": []}}
    import yaml

    path = request.project / settings.template
    try:
        documents = [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnfitError(f"the pod template {path} cannot be read: {error}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict) or documents[0].get("kind") != "Pod":
        raise UnfitError(f"the pod template {path} must have one document of kind Pod")
    pod = deepcopy(documents[0])
    spec = pod.get("spec") or {}
    for key in _FORBIDDEN:
        if spec.get(key):
            raise UnfitError(f"the pod template {path} must not set {key}: the step's processes could end others")
    for key in ("containers", "initContainers", "volumes", "tolerations", "imagePullSecrets"):
        value = spec.get(key) or []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise UnfitError(f"{key} of the pod template {path} must be a list of objects")
        spec[key] = value
    taken = {STAGE, PUBLISH} & {one.get("name") for key in ("containers", "initContainers") for one in spec[key]}
    if taken:
        raise UnfitError(f"the pod template {path} has a container {taken.pop()!r}, a name that the runner uses")
    return {**pod, "spec": {key: value for key, value in spec.items() if value or key == "containers"}}


def home_of(request: Request) -> str:
    """Return the directory at which the command sees its workspace."""
    return request.home if request.home is not None else str(PurePosixPath(Path(request.space.root)))
