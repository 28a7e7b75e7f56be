"""Show names on one line: Prefect sends the flow's name as an HTTP header, and its UI breaks no lines."""

from __future__ import annotations


def flat(name: str) -> str:
    """Return ``name`` on one line, without control characters; the store and ``run.json`` keep the original."""
    return "".join(char if char.isprintable() else " " for char in " ".join(name.split())).strip() or "_"
