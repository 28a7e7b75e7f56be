"""Name the places in a store: keys of runs, nodes, executions, attempts and their files.

Layout, with names that people can read, because they look here for their model::

    <store>/<pipeline>/<run>/<node>/<index>/try-<n>/outputs/<path>
    <store>/<pipeline>/<run>/<node>/<index>/try-<n>/started.json     written first: this try has begun
    <store>/<pipeline>/<run>/<node>/<index>/try-<n>/log.txt          what it printed, as it comes
    <store>/<pipeline>/<run>/<node>/<index>/try-<n>/manifest.json    written last: without it the outputs do not exist
    <store>/<pipeline>/<run>/<node>/group-<n>/                        of a distributed task: ``shim.distributed.group``
    <store>/<pipeline>/<run>/run.json

A try is never written twice: an execution that finds its try taken takes the next number. Names of pipelines, runs and
nodes become path segments by ``segment``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from translator.shim.contract import ExecutionId

SEGMENT_LENGTH = 100
MANIFEST = "manifest.json"
STARTED = "started.json"
OUTPUTS = "outputs"
LOG = "log.txt"
REJECTED = "rejected.json"
"""The mark of an attempt that a person set to failed, although its command was complete."""
UPLOADS = "uploads.json"
"""The outputs that an attempt has published before its command ended."""
CLAIMED = "claimed-"
"""The prefix of files with which a worker claims a try, in stores that need them."""
RUN = "run.json"

_NOT_SEGMENT = re.compile(r"[^A-Za-z0-9_.-]+")
TRY_FILE = re.compile(r"(?P<node>[^/]+)/(?P<index>[0-9]{1,9})/try-(?P<attempt>[0-9]{1,9})/(?P<file>[^/]+)")
_ATTEMPT = re.compile(r"try-([0-9]{1,9})")


def segment(name: str) -> str:
    """Turn a name into one path segment.

    1 to 100 characters of ``A-Z a-z 0-9 _ . -`` that start and end with neither ``.`` nor ``-`` stay as they are. Other
    names are decomposed (NFKD), lose invalid characters, and get ``-`` and 6 hexadecimal digits of their SHA-256, so
    that names that differ only by punctuation do not share a directory.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    text = _NOT_SEGMENT.sub("-", plain).strip("-.")[:SEGMENT_LENGTH].strip("-.")
    if text and text == name:
        return name
    return f"{text or 'node'}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def key_of(  # noqa: PLR0913, PLR0917 - a path has as many parts
    pipeline: str,
    run: str,
    node: str | None = None,
    index: int | None = None,
    attempt: int | None = None,
    name: str | None = None,
) -> str:
    """Return the key (path in the store) of a run, node, execution, attempt, or of a file there."""
    parts = [segment(pipeline), segment(run)]
    if node is not None:
        parts.append(segment(node))
        if index is not None:
            parts.append(str(index))
            if attempt is not None:
                parts.append(f"try-{attempt}")
    if name is not None:
        parts.append(name)
    return "/".join(parts)


def try_key(identity: ExecutionId, name: str | None = None) -> str:
    """Return the key of an attempt, or of a file in its directory."""
    return key_of(identity.pipeline, identity.run, identity.node, identity.index, identity.attempt, name)


def attempts(names: Iterable[str]) -> list[int]:
    """Return the numbers of the tries whose directories have these names."""
    return [int(match[1]) for name in names if (match := _ATTEMPT.fullmatch(name))]
