"""Read the settings of the kubernetes runner, and say what is wrong with them.

This is also asked while translating, so it loads nothing of Kubernetes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from translator.shim.json_values import thawed
from translator.shim.runners.settings import PULL, Pull, megabytes, one_of, problems_of, read_values, string

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from translator.shim.contract import Json

Transfer: TypeAlias = Literal["auto", "worker"]
TRANSFER: tuple[Transfer, ...] = ("auto", "worker")

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"\d+(:\d+)?")
_OWN = "pipeline-translator/"
HELPER_RESOURCES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {"requests": {"cpu": 0.01, "memory": 64}, "limits": {"cpu": 1, "memory": 1024}}
)
"""What each of our own containers requests and may use by default: cores, and memory in MB."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a Kubernetes secret."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the kubernetes runner.

    Args:
        helper_image: the image whose containers stage inputs and publish outputs (``images/pod/Dockerfile``).
        connection: the engine's connection with the credentials; without it, the pod's own service account if the
            worker runs in a pod, else ``KUBECONFIG`` of the worker.
        context: the context of the kubeconfig file; the default is its current one.
        namespace: the namespace of the pods; the default is that of the connection or of the context.
        service_account: the service account of the pods.
        node_selector: labels that a node must have.
        tolerations: tolerations, in the words of a pod's manifest.
        image_pull_secrets: names of secrets with credentials of registries.
        pull: when a node pulls the step's image: ``missing`` (if it does not have it), ``always`` or ``never``.
        requests: the cores and the memory in MB that the step's container requests; the default are its limits.
        helper_resources: ``requests`` and ``limits`` of each of the containers that stage and publish: cores, and
            memory in MB.
        shm_size: size of ``/dev/shm`` in MB; the default is half of the node's memory, within the memory limit.
        user: the user of the step's container, ``UID[:GID]``; the default is the image's.
        secrets: by environment variable, the key of a secret that the step's container gets, ``SECRET/KEY``.
        store_secrets: names of secrets whose keys are variables of the containers that access the artifact store.
        labels: further labels of the pods.
        annotations: annotations of the pods.
        template: the path of a pod's manifest that pods are based on, on the worker, relative to the project.
        transfer: how artifacts travel: ``auto`` (between the pod and an object store directly) or ``worker`` (all
            files pass through the worker, as they do with a directory as the store).
        start_timeout: the seconds that a pod may take to start.
        lost_after: the seconds that a pod and its worker wait for each other before they give up.
    """

    helper_image: str = ""
    connection: str | None = None
    context: str | None = None
    namespace: str | None = None
    service_account: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    image_pull_secrets: Sequence[str] = ()
    pull: Pull = "missing"
    requests: Mapping[str, float] = field(default_factory=dict)
    helper_resources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shm_size: int | None = None
    user: str | None = None
    secrets: Mapping[str, SecretKey] = field(default_factory=dict)
    store_secrets: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    transfer: Transfer = "auto"
    start_timeout: float = 1800.0
    lost_after: float = 300.0


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with settings."""
    return problems_of(read, settings)


def lacks(settings: Mapping[str, Json], image: str | None, dialect: str) -> Sequence[str]:
    """Return why a step cannot run in a pod; see ``translator.shim.runners.Runner``."""
    from translator.shim import run_contract

    problems = []
    fixed_home = True
    if "helper_image" not in settings:
        problems.append("the kubernetes runner needs helper_image, an image built from images/pod/Dockerfile")
    if image is None:
        problems.append("the kubernetes runner needs an image for the step")
    with contextlib.suppress(run_contract.NotInstalledError):
        fixed_home = run_contract.load(dialect).home is not None
    if not fixed_home:
        problems.append(f"steps of {dialect} use files of the worker, which pods do not see: use another runner")
    return problems


def read(settings: Mapping[str, Json]) -> Settings:
    """Return settings as they are to be used.

    Raises:
        SettingsError: they are not valid.
    """
    return Settings(**read_values(settings, READERS, "kubernetes"))


def _name(value: Json) -> str:
    text = string(value)
    if not _DNS_NAME.fullmatch(text):
        raise ValueError(f"expected a name of lower-case letters, digits, - and ., not {text!r}")
    return text


def _names(value: Json) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ValueError(f"expected a list of names, not {value!r}")  # noqa: TRY004 - all of them are problems
    return tuple(_name(item) for item in value)


def _texts_by_name(value: Json) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"expected a table of strings, not {value!r}")
    return {str(key): str(item) for key, item in value.items()}


def _labels(value: Json) -> Mapping[str, str]:
    pairs = _texts_by_name(value)
    for key, item in pairs.items():
        if not _LABEL_KEY.fullmatch(key) or key.startswith(_OWN):
            raise ValueError(f"{key!r} cannot be the key of a label")
        if not _LABEL_VALUE.fullmatch(item):
            raise ValueError(f"{item!r} cannot be the value of a label")
    return pairs


def _annotations(value: Json) -> Mapping[str, str]:
    pairs = _texts_by_name(value)
    for key in pairs:
        if not _LABEL_KEY.fullmatch(key) or key.startswith(_OWN):
            raise ValueError(f"{key!r} cannot be the key of an annotation")
    return pairs


def _tables(value: Json) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError(f"expected a list of tables, not {value!r}")
    return tuple(thawed(item) for item in value)


def _requests(value: Json) -> Mapping[str, float]:
    if not isinstance(value, Mapping) or not set(value) <= {"cpu", "memory"}:
        raise ValueError(f"expected a table with cpu (cores) and memory (MB), not {value!r}")
    return {key: _positive(item) for key, item in value.items()}


def _helper_resources(value: Json) -> Mapping[str, Mapping[str, float]]:
    if not isinstance(value, Mapping) or not set(value) <= set(HELPER_RESOURCES):
        raise ValueError(f"expected a table with requests and limits, not {value!r}")
    chosen = {key: _requests(item) for key, item in value.items()}
    limits = chosen.get("limits", {})
    for name, request in chosen.get("requests", {}).items():
        if request > limits.get(name, request):
            raise ValueError(f"the request of {name} is above its limit: {request:g} > {limits[name]:g}")
    return chosen


def _positive(value: Json) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"expected a positive number, not {value!r}")
    return value


def _user(value: Json) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else string(value)
    if not _USER.fullmatch(text):
        raise ValueError(f"expected UID or UID:GID, not {text!r}")
    return text


def _secrets(value: Json) -> Mapping[str, SecretKey]:
    keys = {}
    for variable, reference in _texts_by_name(value).items():
        secret, slash, key = reference.partition("/")
        if not _VARIABLE.fullmatch(variable):
            raise ValueError(f"{variable!r} cannot be the name of an environment variable")
        if not slash or not _DNS_NAME.fullmatch(secret) or not re.fullmatch(r"[-._A-Za-z0-9]+", key):
            raise ValueError(f"expected SECRET/KEY for {variable}, not {reference!r}")
        keys[variable] = SecretKey(secret, key)
    return keys


READERS: Mapping[str, Callable[[Json], Any]] = MappingProxyType(
    {
        "helper_image": string,
        "connection": string,
        "context": string,
        "namespace": _name,
        "service_account": _name,
        "node_selector": _labels,
        "tolerations": _tables,
        "image_pull_secrets": _names,
        "pull": one_of(PULL),
        "requests": _requests,
        "helper_resources": _helper_resources,
        "shm_size": megabytes,
        "user": _user,
        "secrets": _secrets,
        "store_secrets": _names,
        "labels": _labels,
        "annotations": _annotations,
        "template": string,
        "transfer": one_of(TRANSFER),
        "start_timeout": _positive,
        "lost_after": _positive,
    }
)
