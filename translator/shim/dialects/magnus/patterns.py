"""Match the glob patterns of catalogs as ``Path.glob`` does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a catalog pattern: ``*`` and ``?`` match within a directory, ``**`` any number of directories.

    Raises:
        ValueError: the pattern is none.
    """
    if pattern.startswith("/") or not pattern:
        raise ValueError(f"the catalog's pattern {pattern!r} is not relative to the project")
    parts = []
    for token in re.split(r"(\*\*/|\*|\?|\[!?[^\]]+\])", pattern.removeprefix("./")):
        match token:
            case "**/":
                parts.append(r"(?:[^/]+/)*")
            case "*":
                parts.append(r"[^/]*")
            case "?":
                parts.append(r"[^/]")
            case _ if token.startswith("[") and token.endswith("]"):
                parts.append(token.replace("[!", "[^"))
            case _:
                parts.append(re.escape(token))
    return re.compile("".join(parts), re.DOTALL)


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files in ``folder`` that match ``pattern``, sorted by name.

    Raises:
        ValueError: the pattern is none.
    """
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except (NotImplementedError, ValueError, IndexError) as error:
        raise ValueError(f"the catalog's pattern {pattern!r} is not relative to the project: {error}") from None
