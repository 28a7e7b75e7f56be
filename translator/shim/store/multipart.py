"""Move large files to and from S3 in parts, several at once: fsspec's open files move one after another."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections import deque
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from translator.shim.files import abandon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from pathlib import Path

PART = 8 << 20
"""The size of a part, in bytes; larger if there would be too many. S3 accepts parts from 5 MiB, and 10,000 of them."""
AT_ONCE = 4
"""How many parts are sent at once, at most."""
MEMORY = 64 << 20
"""What parts may take of the memory together, in bytes; a single part is larger if the file has more than 560 GiB."""
_MOST = 9_000


def is_worth_it(system: Any, size: int) -> bool:
    """Return whether a file system takes files in parts, and a file of ``size`` bytes has several."""
    protocol = getattr(system, "protocol", ())
    speaks_s3 = "s3" in ((protocol,) if isinstance(protocol, str) else protocol)
    return speaks_s3 and hasattr(system, "call_s3") and size > 2 * PART


def begin(system: Any, path: str) -> dict[str, Any]:
    """Begin to upload a file; return what S3 knows the upload by.

    Args:
        system: S3, as fsspec's file system.
        path: where to.
    """
    bucket, key, _ = system.split_path(path)
    place = {"Bucket": bucket, "Key": key}
    return {**place, "UploadId": system.call_s3("create_multipart_upload", **place)["UploadId"]}


def abort(system: Any, place: dict[str, Any]) -> None:
    """Remove the parts of an upload; those on their way may still arrive, so abort again after them.

    Args:
        system: S3, as fsspec's file system.
        place: the upload.
    """
    with contextlib.suppress(Exception):
        system.call_s3("abort_multipart_upload", **place)


def upload(source: Path, system: Any, place: dict[str, Any], moved: Callable[[], None]) -> tuple[int, str]:
    """Upload a file; return its size and its SHA-256. An incomplete upload is aborted.

    Args:
        source: the file.
        system: S3, as fsspec's file system.
        place: the upload, which has begun.
        moved: called before the first part and after each; what it raises ends the upload.

    Raises:
        Exception: the file system's own.
    """
    digest = hashlib.sha256()
    size = 0
    parts: list[dict[str, Any]] = []
    sending: deque[Future[dict[str, Any]]] = deque()
    try:
        moved()
        with source.open("rb") as file:
            length = max(PART, math.ceil(source.stat().st_size / _MOST))
            at_once = max(1, min(AT_ONCE, MEMORY // length))
            while True:
                if len(sending) == at_once:  # before the next part is in memory
                    parts.append(sending.popleft().result())
                    moved()
                if not (block := file.read(length)):
                    break
                number = len(parts) + len(sending) + 1
                sending.append(abandon.begin(partial(_send, system, place, number, block), name="part"))
                digest.update(block)
                size += len(block)
        while sending:
            parts.append(sending.popleft().result())
            moved()
        system.call_s3("complete_multipart_upload", **place, MultipartUpload={"Parts": parts})
    except BaseException:
        wait(sending)  # a part that arrives later would stay
        abort(system, place)
        raise
    return size, digest.hexdigest()


def _send(system: Any, place: dict[str, Any], number: int, block: bytes) -> dict[str, Any]:
    answer = system.call_s3("upload_part", **place, PartNumber=number, Body=block)
    # If a part has a checksum, whose algorithm deployments choose, S3 requires it again to complete the upload.
    checksums = {name: of for name, of in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}


@dataclass(slots=True)
class Parts:
    """A file of S3 open for reading, whose next parts are on their way while one is used.

    Nothing makes sure that all parts are of one version of the file: check its digest.

    Args:
        system: S3, as fsspec's file system.
        path: of the file.
        details: what S3 says of the file, as fsspec's open files have it.
    """

    system: Any
    path: str
    details: Mapping[str, Any]
    _next: int = 0
    _coming: deque[Future[bytes]] = field(default_factory=deque)
    _part: memoryview = field(default_factory=lambda: memoryview(b""))

    @classmethod
    def opened(cls, system: Any, path: str) -> Parts:
        """Open a file.

        Raises:
            Exception: the file system's own.
        """
        return cls(system, path, system.info(path))

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do not wait for parts on their way."""

    def seek(self, position: int) -> None:
        """Choose the first byte to read, before reading begins."""
        self._next = position

    def read(self, most: int) -> memoryview:
        """Return the next bytes, at least one and at most ``most``; none at the end of the file.

        Raises:
            Exception: the file system's own.
        """
        size = int(self.details["size"])
        while len(self._coming) < AT_ONCE and self._next < size:
            end = min(self._next + PART, size)
            fetch = partial(_fetch, self.system, self.path, self._next, end)
            self._coming.append(abandon.begin(fetch, name="part"))
            self._next = end
        if not self._part and self._coming:
            self._part = memoryview(self._coming.popleft().result())
        block, self._part = self._part[:most], self._part[most:]
        return block


def _fetch(system: Any, path: str, start: int, end: int) -> bytes:
    content: bytes = system.cat_file(path, start=start, end=end)
    return content
