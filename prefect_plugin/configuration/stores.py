"""Choose the artifact store of a flow run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prefect_plugin.configuration import blocks
from prefect_plugin.configuration.blocks import ArtifactStore
from prefect_plugin.exceptions import BlockError
from translator.shim import variables
from translator.shim.contract import StoreAddress

BLOCK = "default"
"""Name of the block that is used if neither the environment nor the flow names a store."""
FOLDER = "artifacts"
"""Directory, below the current one, that is used if that block does not exist either."""

_PREFIX = "artifact-store/"
"""The start of a store in the environment that is a block."""


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
        BlockError: a block that the environment or the flow names does not exist, or cannot be read.
    """
    configured = os.environ.get(variables.STORE, "")
    if configured.startswith(_PREFIX):
        name = configured.removeprefix(_PREFIX)
        return _flow_store(name, _required(name, f"change {variables.STORE}"))
    if configured:
        return FlowStore(StoreAddress(configured if "://" in configured else str(Path(configured).resolve())))
    if block is not None:
        return _flow_store(block, _required(block, "change store_block in translator.toml"), store)
    if store is not None:
        return FlowStore(StoreAddress(store))
    default = blocks.load(ArtifactStore, BLOCK)
    return FlowStore(StoreAddress(str(Path(FOLDER).resolve()))) if default is None else _flow_store(BLOCK, default)


def with_credentials(uri: str, block: str) -> StoreAddress:
    """Return the address of a store with the credentials of a block; an empty name stands for none.

    Raises:
        BlockError: the block does not exist, or cannot be read.
    """
    if not block:
        return StoreAddress(uri)
    return _flow_store(block, _required(block, "run the flow again with another block"), uri).address


def _required(name: str, alternative: str) -> ArtifactStore:
    """Return the block with that name; ``alternative`` says how to use another one."""
    block = blocks.load(ArtifactStore, name)
    if block is None:
        message = f"{blocks.title(ArtifactStore, name)} does not exist"
        raise BlockError(message, f"create it in Prefect (Blocks, Artifact Store), or {alternative}")
    return block


def _flow_store(name: str, block: ArtifactStore, uri: str | None = None) -> FlowStore:
    """Return the store of a block, at ``uri`` if it is given."""
    options = block.storage_options.get_secret_value() if block.storage_options is not None else {}
    return FlowStore(StoreAddress(uri or block.uri, options), name)
