"""Compare addresses by whole parts: scheme, server or bucket, and the segments of the path.

``s3://bucket/data`` covers ``s3://bucket/data/x``, but neither ``s3://bucket/data-2/x`` nor ``s3://bucket/data*/x``. An
address that a client may read in another way than it is compared here has no parts, so nothing covers it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

HTTP = frozenset({"http", "https"})
_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEPARATORS = re.compile(r"[/\\]")
_CHAIN = "::"
"""What separates the file systems that fsspec chains, such as ``simplecache::s3://bucket/x``."""
_DECODED = 8
"""How often a path may be percent-encoded."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in its parts; ``place`` is the server with its port, or the bucket, and "" in ``s3://``."""

    scheme: str
    place: str
    segments: tuple[str, ...] = ()
    query: str = ""


def parsed(uri: str) -> Address | None:
    """Return the parts of an address; None if they do not say for sure which file it is.

    That is so for control characters, for a path with ``..`` (also percent-encoded), for a URL with a user, and for
    chained file systems of fsspec.
    """
    if "://" not in uri or _CONTROL.search(uri) is not None:
        return None
    scheme, _, rest = uri.partition("://")
    if scheme.lower() in HTTP:
        return _url(uri)
    if _CHAIN in uri:
        return None
    place, _, path = rest.partition("/")  # "?" and "#" are part of a file's name
    return None if _climbs(path) else Address(scheme.lower(), place, _segments(path))


def covers(start: Address | None, address: Address | None) -> bool:
    """Return whether an address begins with whole parts of another; a scheme alone covers all its addresses."""
    if start is None or address is None or start.scheme != address.scheme or not address.place:
        return False
    if not start.place:
        return not start.segments
    if start.place != address.place:
        return False
    if start.query:
        return (start.segments, start.query) == (address.segments, address.query)
    whole = start.segments[:-1] if start.segments[-1:] == ("",) else start.segments
    return address.segments[: len(whole)] == whole


def _url(uri: str) -> Address | None:
    try:
        parts = urlsplit(uri)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None
    if "@" in parts.netloc or _climbs(parts.path):
        return None
    host = (parts.hostname or "").lower()
    return Address(parts.scheme, f"{host}:{port}" if host else "", _segments(parts.path.removeprefix("/")), parts.query)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")) if path else ()


def _climbs(path: str) -> bool:
    """Return whether a server could see ``..`` in a path: some decode twice, and some ignore what follows a ``;``."""
    for _ in range(_DECODED):
        if any(segment.partition(";")[0].strip() == ".." for segment in _SEPARATORS.split(path)):
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
    return True
