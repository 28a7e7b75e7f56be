"""Collect metadata: the last value of each key in JSON objects on standard output.

What a command prints is not trusted: NaN, NUL and lone surrogates are taken out, a line longer than the limit of
``translator.shim.process.lines`` is not metadata. No more than ``KEYS`` keys and ``SIZE`` bytes are kept, and no value
that is nested deeper than ``translator.shim.json_values.depth.DEPTH``.
"""

from __future__ import annotations

import json

from translator.shim.json_values.depth import too_deep
from translator.shim.json_values.storable import sane
from translator.shim.process.lines import LINE_LIMIT

KEYS = 1_000
SIZE = 4 << 20

_decoder = json.JSONDecoder()


class Metadata:
    """The metadata of one execution; ``dropped`` tells whether it exceeded the bounds."""

    __slots__ = ("_sizes", "dropped", "values")

    def __init__(self) -> None:
        """Start without metadata."""
        self.values: dict[str, object] = {}
        self.dropped = False
        self._sizes: dict[str, int] = {}

    def take(self, line: bytes, length: int) -> None:
        """Read a line of standard output; the first JSON object of a line counts.

        Args:
            line: the line, or its start.
            length: its real length in bytes.
        """
        if length > LINE_LIMIT:
            return
        line = line.strip()
        if not line.startswith(b"{"):
            return
        try:
            text = line.decode("utf-8")
            document, end = _decoder.raw_decode(text)
        except RecursionError:
            self.dropped = True
            return
        except ValueError:
            return
        if text[end:].lstrip()[:1] not in {"", "{"}:
            return
        for key, value in document.items():
            if too_deep(value):
                self.dropped = True
                continue
            self._keep(key, value, size=len(line))

    def _keep(self, key: str, value: object, size: int) -> None:
        kept = sane({key: value})
        if not isinstance(kept, dict):
            return
        for name, item in kept.items():
            total = sum(self._sizes.values()) - self._sizes.get(name, 0) if size > SIZE // KEYS else 0
            if (name not in self.values and len(self.values) >= KEYS) or total + size > SIZE:
                self.dropped = True
                continue
            self.values[name] = item
            self._sizes[name] = size
