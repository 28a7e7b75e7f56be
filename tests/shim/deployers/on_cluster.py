"""Deploy with the deployer ``kubernetes`` in tests; as a program, in a process that a test kills.

``on_cluster.py FOLDER IMAGE NAMESPACE NAME MODEL`` deploys two endpoints.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim import deployers
from translator.shim.contract import Deployment, Endpoint, ExecutionId
from translator.shim.deployers import Deployed, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SERVES = "exec python3 -m http.server 8000"
TIMEOUT = 120


@dataclass
class Deploying:
    """A project that is deployed to a namespace."""

    folder: Path
    image: str = "image"
    name: str = "digits"
    settings: dict[str, Any] = field(default_factory=dict)
    note: Callable[[str], None] = lambda _: None
    pulse: Callable[[], None] = lambda: None

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def prepare(self) -> None:
        self.project.mkdir()
        (self.project / "code.txt").write_text("code")

    def request(
        self,
        command: str = SERVES,
        model: str = "",
        *,
        aliases: Sequence[str] = ("live",),
        endpoints: Sequence[str] = ("predict",),
        environment: Mapping[str, str] | None = None,
        **endpoint: Any,
    ) -> Request:
        staged = self.folder / f"staged-{model}.txt"
        staged.write_text(model)
        options = {"image": self.image, "server_command": [command], "files": {"model": "in/model.txt"}, **endpoint}
        return Request(
            deployment=Deployment(self.name, [Endpoint(one, **options) for one in endpoints], aliases),
            id=ExecutionId("a pipeline", "run/1", "deploy"),
            project=self.project,
            without=None,
            files={one: {"in/model.txt": staged} for one in endpoints},
            settings=self.settings,
            environment=environment or {},
            inherited={},
            note=self.note,
            pulse=self.pulse,
            connection=lambda _: None,
        )

    def deploy(self, *arguments: Any, **more: Any) -> Deployed:
        return deployers.load("kubernetes").deploy(self.request(*arguments, **more))

    def versions(self) -> list[deployers.Version]:
        return [one for one in self.administration.versions() if one.deployment == self.name]

    @property
    def administration(self) -> deployers.Administration:
        administration = deployers.load("kubernetes").administration
        assert administration is not None
        return administration(self.settings, lambda _: None)


def on_cluster(folder: Path, image: str, namespace: str, name: str) -> Deploying:
    return Deploying(folder, image, name, {"pull": "never", "timeout": TIMEOUT, "namespace": namespace})


if __name__ == "__main__":
    directory, *place, text = sys.argv[1:]
    deploying = on_cluster(Path(directory), *place)
    deploying.note = functools.partial(print, flush=True)
    deploying.deploy(model=text, endpoints=["predict", "explain"])
