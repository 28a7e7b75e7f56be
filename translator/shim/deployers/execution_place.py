"""Deploy in place of the command of an execution."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.shim import deployers
from translator.shim.deployers import DeployError, Request
from translator.shim.process.supervise import Ended
from translator.shim.runners import Place
from translator.shim.runners import Request as PlaceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.process.supervise import Limits


@contextmanager
def open_place(request: PlaceRequest) -> Iterator[Place]:
    """Return the place of an execution that deploys: what runs there is the deployer, in this process."""
    yield Place(request.space, dict(request.inherited), _Run(request), sys.executable)


@dataclass(frozen=True, slots=True)
class _Run:
    """A function that deploys, as ``translator.shim.runners.Run`` runs a command."""

    request: PlaceRequest

    def __call__(  # noqa: PLR0913 - what a process has
        self,
        arguments: Sequence[str],  # noqa: ARG002 - a deployment has no command
        *,
        folder: Path,  # noqa: ARG002
        environment: Mapping[str, str],  # noqa: ARG002
        output: Callable[[bytes], None],
        errors: Callable[[bytes], None],  # noqa: ARG002
        limits: Limits,  # noqa: ARG002
        should_stop: Callable[[], str | None],  # noqa: ARG002 - the pulse asks, too
    ) -> Ended:
        """Deploy; what the deployer says, and at the end the ids as metadata, is the output.

        Raises:
            DeployError: the version cannot be deployed.
        """
        request, step = self.request, self.request.step
        if step.deployment is None:
            raise DeployError(f"step {step.name!r} has nothing to deploy")
        name = step.runner.name if step.runner is not None else deployers.DEFAULT

        def note(line: str) -> None:
            output(f"{line}\n".encode())

        deployed = deployers.load(name).deploy(
            Request(
                deployment=step.deployment,
                id=request.id,
                project=request.project,
                without=request.store,
                files={endpoint.name: _files(request, endpoint.name) for endpoint in step.deployment.endpoints},
                settings=request.settings,
                environment=step.environment,
                inherited=request.inherited,
                note=note,
                pulse=request.pulse,
                connection=request.connection,
            )
        )
        note(json.dumps({"id": deployed.id, "version_id": deployed.version}))
        return Ended("exit", 0)


def _files(request: PlaceRequest, endpoint: str) -> dict[str, Path]:
    """Return the staged files of an endpoint by their paths below its working directory.

    Raises:
        DeployError: an edge brought several files for one.
    """
    files: dict[str, Path] = {}
    deployment = request.step.deployment
    for one in deployment.endpoints if deployment is not None else ():
        for name, path in one.files.items() if one.name == endpoint else ():
            staged = request.space.inputs / f"{endpoint}.{name}"
            names = sorted(os.listdir(staged)) if staged.is_dir() else []  # noqa: PTH208 - names only
            if len(names) > 1:
                raise DeployError(
                    f"the edges bring {len(names)} files for {name!r} of endpoint {endpoint!r}, which is one file: "
                    f"{', '.join(names[:5])}"
                )
            if names:
                files[path] = staged / names[0]
    return files
