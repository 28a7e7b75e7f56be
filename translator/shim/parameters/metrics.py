"""Show the metadata of an execution to people, in a few words."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from translator.shim.parameters.grid import label

if TYPE_CHECKING:
    from collections.abc import Mapping


def metrics(metadata: Mapping[str, object], most: int) -> str:
    """Return the first values that fit on a line as text, ``loss=0.1, step=4``, up to ``most`` of them."""
    plain = {name: value for name, value in metadata.items() if isinstance(value, (str, int, float))}
    return label(dict(islice(plain.items(), most))) + (", ..." if len(plain) > most else "")
