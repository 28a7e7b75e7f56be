"""List what has to be provided before a pipeline runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from translator.audit.model import Needs
from translator.ir import EdgeKind
from translator.launch_inputs import required
from translator.nodes import walk_steps
from translator.shim.catalogue.names import kind_of
from translator.shim.masking.uris import flaw, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator import ir

_INSTALLS = re.compile(
    r"\b(apt-get|apt|conda|mamba|pip3?|uv|poetry|pipenv|npm)\s(?:-\S+\s)*(?:pip\s+)?(?:install|sync|add)\b"
)
_FILLED_IN = re.compile(r"[{*].*", re.DOTALL)


def needs_of(pipeline: ir.Pipeline) -> Needs:
    """Return what has to be provided for a pipeline: by its steps, their inputs and the places that they request."""
    nodes = [node for _, node in walk_steps(pipeline.graph)]
    steps = [node.step for node in nodes]
    by_edge = {(e.target.node, e.target.key) for e in pipeline.edges if e.target.kind is EdgeKind.ENVIRONMENT_VARIABLE}
    requests = [step.request for step in steps]
    return Needs(
        images=_sorted(step.image for step in steps if step.image),
        variables=_sorted(
            name for node in nodes for name in node.step.required_environment if (node.name, name) not in by_edge
        ),
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
    """Yield the servers and buckets that inputs are read from, and the names of data."""
    for step in steps:
        for step_input in step.inputs:
            for uri in step_input.default:
                place = uri if kind_of(uri) is not None else _place(uri)
                if place is not None:
                    yield place


def _place(uri: str) -> str | None:
    """Return the server or bucket of a URI; None without one, or if what looks like one may be part of a password."""
    if "://" not in uri or flaw(uri) is not None:
        return None
    parts = urlsplit(redact(uri))
    if ":" in parts.netloc and "@" not in parts.netloc and "@" in uri and not parts.netloc.startswith("arn:"):
        return None  # in "https://bob:12/ss@host", "12" is not a port
    host = _FILLED_IN.sub("", parts.netloc.rpartition("@")[2])
    return f"{parts.scheme}://{host}" if parts.scheme and host and parts.scheme != "file" else None


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(map(redact, names))))
