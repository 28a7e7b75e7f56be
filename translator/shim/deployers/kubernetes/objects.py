"""Create, apply, read and delete objects of a namespace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.shim.deployers import DeployError
from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes.cluster import TIMEOUT, GoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.runners.kubernetes.cluster import Cluster

_RESOURCES = {
    "ConfigMap": ("CoreV1Api", "config_map"),
    "Service": ("CoreV1Api", "service"),
    "Pod": ("CoreV1Api", "pod"),
    "Deployment": ("AppsV1Api", "deployment"),
}
"""By kind the class of the client, and how its methods name the kind."""
_MANAGER = "pipeline-translator"
_CONFLICT = 409
_REFUSALS = (400, 403, 422)
_APPLY = "application/apply-patch+yaml"


class ConflictError(RunnerError):
    """An object that exists already, or that another process has changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects in the namespace of a cluster."""

    cluster: Cluster

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Mapping[str, Any]:
        """Create or change an object so that it is as its manifest says (server-side apply).

        Args:
            manifest: the object.
            dry_run: whether the server only says what it would answer.

        Raises:
            ConflictError: it is not of the ``resourceVersion`` that the manifest has.
            DeployError: the cluster does not accept it.
            RunnerError: the server does not answer.
        """
        name = manifest["metadata"]["name"]
        how = {"field_manager": _MANAGER, "force": True, "_content_type": _APPLY}
        return self._call("patch", manifest["kind"], name, manifest, **how, **_dry(run=dry_run))

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Mapping[str, Any]:
        """Create an object; raises as ``apply``, and ConflictError if it exists."""
        return self._call("create", manifest["kind"], None, manifest, **_dry(run=dry_run))

    def get(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return an object; None if it does not exist."""
        try:
            return self._call("read", kind, name)
        except GoneError:
            return None

    def select(self, kind: str, selector: str) -> list[Mapping[str, Any]]:
        """Return the objects that have labels."""
        return list(self._call("list", kind, label_selector=selector).get("items") or ())

    def delete(self, kind: str, name: str) -> None:
        """Delete an object with those that it owns; one that is gone counts as deleted."""
        try:
            self._call("delete", kind, name, propagation_policy="Background")
        except GoneError:
            return

    def logs(self, pod: str, container: str, *, previous: bool = False, lines: int | None = None) -> str:
        """Return what a container printed; empty if it has not started."""
        from kubernetes.client import ApiException

        with self.cluster.speaking("read logs of"):
            try:
                answer = self.cluster.api.read_namespaced_pod_log(
                    pod,
                    self.cluster.namespace,
                    container=container,
                    previous=previous,
                    _preload_content=False,
                    _request_timeout=TIMEOUT,
                    **({"tail_lines": lines} if lines is not None else {}),
                )
            except ApiException as error:
                if error.status in (400, 404):
                    return ""
                raise
            return bytes(answer.data).decode(errors="replace")

    def _call(
        self,
        verb: str,
        kind: str,
        name: str | None = None,
        body: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Mapping[str, Any]:
        from kubernetes import client

        from translator.shim.runners.kubernetes.cluster import error_text, missing_right

        api, noun = _RESOURCES[kind]
        method = getattr(getattr(client, api)(self.cluster.api.api_client), f"{verb}_namespaced_{noun}")
        named = [name] if name is not None else []
        bodies = [body] if body is not None else []
        with self.cluster.speaking(f"{verb} a {kind} of"):
            try:
                answer = method(
                    *named,
                    self.cluster.namespace,
                    *bodies,
                    **options,
                    _preload_content=False,
                    _request_timeout=TIMEOUT,
                )
            except client.ApiException as error:
                text = error_text(error)
                if error.status == _CONFLICT:
                    raise ConflictError(text) from error
                if body is not None and error.status in _REFUSALS and missing_right(text) is None:
                    raise DeployError(f"the cluster does not accept the {kind}: {text}") from error
                raise
        document = json.loads(answer.data or b"{}")
        return document if isinstance(document, dict) else {}


def _dry(*, run: bool) -> dict[str, str]:
    return {"dry_run": "All"} if run else {}
