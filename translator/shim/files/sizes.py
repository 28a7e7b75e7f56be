"""Show sizes of files to people."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_WHOLE = 100


def size(count: int) -> str:
    """Return a number of bytes as text, such as ``640 B``, ``1.5 MiB``, ``312 GiB``."""
    amount, unit = float(count), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{count} B" if not unit else f"{amount:.{1 if amount < _WHOLE else 0}f} {_UNITS[unit]}"
