"""Run the servers of deployments on a Kubernetes cluster: a Deployment per endpoint, and a Service per version.

Each alias is a Service, which selects the pods of one version. Its ports lead to the endpoints, so an alias moves in
one request for all of them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from translator.shim.deployers import Deployed, Deployer, DeployError, without_image
from translator.shim.deployers.kubernetes.settings import Settings, check, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Connection, Deployment, Json
    from translator.shim.deployers import Administration, Lookup, Request
    from translator.shim.deployers.kubernetes.versions import Versions


def deploy(request: Request) -> Deployed:
    """Deploy a version; see ``translator.shim.deployers.Deployer``."""
    from translator.shim.deployers.kubernetes.administration import address

    settings = read(request.settings)
    versions = _versions(settings, _connection(settings, request.connection))
    cluster = versions.objects.cluster
    with contextlib.closing(cluster):
        number, ports, aliases = versions.make(request)
        deployment = request.deployment.name
        urls = {
            endpoint: address(cluster.namespace, deployment, number, port, aliases[:1])
            for endpoint, port in ports.items()
        }
        for url in urls.values():
            request.note(f"serving at {url} in the cluster")
        versions.retire(deployment, request.note)
    return Deployed(deployment, str(number), urls)


def administration(settings: Mapping[str, Json], connection: Lookup) -> Administration:
    """Return what manages the versions."""
    from translator.shim.deployers.kubernetes.administration import ClusterAdministration

    chosen = read(settings)
    return ClusterAdministration(_versions(chosen, _connection(chosen, connection)))


def _connection(settings: Settings, lookup: Lookup) -> Connection | None:
    """Return the connection that the settings name, if they name one.

    Raises:
        DeployError: the engine does not know it.
    """
    if settings.connection is None:
        return None
    connection = lookup(settings.connection)
    if connection is None:
        raise DeployError(f"the connection {settings.connection!r} of the deployer 'kubernetes' does not exist")
    return connection


def _versions(settings: Settings, connection: Connection | None) -> Versions:
    from translator.shim.deployers.kubernetes.objects import Objects
    from translator.shim.deployers.kubernetes.versions import Versions
    from translator.shim.runners.kubernetes.cluster import connect
    from translator.shim.runners.kubernetes.settings import Settings as OfRunner

    named = OfRunner(context=settings.context, namespace=settings.namespace)
    return Versions(settings, Objects(connect(named, connection)))


def lacks(settings: Mapping[str, Json], deployment: Deployment) -> Sequence[str]:  # noqa: ARG001 - as all have it
    """Return why a deployment cannot have its endpoints in pods."""
    return without_image(deployment, "kubernetes")


DEPLOYER = Deployer(deploy, check, administration=administration, lacks=lacks)
