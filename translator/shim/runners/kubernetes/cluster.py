"""Call the API of a Kubernetes cluster with the credentials of a connection, of a kubeconfig file or of a pod.

The client is ``kubernetes``, an optional dependency that takes a fifth of a second to import: only workers that run a
step in a pod load it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from translator.shim.runners import RunnerError, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubernetes.client import ApiClient, Configuration

    from translator.shim.contract import Connection
    from translator.shim.runners.kubernetes.settings import Settings

TIMEOUT = (5.0, 30.0)
"""The seconds that the API server may take to accept a connection, and to answer."""
NATIVE_SIDECARS = (1, 29)
"""The first version of Kubernetes that has them by default."""

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_AIRFLOW_PREFIX = "extra__kubernetes__"
_AGAIN = 1.0
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _INVALID = 400, 403, 404, 409, 422
_MISSING_RIGHT = re.compile(r" cannot (\S+) resource \"([^\"]+)\"")
_FULL = "exceeded quota"
"""What a server says of a pod that is accepted once others have ended."""
_CHANGING = ("because it is being terminated", "retry after")
"""What it says of a namespace that is being deleted, or of an account whose token is not made yet."""
_TEMPORARY = frozenset({0, 408, 429, 500, 502, 503, 504})


class UnreachableError(RunnerError):
    """An API server that does not answer, or not now."""


class GoneError(RunnerError):
    """An object that does not exist any more."""


class FullError(RunnerError):
    """A namespace whose quota is used up for now."""


@dataclass(slots=True)
class Cluster:
    """A cluster: how it is reached, and the namespace of the pods."""

    configuration: Configuration
    namespace: str
    _api: Any = field(default=None)

    @property
    def address(self) -> str:
        """Return the address of the API server."""
        return str(self.configuration.host)

    def client(self) -> ApiClient:
        """Return a new client, for one thread or one connection."""
        from kubernetes.client import ApiClient

        return ApiClient(self.configuration)

    @property
    def api(self) -> Any:
        """Return the client of this execution's thread; its answers are used as JSON, whatever their version."""
        if self._api is None:
            from kubernetes.client import CoreV1Api

            self._api = CoreV1Api(self.client())
        return self._api

    def close(self) -> None:
        """Close the connections."""
        if self._api is not None:
            self._api.api_client.close()
            self._api = None

    def version(self) -> tuple[int, int]:
        """Return the version of Kubernetes; asked once per process and cluster."""
        return _version(self.address, self)

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Create a pod; one of the same name counts as created, because names are unique.

        Raises:
            UnfitError: the cluster does not accept this pod: its API, a policy, a webhook or a limit refuses it.
            FullError: the quota is used up for now.
            RunnerError: it cannot be created.
        """
        from kubernetes.client import ApiException

        with self.speaking("create a pod in"):
            try:
                self.api.create_namespaced_pod(
                    self.namespace, manifest, _preload_content=False, _request_timeout=TIMEOUT
                )
            except ApiException as error:
                if error.status != _CONFLICT:
                    _judge(error)
                    raise

    def pod(self, name: str) -> Mapping[str, Any]:
        """Return a pod, as JSON.

        Raises:
            GoneError: it does not exist.
            RunnerError: the server does not answer.
        """
        with self.speaking("look after a pod in"):
            answer = self.api.read_namespaced_pod(
                name, self.namespace, _preload_content=False, _request_timeout=TIMEOUT
            )
            return _object(answer.data)

    def pods(self, selector: str) -> list[Mapping[str, Any]]:
        """Return the pods that have labels, as JSON."""
        with self.speaking("list the pods of"):
            answer = self.api.list_namespaced_pod(
                self.namespace, label_selector=selector, _preload_content=False, _request_timeout=TIMEOUT
            )
            return list(_object(answer.data).get("items") or ())

    def delete(self, name: str, grace: int) -> None:
        """Ask for the end of a pod, and do not wait; one that is gone counts as deleted."""
        with contextlib.suppress(GoneError), self.speaking("delete a pod of"):
            self.api.delete_namespaced_pod(
                name,
                self.namespace,
                grace_period_seconds=grace,
                propagation_policy="Background",
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )

    @contextlib.contextmanager
    def speaking(self, action: str) -> Iterator[None]:
        """Turn errors of the client into those of a runner, which say what could not be done.

        Raises:
            UnreachableError: the server does not answer, or not now.
            GoneError: the object does not exist.
            RunnerError: the server refuses.
        """
        from kubernetes.client import ApiException

        try:
            yield
        except ApiException as error:
            text = f"cannot {action} the Kubernetes cluster {self.address}: {error_text(error)}"
            if error.status == _NOT_FOUND:
                raise GoneError(text) from error
            if (right := missing_right(text)) is not None:
                raise RunnerError(f"{text}: give the worker's identity the right to {right}") from error
            if (error.status or 0) in _TEMPORARY:
                raise UnreachableError(text) from error
            raise RunnerError(text) from error
        except RunnerError:
            raise
        except Exception as error:  # those of several packages: of urllib3, of credentials' own programs
            raise UnreachableError(f"cannot {action} the Kubernetes cluster {self.address}: {_cause(error)}") from error


def missing_right(text: str) -> str | None:
    """Return which right a refusal says is missing (``create pods/exec``); None if it is another refusal."""
    match = _MISSING_RIGHT.search(text)
    return f"{match[1]} {match[2]}" if match is not None else None


def _judge(error: Any) -> None:
    """Tell refusals of this very pod from those that may pass, and from missing rights.

    Raises:
        UnfitError: another try cannot help.
        FullError: the quota is used up for now.
    """
    text = error_text(error)
    if error.status == _NOT_FOUND:
        raise UnfitError(f"the cluster does not accept the pod: {text}") from error
    if error.status not in {_BAD_REQUEST, _FORBIDDEN, _INVALID} or missing_right(text) is not None:
        return
    if _FULL in text:
        raise FullError(f"the cluster does not accept the pod yet: {text}") from error
    if not any(words in text for words in _CHANGING):
        raise UnfitError(f"the cluster does not accept the pod: {text}") from error


_Result = TypeVar("_Result")


def insist(
    work: Callable[[], _Result], seconds: float, pulse: Callable[[], None], note: Callable[[str], None]
) -> _Result:
    """Do something for which the server must answer, again for some seconds if it does not.

    Args:
        work: what to do; it may be done twice.
        seconds: how long the server may be away.
        pulse: called between two tries; what it raises ends them.
        note: tells the user that the server is away.

    Raises:
        UnreachableError: it was away for too long.
    """
    deadline = time.monotonic() + seconds
    noted = False
    while True:
        try:
            return work()
        except UnreachableError as error:
            if time.monotonic() > deadline:
                raise
            if not noted:
                noted = True
                note(f"{error}; trying again for {seconds:g} s")
        pulse()
        time.sleep(_AGAIN)


def connect(settings: Settings, connection: Connection | None) -> Cluster:
    """Find out how the cluster is reached; it is not asked yet.

    Raises:
        RunnerError: the package is not installed, or the credentials cannot be read.
    """
    try:
        import yaml
        from kubernetes import config as untyped
        from kubernetes.client import Configuration
    except ImportError as error:
        raise RunnerError(
            f"this worker cannot run steps in pods ({error}): install pipeline-translator[kubernetes] on it"
        ) from error
    config: Any = untyped
    configuration = Configuration()
    extra = _extra(connection)
    context = settings.context or _text(extra.get("cluster_context"))
    file = _text(extra.get("kube_config_path"))
    document = _document(extra.get("kube_config"))
    namespace: str | None
    try:
        if document is not None:
            config.load_kube_config_from_dict(document, context=context, client_configuration=configuration)
            namespace = _namespace_of(document, context)
        elif extra.get("in_cluster") or (file is None and not os.environ.get("KUBECONFIG") and _in_pod()):
            config.load_incluster_config(client_configuration=configuration)
            namespace = _own_namespace()
        else:
            # The package reads this variable once, when it is imported.
            file = file or os.environ.get("KUBECONFIG") or None
            config.load_kube_config(file, context=context, client_configuration=configuration)
            contexts, active = config.list_kube_config_contexts(file)
            chosen = next((one for one in contexts if one["name"] == context), active)
            namespace = chosen["context"].get("namespace")
    except (config.ConfigException, OSError, KeyError, TypeError, ValueError) as error:
        raise RunnerError(f"the credentials of the Kubernetes cluster cannot be read: {error}") from error
    except yaml.YAMLError as error:  # it has several lines
        raise RunnerError(
            f"the kubeconfig {file or 'of this user'} is not YAML: {' '.join(str(error).split())}"
        ) from error
    configuration.retries = 1  # who waits for the server tries again, and says so
    if extra.get("disable_verify_ssl"):
        configuration.verify_ssl = False
    named = settings.namespace or _text(extra.get("namespace"))
    return Cluster(configuration, named or namespace or "default")


def _extra(connection: Connection | None) -> dict[str, Any]:
    """Return the fields of a connection; Airflow's older ones have a prefix."""
    extra = connection.extra if connection is not None else {}
    return {key.removeprefix(_AIRFLOW_PREFIX): value for key, value in extra.items()}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _document(value: object) -> dict[str, Any] | None:
    """Return a kubeconfig that a connection holds, as an object or as its JSON."""
    from translator.shim.json_values import thawed

    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise RunnerError("the kubeconfig of the connection is not JSON") from error
    return thawed(value) if isinstance(value, Mapping) and value else None


def _namespace_of(document: Mapping[str, Any], context: str | None) -> str | None:
    wanted = context or document.get("current-context")
    for one in document.get("contexts") or ():
        if one.get("name") == wanted:
            return _text((one.get("context") or {}).get("namespace"))
    return None


def _in_pod() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (_SERVICE_ACCOUNT / "token").exists()


def _own_namespace() -> str | None:
    with contextlib.suppress(OSError):
        return (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or None
    return None


_versions: dict[str, tuple[int, int]] = {}


def _version(address: str, cluster: Cluster) -> tuple[int, int]:
    if address not in _versions:
        from kubernetes.client import VersionApi

        client = cluster.client()
        with contextlib.closing(client), cluster.speaking("ask about"):
            code = VersionApi(client).get_code(_request_timeout=TIMEOUT)
        _versions[address] = (_number(code.major), _number(code.minor))
    return _versions[address]


@cache
def _number(text: str) -> int:
    """Return the number that a part of a version begins with; some clouds write ``29+``."""
    digits = "".join(one for one in text if one.isdigit())
    return int(digits or 0)


def error_text(error: Any) -> str:
    """Return what the server says is wrong, without the client's words around it."""
    body = getattr(error, "body", None)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body or "")["message"]).strip()
    return str(getattr(error, "reason", None) or error).strip()


def _object(data: bytes) -> Mapping[str, Any]:
    document = json.loads(data)
    return document if isinstance(document, Mapping) else {}


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a client's error."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
