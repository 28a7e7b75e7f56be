"""List and change the versions on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.shim import deployers
from translator.shim.deployers import DeployError, bad_alias, refusals
from translator.shim.deployers.kubernetes import manifests
from translator.shim.deployers.kubernetes.manifests import DEPLOYMENT, ENDPOINT, RUN
from translator.shim.deployers.kubernetes.versions import FIRST_PORT, HEALTHY, number_of, ports_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.shim.deployers.kubernetes.versions import Versions


class ClusterAdministration:
    """The versions in a namespace; see ``translator.shim.deployers.Administration``."""

    def __init__(self, found: Versions) -> None:
        self._versions = found

    def versions(self) -> Sequence[deployers.Version]:
        """Return all versions, the oldest first."""
        return [self._description(record) for record in self._versions.records()]

    def _description(self, record: Mapping[str, Any]) -> deployers.Version:
        annotations = record["metadata"]["annotations"]
        deployment, number = annotations[DEPLOYMENT], number_of(record)
        aliases = sorted(alias for alias, to in self._versions.aliases(deployment).items() if to == number)
        objects = self._versions.objects
        workloads = {
            one["metadata"]["annotations"][ENDPOINT]: one
            for one in objects.select("Deployment", manifests.of_version(deployment, number))
        }
        servers = [
            deployers.Server(
                endpoint,
                _state(workloads.get(endpoint)),
                address(objects.cluster.namespace, deployment, number, port, aliases[:1]),
            )
            for endpoint, port in ports_of(record).items()
        ]
        created = record["metadata"]["creationTimestamp"]
        return deployers.Version(deployment, str(number), created, annotations[RUN], aliases, servers)

    def logs(self, deployment: str, version: str, endpoint: str | None) -> Iterator[str]:
        """Yield the lines that the pods of a version printed, after the name of the pod if there are several."""
        record = self._known(deployment, version)
        number = number_of(record)
        if endpoint is not None and endpoint not in ports_of(record):
            raise refusals.no_endpoint(deployment, number, endpoint, ports_of(record))
        objects = self._versions.objects
        pods = [
            pod
            for pod in objects.select("Pod", manifests.of_version(deployment, number))
            if endpoint in (None, pod["metadata"]["annotations"].get(ENDPOINT))
        ]
        for pod in pods:
            name = pod["metadata"]["name"]
            before = f"{name}: " if len(pods) > 1 else ""
            yield from (f"{before}{line}" for line in objects.logs(name, manifests.SERVER).splitlines())

    def move(self, deployment: str, alias: str, version: str) -> None:
        """Let an alias point to a version, whose pods must be ready."""
        if (problem := bad_alias(alias)) is not None:
            raise DeployError(problem)
        record = self._known(deployment, version)
        number = number_of(record)
        workloads = self._versions.objects.select("Deployment", manifests.of_version(deployment, number))
        states = {one["metadata"]["annotations"][ENDPOINT]: _state(one) for one in workloads}
        down = [name for name in ports_of(record) if states.get(name) != "running"]
        if HEALTHY not in record["data"] or down:
            raise DeployError(f"version {number} of {deployment} is not ready: {', '.join(down) or 'it is being made'}")
        self._versions.move(deployment, [alias], number, ports_of(record), lambda _: None, back=True)

    def remove_alias(self, deployment: str, alias: str) -> None:
        """Remove an alias."""
        self._check_deployment(deployment)
        known = self._versions.aliases(deployment)
        if alias not in known:
            raise refusals.no_alias(deployment, alias, sorted(known))
        for one in self._versions.alias_services(deployment):
            if one["metadata"]["annotations"][manifests.ALIAS] == alias:
                self._versions.objects.delete("Service", one["metadata"]["name"])

    def stop(self, deployment: str, version: str | None) -> Sequence[str]:
        """Remove a version without aliases, or all versions."""
        self._check_deployment(deployment)
        if version is None:
            numbers = [number_of(one) for one in self._versions.records(deployment)]
        else:
            numbers = [number_of(self._known(deployment, version))]
        for number in numbers:
            while pointing := self._versions.withdraw(deployment, number):
                if version is not None:
                    raise refusals.serving(deployment, number, pointing)
                for alias in pointing:
                    self.remove_alias(deployment, alias)
        for number in numbers:
            self._versions.remove(deployment, number)
        return [str(number) for number in numbers]

    def stop_all(self) -> Sequence[str]:
        """Remove all versions of all deployments in the namespace."""
        names = self._names()
        for name in names:
            self.stop(name, None)
        return names

    def _names(self) -> list[str]:
        return sorted({one["metadata"]["annotations"][DEPLOYMENT] for one in self._versions.records()})

    def _check_deployment(self, deployment: str) -> None:
        names = self._names()
        if deployment not in names:
            raise refusals.no_deployment(deployment, names)

    def _known(self, deployment: str, name: str) -> Mapping[str, Any]:
        """Return the record of a version by its number, or by an alias."""
        self._check_deployment(deployment)
        records = {str(number_of(one)): one for one in self._versions.records(deployment)}
        number = name if name in records else str(self._versions.aliases(deployment).get(name, 0))
        if number not in records:
            raise refusals.no_version(deployment, name, records)
        return records[number]


def address(namespace: str, deployment: str, number: int, port: int, aliases: Sequence[str]) -> str:
    """Return the address of an endpoint within the cluster: that of its first alias, else of the version."""
    name = manifests.alias_name(deployment, aliases[0]) if aliases else manifests.version_name(deployment, number)
    return f"http://{name}.{namespace}.svc{'' if port == FIRST_PORT else f':{port}'}/"


def _state(workload: Mapping[str, Any] | None) -> str:
    """Return the state of an endpoint in one word."""
    if workload is None:
        return "down"
    status = workload.get("status") or {}
    available = int(status.get("availableReplicas") or 0)
    return "running" if available >= int(workload["spec"].get("replicas") or 0) else "starting"
