"""Run the servers of deployments as processes of this machine.

They survive the run and the worker. One front port serves all of them, with the alias in the path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.deployers import Deployed, Deployer
from translator.shim.deployers.local.settings import address, check, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import Deployment, Json
    from translator.shim.deployers import Administration, Request


def deploy(request: Request) -> Deployed:
    """Deploy a version; see ``translator.shim.deployers.Deployer``."""
    from translator.shim.deployers.local import supervisor
    from translator.shim.deployers.local.serving import serve
    from translator.shim.deployers.local.state import State
    from translator.shim.deployers.local.versions import Versions

    settings = read(request.settings)
    supervisor.installed()
    daemon = serve(settings, request.inherited, request.pulse)
    versions = Versions(settings, State(settings.directory), daemon)
    version, aliases = versions.make(request)
    shown = [str(version.number), *aliases]
    base = f"http://{address(settings.host, settings.port)}/{version.deployment}"
    urls = {endpoint: f"{base}/{shown[-1]}/{endpoint}/" for endpoint in version.endpoints}
    for alias in aliases:
        request.note(f"alias {alias} points to version {version.number}")
    for url in urls.values():
        request.note(f"serving at {url}")
    versions.retire(version.deployment, request.note, request.pulse)
    return Deployed(version.deployment, str(version.number), urls)


def ignores(deployment: Deployment) -> Sequence[tuple[str, str]]:
    """Return the keys of endpoints that only containers have, each with its endpoint."""
    keys = ("image", "resources", "node_selector", "tolerations", "workspace_volume", "shared_volumes")
    return [(one.name, key.replace("_", "-")) for one in deployment.endpoints for key in keys if getattr(one, key)]


def administration(settings: Mapping[str, Json]) -> Administration:
    """Return what manages the versions."""
    from translator.shim.deployers.local.administration import LocalAdministration

    return LocalAdministration(read(settings))


DEPLOYER = Deployer(deploy, check, ignores, administration)
