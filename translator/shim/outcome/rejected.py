"""Mark complete executions that a person set to failed in an engine: no other run must have their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.store import MANIFEST
from translator.shim.store.keys import REJECTED

if TYPE_CHECKING:
    from translator.shim.store import Store


def is_marked(store: Store, uri: str) -> bool:
    """Return whether an execution is marked.

    Args:
        store: the store.
        uri: that of its manifest.

    Raises:
        StoreError: the store cannot be read.
    """
    try:
        return bool(store.read(_place(store, uri)))
    except FileNotFoundError:
        return False


def mark(store: Store, uri: str) -> None:
    """Mark an execution; arguments as of ``is_marked``.

    Raises:
        StoreError: the store cannot be written.
    """
    store.write_json(_place(store, uri), {"marked": "failed"})


def unmark(store: Store, uri: str) -> None:
    """Take the mark from an execution; arguments as of ``is_marked``.

    Raises:
        StoreError: the store cannot be written.
    """
    store.remove(_place(store, uri))


def _place(store: Store, uri: str) -> str:
    return f"{store.key(uri).removesuffix(MANIFEST)}{REJECTED}"
