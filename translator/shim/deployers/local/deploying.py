"""Deploy a version behind the front of a directory, whatever runs its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.deployers import Deployed
from translator.shim.deployers.local.serving import serve
from translator.shim.deployers.local.settings import address
from translator.shim.deployers.local.state import State
from translator.shim.deployers.local.supervisor import installed
from translator.shim.deployers.local.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.deployers import Request
    from translator.shim.deployers.local.servers import Servers
    from translator.shim.deployers.local.settings import Settings
    from translator.shim.deployers.local.supervisor import Supervisor


def deploy_behind_front(request: Request, settings: Settings, servers: Callable[[Supervisor], Servers]) -> Deployed:
    """Start the front unless it serves, make a version, and let its aliases point to it.

    Args:
        request: the version.
        settings: the directory, and the address of the front.
        servers: ``servers(daemon)``: returns the servers of its versions.

    Raises:
        DeployError: that cannot be done; nothing of the version remains, and no alias has moved.
    """
    installed(settings.deployer)
    daemon = serve(settings, request.inherited, request.pulse)
    versions = Versions(settings, State(settings.directory), servers(daemon))
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
