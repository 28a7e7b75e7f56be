"""List the outputs that an attempt has published before its command ended, beside its manifest to come.

The manifest lists all outputs of an attempt. An attempt without one, because it still runs or its worker was killed,
has this list if its command has made files read-only (``translator.shim.execution.live_outputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.store import records
from translator.shim.store.base import StoreError
from translator.shim.store.keys import UPLOADS, try_key
from translator.shim.store.manifest import checked, identity_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.shim.contract import ExecutionId, FileRecord
    from translator.shim.store.base import Store


def write(store: Store, identity: ExecutionId, files: Sequence[FileRecord]) -> None:
    """Write the list of an attempt.

    Args:
        store: the store.
        identity: the attempt.
        files: what it has published so far, in this order; a file keeps its place when another replaces it.

    Raises:
        StoreError: the store cannot be written.
    """
    outputs = [records.to_json(file, store.root) for file in files]
    store.write_json(try_key(identity, UPLOADS), {**identity_to_json(identity), "outputs": outputs})


def read(store: Store, folder: str) -> list[FileRecord]:
    """Return the list of an attempt, empty if there is none.

    Args:
        store: the store.
        folder: the key of the attempt's directory.

    Raises:
        StoreError: it cannot be read, or is not such a list.
    """
    key = f"{folder}/{UPLOADS}"
    try:
        document = store.read_json(key)
    except FileNotFoundError:
        return []
    try:
        return [
            records.from_json(checked(dict, file), store.root)
            for file in checked(list, checked(dict, document).get("outputs"))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{store.uri(key)} is not a list of outputs: {error}") from error
