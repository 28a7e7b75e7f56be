"""Make and remove versions on a cluster, and move aliases."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.deployers import DeployError, archive, without_image
from translator.shim.deployers.kubernetes import manifests, rollout
from translator.shim.deployers.kubernetes.manifests import ALIAS, DEPLOYMENT, RECORD, VERSION
from translator.shim.deployers.kubernetes.objects import ConflictError
from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes.labels import MANAGED_BY
from translator.shim.workspace import working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.shim.deployers import Request
    from translator.shim.deployers.kubernetes.manifests import Manifest
    from translator.shim.deployers.kubernetes.objects import Objects
    from translator.shim.deployers.kubernetes.settings import Settings

HEALTHY = "healthy"
FIRST_PORT = 80
"""The port of Services that leads to the first endpoint of a deployment."""
_TRIES = 20
_ABANDONED = 600.0
"""The seconds after its time-out after which an unfinished version is taken for the rest of a killed deployment."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a namespace."""

    settings: Settings
    objects: Objects

    def make(self, request: Request) -> tuple[int, Mapping[str, int], Sequence[str]]:
        """Make a version, wait until its endpoints are ready, and let its aliases point to it.

        Returns:
            its number, the port of Services that leads to each endpoint, and the aliases that point to it.

        Raises:
            DeployError: that cannot be done; nothing of the version remains, and no alias has moved.
            RunnerError: the cluster does not answer.
        """
        deployment = request.deployment.name
        if problems := without_image(request.deployment, "kubernetes"):
            raise DeployError("; ".join(problems))
        self._remove_abandoned(deployment, request.note)
        number, ports = self._next_number(request)
        request.note(f"version {number} of {deployment}")
        try:
            self._start(request, number, ports)
            rollout.wait(self.objects, self.settings, request, number)
            self._mark_healthy(request, number, ports)
            moved = self.move(deployment, request.deployment.aliases, number, ports, request.note)
        except BaseException:
            self._clean_up(deployment, number, request.note)
            raise
        return number, ports, moved

    def _clean_up(self, deployment: str, number: int, note: Callable[[str], None]) -> None:
        """Remove a version whose deployment failed, unless an alias points to it."""
        try:
            if number not in self.aliases(deployment).values():
                self.remove(deployment, number)
        except RunnerError as error:
            note(f"version {number} is not removed: {error}; translate deployments stop {deployment} {number} does it")

    def _next_number(self, request: Request) -> tuple[int, Mapping[str, int]]:
        """Return a number that no version of a deployment has had, and the ports of its endpoints, which keep them."""
        deployment = request.deployment.name
        name = manifests.counter_name(deployment)
        for _ in range(_TRIES):
            counter = self.objects.get("ConfigMap", name)
            known = (counter or {}).get("data") or {}
            number = int(known.get("newest", 0)) + 1
            all_ports: dict[str, int] = json.loads(known.get("ports", "{}"))
            for endpoint in request.deployment.endpoints:
                all_ports.setdefault(endpoint.name, max(all_ports.values(), default=FIRST_PORT - 1) + 1)
            metadata: Manifest = {"name": name, "labels": dict(MANAGED_BY)}
            if counter is not None:
                metadata["resourceVersion"] = counter["metadata"]["resourceVersion"]
            data = {"newest": str(number), "ports": json.dumps(all_ports)}
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            try:
                (self.objects.create if counter is None else self.objects.apply)(manifest)
            except ConflictError:
                request.pulse()
                continue
            return number, {endpoint.name: all_ports[endpoint.name] for endpoint in request.deployment.endpoints}
        raise DeployError(f"other runs deploy {deployment} at the same time: try again")

    def _start(self, request: Request, number: int, ports: Mapping[str, int]) -> None:
        """Create the objects of a version; write their manifests for review, if the settings say where."""
        deployment = request.deployment.name
        written: list[Mapping[str, Any]] = [
            manifests.record(request, number, ports),
            manifests.service(request, number, ports),
        ]
        for manifest in written:
            self.objects.apply(manifest)
        listed = working_copy.listing(request.project, request.without, request.pulse)
        for endpoint in request.deployment.endpoints:
            packed = io.BytesIO()
            archive.pack(request, endpoint.name, listed, packed)
            content = packed.getvalue()
            if len(content) > manifests.PART * manifests.PARTS:
                size = manifests.PART * manifests.PARTS // 1_000_000
                raise DeployError(
                    f"the code and the files of endpoint {endpoint.name!r} have {len(content) / 1e6:.1f} MB packed: "
                    f"a version on a cluster may have {size} MB; put more into the image, or into shared-volumes"
                )
            parts = manifests.archives(request, number, endpoint.name, content)
            names = [part["metadata"]["name"] for part in parts]
            for part in parts:
                self.objects.apply(part)
                request.pulse()
            written.append(manifests.workload(request, self.settings, number, endpoint, names))
            self.objects.apply(written[-1])
        if self.settings.manifests is not None:
            written += [manifests.alias_service(deployment, one, number, ports) for one in request.deployment.aliases]
            _write(Path(self.settings.manifests), manifests.version_name(deployment, number), written)

    def _mark_healthy(self, request: Request, number: int, ports: Mapping[str, int]) -> None:
        deployment = request.deployment.name
        current = self.objects.get("ConfigMap", manifests.version_name(deployment, number))
        if current is None:
            raise DeployError(f"version {number} of {deployment} was stopped")
        record = manifests.record(request, number, ports)
        record["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        record["data"][HEALTHY] = datetime.now(UTC).isoformat()
        self.objects.apply(record)

    def records(self, deployment: str | None = None) -> list[Mapping[str, Any]]:
        """Return the records of versions, the oldest first."""
        selector = f"{RECORD}=true" + (f",{manifests.of_deployment(deployment)}" if deployment is not None else "")
        found = self.objects.select("ConfigMap", selector)
        return sorted(found, key=lambda one: (one["metadata"]["annotations"][DEPLOYMENT], number_of(one)))

    def alias_services(self, deployment: str) -> list[Mapping[str, Any]]:
        """Return the Services of the aliases of a deployment."""
        return self.objects.select("Service", f"{manifests.of_deployment(deployment)},{ALIAS}")

    def aliases(self, deployment: str) -> dict[str, int]:
        """Return the number of the version that each alias points to."""
        return {
            one["metadata"]["annotations"][ALIAS]: int(one["spec"]["selector"][VERSION])
            for one in self.alias_services(deployment)
        }

    def move(  # noqa: PLR0913 - what identifies the version
        self,
        deployment: str,
        aliases: Iterable[str],
        number: int,
        ports: Mapping[str, int],
        note: Callable[[str], None],
        *,
        back: bool = False,
    ) -> list[str]:
        """Let aliases point to a version: each moves in one request, for all endpoints, or none moves.

        The API changes one object a request, so the requests are checked before the first one counts, and those that
        have counted are undone if a later one fails. Only a process that is killed in between leaves the rest unmoved.

        Returns:
            the aliases that point to it; others stay at newer versions, unless ``back`` is set.

        Raises:
            DeployError: it was stopped meanwhile, or the cluster refuses one; the aliases are where they were.
        """
        chosen = list(aliases)
        if len(chosen) > 1:
            for alias in chosen:
                self._move_alias(deployment, alias, number, ports, back=back, dry_run=True)
        moved: list[tuple[str, Mapping[str, Any] | None]] = []
        try:
            for alias in chosen:
                newest, before = self._move_alias(deployment, alias, number, ports, back=back)
                if newest > number and not back:
                    note(f"alias {alias} stays at version {newest}, which is newer")
                    continue
                moved.append((alias, before))
                self._check_healthy(deployment, number)
        except BaseException:
            for alias, before in reversed(moved):
                self._move_back(deployment, alias, before, number)
            raise
        for alias, _ in moved:
            note(f"alias {alias} points to version {number}")
        return [alias for alias, _ in moved]

    def _move_alias(  # noqa: PLR0913 - what identifies the version
        self,
        deployment: str,
        alias: str,
        number: int,
        ports: Mapping[str, int],
        *,
        back: bool,
        dry_run: bool = False,
    ) -> tuple[int, Mapping[str, Any] | None]:
        """Let an alias point to a version, unless it points to a newer one.

        Returns:
            the version that it pointed to, 0 for none, and its Service as it was.
        """
        for _ in range(_TRIES):
            current = self.objects.get("Service", manifests.alias_name(deployment, alias))
            newest = int(current["spec"]["selector"][VERSION]) if current is not None else 0
            if newest > number and not back:
                return newest, current
            manifest = manifests.alias_service(deployment, alias, number, ports)
            if current is not None:
                manifest["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
            try:
                # Applying would change what another run has created meanwhile.
                (self.objects.create if current is None else self.objects.apply)(manifest, dry_run=dry_run)
            except ConflictError:
                continue
            return newest, current
        raise DeployError(f"other runs move the alias {alias!r} of {deployment} at the same time: try again")

    def _move_back(self, deployment: str, alias: str, before: Mapping[str, Any] | None, number: int) -> None:
        """Undo the move of an alias to a version that was stopped, unless another run has moved it since."""
        name = manifests.alias_name(deployment, alias)
        current = self.objects.get("Service", name)
        if current is None or current["spec"]["selector"][VERSION] != str(number):
            return
        previous = int(before["spec"]["selector"][VERSION]) if before is not None else 0
        record = self.objects.get("ConfigMap", manifests.version_name(deployment, previous))
        if record is None or HEALTHY not in record["data"]:
            self.objects.delete("Service", name)
            return
        manifest = manifests.alias_service(deployment, alias, previous, ports_of(record))
        manifest["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        with contextlib.suppress(ConflictError):
            self.objects.apply(manifest)

    def _is_healthy(self, deployment: str, number: int) -> bool:
        record = self.objects.get("ConfigMap", manifests.version_name(deployment, number))
        return record is not None and HEALTHY in record["data"]

    def _check_healthy(self, deployment: str, number: int) -> None:
        if not self._is_healthy(deployment, number):
            raise DeployError(f"version {number} of {deployment} was stopped")

    def withdraw(self, deployment: str, number: int) -> list[str]:
        """Let no alias move to a version any more, unless one points to it.

        Who moves an alias looks at the mark after the move, who withdraws a version looks at the aliases after he has
        removed the mark: so one of the two always notices the other.

        Returns:
            the aliases that point to it.
        """
        for _ in range(_TRIES):
            record = self.objects.get("ConfigMap", manifests.version_name(deployment, number))
            pointing = sorted(alias for alias, to in self.aliases(deployment).items() if to == number)
            if record is None or pointing:
                return pointing
            try:
                withdrawn = self._write_record(record, {"endpoints": record["data"]["endpoints"]})
                pointing = sorted(alias for alias, to in self.aliases(deployment).items() if to == number)
                if pointing:
                    self._write_record(withdrawn, record["data"])
            except ConflictError:
                continue
            return pointing
        raise DeployError(f"other runs change version {number} of {deployment} at the same time: try again")

    def _write_record(self, record: Mapping[str, Any], data: Mapping[str, str]) -> Mapping[str, Any]:
        """Change the data of a record, if nobody else has changed it."""
        kept = ("name", "labels", "annotations", "resourceVersion")
        metadata = {key: record["metadata"][key] for key in kept}
        return self.objects.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)})

    def retire(self, deployment: str, note: Callable[[str], None]) -> None:
        """Remove the versions that no alias points to, except the newest."""
        pointed_to = set(self.aliases(deployment).values())
        healthy = [number_of(one) for one in self.records(deployment) if HEALTHY in one["data"]]
        free = [number for number in healthy if number not in pointed_to and number != max(healthy)]
        for number in free[: -self.settings.keep]:
            if not self.withdraw(deployment, number):
                note(f"version {number} is removed: no alias points to it, and newer ones are kept")
                self.remove(deployment, number)

    def _remove_abandoned(self, deployment: str, note: Callable[[str], None]) -> None:
        for one in self.records(deployment):
            created = datetime.fromisoformat(one["metadata"]["creationTimestamp"])
            age = (datetime.now(UTC) - created).total_seconds()
            old = age > self.settings.timeout + _ABANDONED
            if HEALTHY not in one["data"] and old and not self.withdraw(deployment, number_of(one)):
                note(f"removing version {number_of(one)}, whose deployment was interrupted")
                self.remove(deployment, number_of(one))

    def remove(self, deployment: str, number: int) -> None:
        """Remove all objects of a version; its record goes last."""
        selector = manifests.of_version(deployment, number)
        for kind in ("Deployment", "Service", "ConfigMap"):
            names = [one["metadata"]["name"] for one in self.objects.select(kind, selector)]
            for name in sorted(names, key=lambda name: name == manifests.version_name(deployment, number)):
                self.objects.delete(kind, name)


def number_of(record: Mapping[str, Any]) -> int:
    """Return the number of a version from its record."""
    return int(record["metadata"]["labels"][VERSION])


def ports_of(record: Mapping[str, Any]) -> dict[str, int]:
    """Return the port of Services that leads to each endpoint of a version."""
    ports: dict[str, int] = json.loads(record["data"]["endpoints"])
    return ports


def _write(directory: Path, name: str, written: Sequence[Mapping[str, Any]]) -> None:
    """Write manifests as a file that ``kubectl apply`` reads (JSON is YAML)."""
    directory.mkdir(parents=True, exist_ok=True)
    items = {"apiVersion": "v1", "kind": "List", "items": list(written)}
    (directory / f"{name}.json").write_text(f"{json.dumps(items, indent=2)}\n", encoding="utf-8")
