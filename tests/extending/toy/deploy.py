"""Deploy files into a directory that a web server serves: a toy deployer."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from translator.shim.contract import Json
from translator.shim.deployers import Deployed, Deployer, DeployError, Request


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """Return what is wrong with the settings."""
    return [f"the deployer toy does not have a setting {name!r}" for name in settings if name != "site"]


def deploy(request: Request) -> Deployed:
    """Copy the files of the endpoints, and let a symbolic link per alias point to them."""
    if "site" not in request.settings or check(request.settings):
        raise DeployError("the deployer toy needs the setting 'site', a directory, and no other")
    site = Path(str(request.settings["site"])) / request.deployment.name
    version = f"{request.id.run}-{request.id.attempt}"
    for endpoint, files in request.files.items():
        for path, staged in files.items():
            request.pulse()
            target = site / version / endpoint / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(staged, target)
    for alias in request.deployment.aliases:
        link = site / f".{alias}"
        link.symlink_to(version)
        link.replace(site / alias)
        request.note(f"{alias} is {version}")
    return Deployed(request.deployment.name, version)


DEPLOYER = Deployer(deploy, check)
