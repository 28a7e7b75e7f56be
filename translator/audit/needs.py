"""List what has to be provided before a pipeline runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.audit.model import Needs
from translator.launch_inputs import required
from translator.nodes import walk_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator import ir

_INSTALLS = re.compile(
    r"\b(apt-get|apt|conda|mamba|pip3?|uv|poetry|pipenv|npm)\s(?:-\S+\s)*(?:pip\s+)?(?:install|sync|add)\b"
)
_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^/{*?]*)")


def needs_of(pipeline: ir.Pipeline) -> Needs:
    """Return what has to be provided for a pipeline: by its steps, their inputs and the places that they request."""
    steps = [node.step for _, node in walk_steps(pipeline.graph)]
    requests = [step.request for step in steps]
    return Needs(
        images=_sorted(step.image for step in steps if step.image),
        variables=_sorted(name for step in steps for name in step.required_environment),
        secrets=_sorted(name for step in steps for name in (*step.secrets, *step.secret_variables.values())),
        inputs=_sorted(one.name for one in required(pipeline)),
        data=_sorted(_places(steps)),
        environments=_sorted(
            name for request in requests for name in (request.environment, request.preset, *request.groups) if name
        ),
        mounts=_sorted(mount.source for request in requests for mount in request.mounts),
        packages=_sorted(match[1] for step in steps for match in _INSTALLS.finditer("\n".join(step.command))),
    )


def _places(steps: Iterable[ir.Step]) -> Iterator[str]:
    """Yield the servers and buckets that inputs are read from."""
    for step in steps:
        for step_input in step.inputs:
            for uri in step_input.default:
                if (match := _ADDRESS.match(uri)) and not uri.startswith("file:"):
                    yield _without_credentials(match[1])


def _without_credentials(place: str) -> str:
    scheme, _, host = place.partition("://")
    return f"{scheme}://{host.rpartition('@')[2]}"


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
