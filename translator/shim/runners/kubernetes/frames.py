"""Build and parse the frames that a worker and the containers of its pod send each other over one connection.

A frame is a letter for its kind, the length of its content as four bytes, and the content.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MESSAGE = b"M"
"""A JSON object: a request, or an event."""
DATA = b"D"
"""A part of an archive."""
END = b"E"
"""The end of an archive."""
OUTPUT, ERRORS = b"O", b"R"
"""What the command printed."""
PULSE = b"P"
"""A sign of life."""

VERSION = 3
"""The version of what is sent; both sides must have the same."""
PART = 1 << 17
"""The bytes of an archive in one frame."""

_HEADER = struct.Struct(">cI")
_LONGEST = 1 << 24
_BATCH = 1 << 20
_Item = TypeVar("_Item")


class FrameError(TranslatorError):
    """A part of a stream that is not a frame."""


def framed(kind: bytes, content: bytes = b"") -> bytes:
    """Return a frame."""
    return _HEADER.pack(kind, len(content)) + content


def message(**values: Any) -> bytes:
    """Return the frame of a message."""
    return framed(MESSAGE, json.dumps(values).encode())


def batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield values of JSON in lists that fit into a message each; none if there are no values."""
    batch: list[_Item] = []
    size = 0
    for item in items:
        length = len(json.dumps(item))
        if batch and size + length > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


@dataclass(slots=True)
class Parser:
    """A stream of frames that comes in parts of any size."""

    _pending: bytearray = field(default_factory=bytearray)

    def feed(self, part: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the kind and the content of each frame that is now whole.

        Raises:
            FrameError: there is no frame.
        """
        self._pending += part
        while len(self._pending) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._pending)
            if length > _LONGEST or kind not in {MESSAGE, DATA, END, OUTPUT, ERRORS, PULSE}:
                raise FrameError(f"not a frame: {bytes(self._pending[:40])!r}")
            end = _HEADER.size + length
            if len(self._pending) < end:
                return
            content = bytes(self._pending[_HEADER.size : end])
            del self._pending[:end]
            yield kind, content
