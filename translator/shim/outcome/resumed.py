"""Record which run a run resumes, so that resuming that one, too, keeps what both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.store import StoreError, key_of

if TYPE_CHECKING:
    from translator.shim.store import Store

RESUMES = "resumes.json"
"""The file in a run's directory that names the run that it resumes."""


def write(store: Store, pipeline: str, run: str, resumed: str) -> None:
    """Record which run a run resumes.

    Raises:
        StoreError: the store cannot be written.
    """
    store.write_json(key_of(pipeline, run, name=RESUMES), {"run": resumed})


def read(store: Store, pipeline: str, run: str) -> str | None:
    """Return the run that a run resumes, if it does.

    Raises:
        StoreError: the record cannot be read, or is damaged.
    """
    try:
        document = store.read_json(key_of(pipeline, run, name=RESUMES))
    except FileNotFoundError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("run"), str):
        raise StoreError(f"{store.uri(key_of(pipeline, run, name=RESUMES))} does not name a run")
    return str(document["run"])
