"""Names as Prefect gets them: it sends the flow's name as an HTTP header, and shows all of them on one line."""

from __future__ import annotations


def flat(name: str) -> str:
    """Return ``name`` on one line, without control characters; the store and ``run.json`` keep the original."""
    return "".join(char if char.isprintable() else " " for char in " ".join(name.split())).strip() or "_"
