"""Describe the pod of an execution: its containers, what they share, and what they may use."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from translator.shim.runners import UnfitError
from translator.shim.runners.kubernetes import labels, templates
from translator.shim.runners.kubernetes.agent import CONTROL, FILES
from translator.shim.runners.kubernetes.faults import PUBLISH, STAGE, STEP
from translator.shim.runners.kubernetes.session import PROGRAM
from translator.shim.runners.kubernetes.settings import HELPER_RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Resources
    from translator.shim.runners import Request
    from translator.shim.runners.kubernetes.settings import Settings
    from translator.shim.runners.settings import Pull

_FILES, _CONTROL, _SHARED_MEMORY = "translator-files", "translator-control", "translator-shm"
_PULL = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}
_MEMORY_PATH = "/dev/shm"  # noqa: S108 - not a temporary file
_CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""The security context of our own containers, as the Pod Security Standard *restricted* demands it."""
_OF_ROOT = ["DAC_OVERRIDE", "FOWNER"]
"""The capabilities with which root reads and tidies outputs of other users; the standard *baseline* allows them."""
_END_ALL = "kill -TERM -1"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NODE_LENGTH = 30


def pull_policy(pull: Pull) -> str:
    """Return when a node pulls an image, as Kubernetes writes it."""
    return _PULL[pull]


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
    pod = templates.read(request.project / settings.template) if settings.template is not None else templates.EMPTY
    base = pod["spec"]
    bases = {one["name"]: one for key in ("initContainers", "containers") for one in base.get(key, ())}
    step = _step(request, settings, home, bases.get(STEP, {}))
    identity = _identity(base, bases.get(STEP, {}), settings)
    stage = _helper(STAGE, "prepare", settings, home, base=bases.get(STAGE, {}), identity=identity)
    publish = _helper(PUBLISH, "watch", settings, home, base=bases.get(PUBLISH, {}), identity=identity)
    helpers = {STAGE, PUBLISH}
    initial = [*(one for one in base.get("initContainers", ()) if one["name"] not in helpers), stage]
    containers = [step if one["name"] == STEP else one for one in base["containers"] if one["name"] not in helpers]
    if STEP not in bases:
        containers.append(step)
    if native_sidecars:
        initial.append({**publish, "restartPolicy": "Always"})
    else:
        containers.append(publish)
    volumes = [
        *base.get("volumes", ()),
        {"name": _FILES, "emptyDir": {}},
        {"name": _CONTROL, "emptyDir": {"medium": "Memory"}},
    ]
    if any(mount["name"] == _SHARED_MEMORY for mount in step["volumeMounts"]):
        volumes.append({"name": _SHARED_MEMORY, "emptyDir": _in_memory(settings.shm_size)})
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **base,
        "restartPolicy": "Never",
        "initContainers": initial,
        "containers": containers,
        "volumes": volumes,
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
        "imagePullPolicy": pull_policy(settings.pull),
        "command": ["/bin/sh", f"{CONTROL}/wrapper", str(CONTROL)],
        # Delete the pod, and the command gets TERM; the first process, a shell, passes no signals on.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", _END_ALL]}}},
        "volumeMounts": [
            *base.get("volumeMounts", ()),
            {"name": _FILES, "mountPath": home, "subPath": "root"},
            {"name": _CONTROL, "mountPath": str(CONTROL)},
        ],
    }
    if all(one.get("mountPath") != _MEMORY_PATH for one in base.get("volumeMounts", ())):
        container["volumeMounts"].append({"name": _SHARED_MEMORY, "mountPath": _MEMORY_PATH})
    container.pop("args", None)
    resources = _resources(request.step.resources, settings, base.get("resources") or {})
    if resources:
        container["resources"] = resources
    if settings.secrets:
        container["env"] = [*base.get("env", ()), *_secrets(settings)]
    if settings.user is not None:
        container["securityContext"] = {**(base.get("securityContext") or {}), **_user(settings.user)}
    return container


def _user(text: str) -> dict[str, int]:
    user, _, group = text.partition(":")
    return {"runAsUser": int(user), **({"runAsGroup": int(group)} if group else {})}


def _identity(pod: Mapping[str, Any], step: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return as whom our own containers run.

    Files that only their owner can read must reach *publish*: it is root, with few capabilities, or the user of the
    command if the template demands users other than root.
    """
    of_pod, of_step = pod.get("securityContext") or {}, step.get("securityContext") or {}
    if of_pod.get("runAsNonRoot") or of_step.get("runAsNonRoot"):
        user = {key: of_step[key] for key in ("runAsUser", "runAsGroup") if key in of_step}
        if settings.user is not None:
            user = {**user, **_user(settings.user)}
        return {"runAsNonRoot": True, **user}
    capabilities = {"drop": ["ALL"], "add": _OF_ROOT}
    return {"capabilities": capabilities, **({} if "runAsUser" in of_pod else {"runAsUser": 0})}


def _secrets(settings: Settings) -> list[dict[str, Any]]:
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": reference.secret, "key": reference.key}}}
        for variable, reference in settings.secrets.items()
    ]


def _helper(  # noqa: PLR0913 - what distinguishes the two
    container: str,
    program: str,
    settings: Settings,
    home: str,
    *,
    base: Mapping[str, Any],
    identity: Mapping[str, Any],
) -> dict[str, Any]:
    """Return one of our own containers, based on that of the template."""
    mounts = [{"name": _FILES, "mountPath": str(FILES)}, {"name": _CONTROL, "mountPath": str(CONTROL)}]
    if container == PUBLISH:
        mounts.append({"name": _FILES, "mountPath": home, "subPath": "root"})
    helper: dict[str, Any] = {
        "imagePullPolicy": pull_policy(settings.pull),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **base,
        "name": container,
        "image": settings.helper_image,
        "command": ["python3", "-m", PROGRAM, program, f"{settings.lost_after:g}"],
        "env": [*base.get("env", ()), {"name": "TRANSLATOR_HOME", "value": home}],
        "volumeMounts": [*base.get("volumeMounts", ()), *mounts],
        "securityContext": {**_CONFINED, **identity, **(base.get("securityContext") or {})},
        "resources": _helper_resources(settings, base.get("resources") or {}),
    }
    helper.pop("args", None)
    if settings.store_secrets:
        secrets = ({"secretRef": {"name": one}} for one in settings.store_secrets)
        helper["envFrom"] = [*base.get("envFrom", ()), *secrets]
    return helper


def _helper_resources(settings: Settings, base: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one of our own containers requests and may use: the setting, else the template, else a default."""
    chosen = {
        key: {**_quantities(**HELPER_RESOURCES[key]), **(base.get(key) or {}), **_quantities(**quantities)}
        for key in ("requests", "limits")
        for quantities in [settings.helper_resources.get(key, {})]
    }
    for name, quantity in chosen["requests"].items():
        limit = chosen["limits"].get(name)
        if limit is not None and templates.amount(quantity) > templates.amount(limit):
            if name in settings.helper_resources.get("requests", {}):
                chosen["limits"][name] = quantity
            else:
                chosen["requests"][name] = limit
    return {**base, **chosen}


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
    # A request of the template must not exceed the step's own limit; without a request, Kubernetes takes the limit.
    requests = {
        name: quantity
        for name, quantity in (base.get("requests") or {}).items()
        if name not in limits or templates.amount(quantity) <= templates.amount(limits[name])
    }
    requests.update(_quantities(**settings.requests))
    return {**base, **{key: value for key, value in (("limits", limits), ("requests", requests)) if value}}


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


def home_of(request: Request) -> str:
    """Return the directory at which the command sees its workspace."""
    return request.home if request.home is not None else str(PurePosixPath(Path(request.space.root)))
