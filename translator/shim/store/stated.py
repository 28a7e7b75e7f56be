"""Read what a store states of a file: its size, its version, and its digest if it has one.

GCS states the MD5 of most files, Azure that of those uploaded in one piece or with one, and S3 a SHA-256 of those that
were uploaded with one. An ETag of S3 is not taken for a digest: of encrypted files and of those uploaded in parts, it
is not the MD5 of the content.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from translator.shim.files.resumable import from_base64

_VERSIONS = ("generation", "VersionId", "ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
"""The facts that differ between two versions of a file, by the names of several file systems."""
_FULL = "FULL_OBJECT"


@dataclass(frozen=True, slots=True)
class Stated:
    """The facts of a file: ``version`` differs if it has changed, ``digests`` are hexadecimal by algorithm."""

    size: int | None = None
    version: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = Stated()


def of_file(system: Any, path: str, opened: Any) -> Stated:
    """Return what a store states of a file that has been opened.

    Args:
        system: the file system of fsspec.
        path: of the file.
        opened: the file, which may know already what the store says of it.

    Raises:
        Exception: the store's own, if it does not answer.
    """
    facts = _facts(opened)
    stated = of_facts(facts if facts is not None else system.info(path))
    if _speaks_s3(system) and (sha256 := _sha256(system, path)) is not None:
        return Stated(stated.size, stated.version, {"sha256": sha256})
    return stated


def of_open_file(opened: Any) -> Stated:
    """Return what an open file knows of itself."""
    facts = _facts(opened)
    return UNKNOWN if facts is None else of_facts(facts)


def of_facts(facts: Mapping[str, Any]) -> Stated:
    """Return the facts of a file from those that fsspec has (``info``)."""
    size = facts.get("size")
    known = [f"{name}={facts[name]}" for name in _VERSIONS if facts.get(name)]
    version = " ".join((f"size={size}", *known)) if known else None
    if str(facts.get("contentEncoding") or "identity").lower() != "identity":
        return Stated(version=version)  # GCS may decompress it, and states the size and the digest before that
    md5 = from_base64(facts.get("md5Hash"), "md5") or _azure_md5(facts.get("content_settings"))
    return Stated(size if isinstance(size, int) else None, version, {"md5": md5} if md5 else {})


def _facts(opened: Any) -> Mapping[str, Any] | None:
    try:
        facts = opened.details
    except AttributeError:
        return None
    return facts if isinstance(facts, Mapping) else None


def _azure_md5(settings: Any) -> str | None:
    md5 = settings.get("content_md5") if isinstance(settings, Mapping) else getattr(settings, "content_md5", None)
    return bytes(md5).hex() if isinstance(md5, (bytes, bytearray)) and len(md5) == 16 else None  # noqa: PLR2004


def _speaks_s3(system: Any) -> bool:
    protocol = getattr(system, "protocol", ())
    return "s3" in ((protocol,) if isinstance(protocol, str) else protocol) and hasattr(system, "call_s3")


def _sha256(system: Any, path: str) -> str | None:
    """Return the SHA-256 that S3 states of a whole file; None without one, also if it cannot be asked."""
    with contextlib.suppress(Exception):
        bucket, key, version = system.split_path(path)
        more = {"VersionId": version} if version else {}
        answer = system.call_s3("head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED", **more)
        if answer.get("ChecksumType", _FULL) == _FULL:
            return from_base64(answer.get("ChecksumSHA256"), "sha256")
    return None
