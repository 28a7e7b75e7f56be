"""Describe a version in the words of Kubernetes: a Deployment per endpoint, a Service, and Services of aliases.

Names of objects are readable, fit into a DNS label, and have a digest of the names that they stand for, so that no two
deployments, endpoints or aliases share one. Which names an object stands for is in its annotations.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shlex
from typing import TYPE_CHECKING, Any

from translator.shim.runners.kubernetes import labels
from translator.shim.runners.kubernetes.pod import pull_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim import contract
    from translator.shim.deployers import Request
    from translator.shim.deployers.kubernetes.settings import Settings

Manifest = dict[str, Any]
DEPLOYMENT, ENDPOINT, VERSION, ALIAS = (
    f"{labels.PREFIX}{name}" for name in ("deployment", "endpoint", "version", "alias")
)
RUN, RECORD = f"{labels.PREFIX}run", f"{labels.PREFIX}record"
SERVER, FILES = "server", "files"
"""The containers of a pod: the server, and the one before it that unpacks the code and the files."""
HOME = "/srv/repository"
"""The working directory of servers."""
PART = 700_000
"""The bytes of the archive in one ConfigMap, which may have 1 MiB in base64."""
PARTS = 16
_ARCHIVE = "/translator-archive"
_SLUG = 18
_UNPACK = f"""\
set -e
if command -v python3 > /dev/null 2>&1; then
  exec python3 -c '
import glob, io, tarfile
data = b"".join(open(path, "rb").read() for path in sorted(glob.glob("{_ARCHIVE}/*.part")))
tarfile.open(fileobj=io.BytesIO(data)).extractall("{HOME}")
'
fi
cat {_ARCHIVE}/*.part | tar -xzf - -C {HOME}
"""


# Most applications have nothing at their root, so they may refuse the request, but not fail.
_ASK = """\
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
connection.request("GET", sys.argv[2] + "/", headers={"X-VH-Prefix": sys.argv[2]})
sys.exit(connection.getresponse().status >= 500)
"""


def digest(*names: str) -> str:
    """Return what stands for some names in labels and names of objects."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:10]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG].strip("-") or "x"


def version_name(deployment: str, number: int, endpoint: str = "") -> str:
    """Return the name of what a version consists of; it begins with a letter, as names of Services must."""
    end = f"-{_slug(endpoint)}" if endpoint else ""
    return f"d-{_slug(deployment)}{end}-{digest(deployment, endpoint)}-{number}"


def alias_name(deployment: str, alias: str) -> str:
    """Return the name of the Service of an alias."""
    return f"a-{_slug(deployment)}-{_slug(alias)}-{digest(deployment, alias)}"


def counter_name(deployment: str) -> str:
    """Return the name of the ConfigMap with the newest number, and the port of each endpoint."""
    return f"{version_name(deployment, 0)}-counter"


def of_deployment(deployment: str) -> str:
    """Return the selector of the objects of a deployment."""
    return f"{DEPLOYMENT}={digest(deployment)}"


def of_version(deployment: str, number: int) -> str:
    """Return the selector of the objects of a version."""
    return f"{of_deployment(deployment)},{VERSION}={number}"


def archives(request: Request, number: int, endpoint: str, content: bytes) -> list[Manifest]:
    """Return the ConfigMaps with the archive of an endpoint's files.

    Their names have a digest of the content: nodes read an immutable ConfigMap of one name only once.
    """
    content_digest = hashlib.sha256(content).hexdigest()[:10]
    parts = [content[start : start + PART] for start in range(0, len(content), PART)]
    name = version_name(request.deployment.name, number, endpoint)
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(f"{name}-files-{content_digest}-{index}", request, {VERSION: str(number)}, {}),
            "binaryData": {f"{index:03}.part": base64.b64encode(part).decode()},
            "immutable": True,
        }
        for index, part in enumerate(parts)
    ]


def record(request: Request, number: int, ports: Mapping[str, int]) -> Manifest:
    """Return the ConfigMap that says what a version is; ``healthy`` is added once it is.

    Args:
        request: the version.
        number: its number.
        ports: by endpoint, the port of Services that leads to it.
    """
    metadata = _metadata(version_name(request.deployment.name, number), request, {VERSION: str(number)}, {})
    metadata["labels"][RECORD] = "true"
    data = {"endpoints": json.dumps(dict(ports))}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def workload(
    request: Request, settings: Settings, number: int, endpoint: contract.Endpoint, config_maps: Sequence[str]
) -> Manifest:
    """Return the Deployment of an endpoint."""
    own_labels = {ENDPOINT: digest(endpoint.name), VERSION: str(number)}
    selected = {DEPLOYMENT: digest(request.deployment.name), **own_labels}
    metadata = _metadata(
        version_name(request.deployment.name, number, endpoint.name), request, own_labels, settings.labels
    )
    metadata["annotations"] = {**settings.annotations, **metadata["annotations"], ENDPOINT: endpoint.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": settings.replicas,
            "progressDeadlineSeconds": max(1, round(settings.timeout)),
            "selector": {"matchLabels": selected},
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": metadata["annotations"]},
                "spec": _pod(request, settings, number, endpoint, config_maps),
            },
        },
    }


def _pod(
    request: Request, settings: Settings, number: int, endpoint: contract.Endpoint, config_maps: Sequence[str]
) -> Manifest:
    mounts = [{"name": "repository", "mountPath": HOME}]
    sources = [{"configMap": {"name": one}} for one in config_maps]
    volumes: list[Manifest] = [
        {"name": "repository", "emptyDir": {}},
        {"name": "archive", "projected": {"sources": sources}},
    ]
    image = {"image": endpoint.image, "imagePullPolicy": pull_policy(settings.pull)}
    unpack = {
        "name": FILES,
        **image,
        "command": ["/bin/sh", "-c", _UNPACK],
        "volumeMounts": [*mounts, {"name": "archive", "mountPath": _ARCHIVE, "readOnly": True}],
    }
    more_mounts, more_volumes = _volumes(endpoint)
    server: Manifest = {
        "name": SERVER,
        **image,
        "command": _command(endpoint),
        "workingDir": HOME,
        "env": _variables(request, settings, number, endpoint),
        "ports": [{"name": _target(endpoint.name), "containerPort": endpoint.port}],
        "readinessProbe": {
            **_probe(settings.health, endpoint.port, f"/{request.deployment.name}/{number}/{endpoint.name}"),
            "periodSeconds": 1,
            "timeoutSeconds": 5,
        },
        "volumeMounts": [*mounts, *more_mounts],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if endpoint.wsgi is not None and settings.health is None:
        server["startupProbe"] = _first_answer(settings, endpoint.port, request, number, endpoint.name)
    if resources := _resources(endpoint.resources):
        server["resources"] = resources
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "initContainers": [unpack],
        "containers": [server],
        "volumes": [*volumes, *more_volumes],
    }
    if endpoint.node_selector:
        key, _, value = endpoint.node_selector.partition("=")
        spec["nodeSelector"] = {key.strip(): value.strip()}
    if endpoint.tolerations:
        spec["tolerations"] = [dict(one) for one in endpoint.tolerations]
    if settings.service_account is not None:
        spec["serviceAccountName"] = settings.service_account
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in settings.image_pull_secrets]
    return spec


def _command(endpoint: contract.Endpoint) -> list[str]:
    """Return the command of a server, in which nothing refers to variables of Kubernetes."""
    if endpoint.wsgi is not None:
        text = f"exec python3 -m gunicorn --bind 0.0.0.0:{endpoint.port} -- {shlex.quote(endpoint.wsgi)}"
    else:
        commands = endpoint.server_command
        listed = [commands] if isinstance(commands, str) else list(commands)
        text = " && ".join(one.strip() for one in listed if one.strip())
    return ["/bin/sh", "-c", _literal(text)]


def _literal(text: str) -> str:
    """Return a text in which Kubernetes replaces no ``$(NAME)``."""
    return text.replace("$(", "$$(")


def _variables(request: Request, settings: Settings, number: int, endpoint: contract.Endpoint) -> list[Manifest]:
    """Return the environment variables of a server; secrets are only referred to."""
    values = {
        "PYTHONUNBUFFERED": "1",
        **request.environment,
        "PORT": str(endpoint.port),
        "VALOHAI_PORT": str(endpoint.port),
        "VH_DEFAULT_PREFIX": f"/{request.deployment.name}/{number}/{endpoint.name}",
    }
    plain = [{"name": name, "value": _literal(value)} for name, value in values.items() if name not in settings.secrets]
    return plain + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": one.secret, "key": one.key}}}
        for name, one in settings.secrets.items()
    ]


def _probe(health: str | None, port: int, prefix: str) -> Manifest:
    if health is None:
        return {"tcpSocket": {"port": port}}
    headers = [{"name": "X-VH-Prefix", "value": prefix}]
    return {"httpGet": {"path": f"{prefix}{health}", "port": port, "httpHeaders": headers}}


def _first_answer(settings: Settings, port: int, request: Request, number: int, endpoint: str) -> Manifest:
    """Return the probe of an application's first answer: gunicorn listens before it has imported the application."""
    prefix = f"/{request.deployment.name}/{number}/{endpoint}"
    return {
        "exec": {"command": ["python3", "-c", _ASK, str(port), prefix]},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": max(1, math.ceil(settings.timeout)),
    }


def _resources(resources: Mapping[str, Any]) -> Manifest:
    """Return the requests and limits of an endpoint; its schema has cores, and memory in megabytes."""
    chosen: Manifest = {}
    for name, unit in (("cpu", ""), ("memory", "Mi"), ("ephemeral-storage", "Mi")):
        bounds = resources.get(name) or {}
        for bound, kind in (("min", "requests"), ("max", "limits")):
            if bounds.get(bound) is not None:
                chosen.setdefault(kind, {})[name] = f"{bounds[bound]:g}{unit}"
    for device, count in (resources.get("devices") or {}).items():
        chosen.setdefault("limits", {})[device] = str(count)
    return chosen


def _volumes(endpoint: contract.Endpoint) -> tuple[list[Manifest], list[Manifest]]:
    """Return the mounts and the volumes of an endpoint: shared claims, and space of its own."""
    mounts: list[Manifest] = []
    volumes: list[Manifest] = []
    for index, shared in enumerate(endpoint.shared_volumes):
        read_only = bool(shared.get("read-only"))
        mount: Manifest = {"name": f"shared-{index}", "mountPath": shared["mount-path"], "readOnly": read_only}
        if shared.get("sub-path"):
            mount["subPath"] = shared["sub-path"]
        mounts.append(mount)
        claim = {"claimName": shared["pvc-name"], "readOnly": read_only}
        volumes.append({"name": f"shared-{index}", "persistentVolumeClaim": claim})
    space = endpoint.workspace_volume
    if space:
        mounts.append({"name": "workspace", "mountPath": space["mount-path"]})
        claim_spec: Manifest = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{space['size']}Gi"}},
        }
        if space.get("storage-class-name"):
            claim_spec["storageClassName"] = space["storage-class-name"]
        volumes.append({"name": "workspace", "ephemeral": {"volumeClaimTemplate": {"spec": claim_spec}}})
    return mounts, volumes


def service(request: Request, number: int, ports: Mapping[str, int]) -> Manifest:
    """Return the Service of a version, with a port for each endpoint."""
    deployment = request.deployment.name
    metadata = _metadata(version_name(deployment, number), request, {VERSION: str(number)}, {})
    return _service(metadata, deployment, number, ports)


def alias_service(deployment: str, alias: str, number: int, ports: Mapping[str, int]) -> Manifest:
    """Return the Service of an alias, which selects the pods of one version."""
    metadata = {
        "name": alias_name(deployment, alias),
        "labels": {**labels.MANAGED_BY, DEPLOYMENT: digest(deployment), ALIAS: digest(alias)},
        "annotations": {DEPLOYMENT: deployment, ALIAS: alias},
    }
    return _service(metadata, deployment, number, ports)


def _service(metadata: Manifest, deployment: str, number: int, ports: Mapping[str, int]) -> Manifest:
    """Return a Service whose ports lead to the pods of a version that have the port of that name."""
    selector = {DEPLOYMENT: digest(deployment), VERSION: str(number)}
    listed = [
        {"name": f"http-{_slug(name)}-{digest(name)}", "port": port, "targetPort": _target(name), "protocol": "TCP"}
        for name, port in ports.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": selector, "ports": listed},
    }


def _target(endpoint: str) -> str:
    """Return the name of the port of an endpoint's pods, which may have 15 characters."""
    return f"e-{digest(endpoint)}"


def _metadata(name: str, request: Request, own_labels: Mapping[str, str], more: Mapping[str, str]) -> Manifest:
    identity = request.id
    return {
        "name": name,
        "labels": {**more, **labels.MANAGED_BY, DEPLOYMENT: digest(request.deployment.name), **own_labels},
        "annotations": {
            DEPLOYMENT: request.deployment.name,
            RUN: f"{identity.pipeline}/{identity.run}/{identity.node}".encode("utf-8", "replace").decode(),
        },
    }
