"""Deploy as a plan says: the deployer ``planned`` of random pipelines, which the processes of both engines have."""

import json
from pathlib import Path

from translator.shim.deployers import Deployed, Deployer, DeployError, Request


def install(site: Path) -> None:
    """Install this module in a directory of packages."""
    (site / "planned.py").write_text(Path(__file__).read_text())
    info = site / "planned-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planned\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[translator.deployers]\nplanned = planned\n")


def deploy(request: Request) -> Deployed:
    """Write down where the aliases point to, unless the plan of the node's behaviour is that it fails."""
    request.pulse()
    if "FAILS=" in (request.project / "plan" / f"{request.id.node}.sh").read_text().partition("case")[2]:
        raise DeployError("as planned")
    folder = Path(str(request.settings["directory"]))
    folder.mkdir(exist_ok=True)
    file = folder / f"{request.deployment.name}.json"
    version = len(json.loads(file.read_text())) + 1 if file.exists() else 1
    files = {path: staged.read_text() for of in request.files.values() for path, staged in of.items()}
    file.write_text(json.dumps({str(version): {"aliases": list(request.deployment.aliases), "files": files}}))
    return Deployed(request.deployment.name, str(version))


DEPLOYER = Deployer(deploy)
