"""Choose the artifact store of a flow run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from prefect_plugin.configuration.blocks import ArtifactStore
from translator.shim.contract import StoreAddress

VARIABLE = "TRANSLATOR_STORE"
"""Environment variable with the store's URI, or ``artifact-store/NAME`` for a block."""
BLOCK = "default"
"""Name of the block that is used if neither the environment nor the flow names a store."""
FOLDER = "artifacts"
"""Directory, below the current one, that is used if that block does not exist either."""

_PREFIX = "artifact-store/"


@dataclass(frozen=True, slots=True)
class FlowStore:
    """The artifact store of a flow run, and the block that has its credentials, if there is one."""

    address: StoreAddress
    block: str | None = None


def choose(store: str | None = None, block: str | None = None) -> FlowStore:
    """Return the store: from the environment, else what the flow says, else of the block ``default``, else a directory.

    Args:
        store: the URI that the flow names.
        block: the name of the block that the flow names.

    Raises:
        ValueError: a block that the environment or the flow names does not exist.
    """
    configured = os.environ.get(VARIABLE, "")
    if configured.startswith(_PREFIX):
        return _of_block(configured.removeprefix(_PREFIX))
    if configured:
        return FlowStore(StoreAddress(configured if "://" in configured else str(Path(configured).resolve())))
    if block is not None:
        return _of_block(block, store)
    if store is not None:
        return FlowStore(StoreAddress(store))
    try:
        return _of_block(BLOCK)
    except ValueError:
        return FlowStore(StoreAddress(str(Path(FOLDER).resolve())))


def with_credentials(uri: str, block: str) -> StoreAddress:
    """Return the address of a store with the credentials of a block; an empty name stands for none.

    Raises:
        ValueError: the block does not exist.
    """
    return _of_block(block, uri).address if block else StoreAddress(uri)


def _of_block(name: str, uri: str | None = None) -> FlowStore:
    """Return the store of a block, at ``uri`` if it is given."""
    block = cast("ArtifactStore", ArtifactStore.load(name))
    options = block.storage_options.get_secret_value() if block.storage_options is not None else {}
    return FlowStore(StoreAddress(uri or block.uri, options), name)
