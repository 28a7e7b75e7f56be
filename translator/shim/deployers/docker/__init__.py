"""Run the servers of deployments in containers of a Docker host, or of another engine with the Docker Engine API.

They survive the run and the worker. As with ``local``, one front port of the worker's machine serves all of them, with
the alias in the path, and a directory of that machine has the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.deployers import Deployer
from translator.shim.deployers.docker.settings import check, lacks, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Deployment, Json
    from translator.shim.deployers import Administration, Deployed, Lookup, Request
    from translator.shim.deployers.docker.containers import Containers
    from translator.shim.deployers.docker.settings import Settings


def deploy(request: Request) -> Deployed:
    """Deploy a version; see ``translator.shim.deployers.Deployer``."""
    from translator.shim.deployers.local.deploying import deploy_behind_front

    settings = read(request.settings)
    with _containers(settings, request.connection) as containers:
        return deploy_behind_front(request, settings.front, lambda _: containers)


def ignores(deployment: Deployment) -> Sequence[tuple[str, str]]:
    """Return the keys of endpoints that only clusters have, each with its endpoint."""
    keys = ("node_selector", "tolerations", "workspace_volume", "shared_volumes")
    found = [(one.name, key.replace("_", "-")) for one in deployment.endpoints for key in keys if getattr(one, key)]
    storage = "ephemeral-storage"
    return found + [(one.name, f"resources.{storage}") for one in deployment.endpoints if one.resources.get(storage)]


def administration(settings: Mapping[str, Json], connection: Lookup) -> Administration:
    """Return what manages the versions; each of them knows its engine."""
    from translator.shim.deployers.local.administration import DirectoryAdministration

    chosen = read(settings)
    containers = _containers(chosen, connection)
    return DirectoryAdministration(chosen.front, lambda _: containers)


def _containers(settings: Settings, connection: Lookup) -> Containers:
    from translator.shim.deployers.docker.containers import Containers
    from translator.shim.deployers.local.state import State

    return Containers(settings, State(settings.front.directory), connection)


DEPLOYER = Deployer(deploy, check, ignores, administration, lacks)
