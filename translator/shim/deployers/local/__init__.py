"""Run the servers of deployments as processes of this machine.

They survive the run and the worker. One front port serves all of them, with the alias in the path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.deployers import Deployer
from translator.shim.deployers.local.settings import check, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Deployment, Json
    from translator.shim.deployers import Administration, Deployed, Lookup, Request
    from translator.shim.deployers.local.servers import Servers
    from translator.shim.deployers.local.settings import Settings
    from translator.shim.deployers.local.supervisor import Supervisor


def deploy(request: Request) -> Deployed:
    """Deploy a version; see ``translator.shim.deployers.Deployer``."""
    from translator.shim.deployers.local.deploying import deploy_behind_front

    settings = read(request.settings)
    return deploy_behind_front(request, settings, lambda daemon: _programs(settings, daemon))


def ignores(deployment: Deployment) -> Sequence[tuple[str, str]]:
    """Return the keys of endpoints that only containers have, each with its endpoint."""
    keys = ("image", "resources", "node_selector", "tolerations", "workspace_volume", "shared_volumes")
    return [(one.name, key.replace("_", "-")) for one in deployment.endpoints for key in keys if getattr(one, key)]


def administration(settings: Mapping[str, Json], connection: Lookup) -> Administration:  # noqa: ARG001 - needs none
    """Return what manages the versions."""
    from translator.shim.deployers.local.administration import DirectoryAdministration

    chosen = read(settings)
    return DirectoryAdministration(chosen, lambda daemon: _programs(chosen, daemon))


def _programs(settings: Settings, daemon: Supervisor) -> Servers:
    from translator.shim.deployers.local.programs import Programs
    from translator.shim.deployers.local.state import State

    return Programs(State(settings.directory), daemon, settings.requirements)


DEPLOYER = Deployer(deploy, check, ignores, administration)
