"""Choose the artifact store of a flow run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from prefect_plugin.blocks import ArtifactStore

VARIABLE = "TRANSLATOR_STORE"
"""Environment variable with the store's URI, or ``artifact-store/NAME`` for a block."""
BLOCK = "default"
"""Name of the block that is used if the environment names no store."""
FOLDER = "artifacts"
"""Directory, below the current one, that is used if that block does not exist either."""

_PREFIX = "artifact-store/"


def choose() -> str:
    """Return the URI of the store: from the environment, else of the block ``default``, else of a directory.

    Raises:
        ValueError: the environment names a block that does not exist.
    """
    configured = os.environ.get(VARIABLE, "")
    if configured.startswith(_PREFIX):
        return _block(configured.removeprefix(_PREFIX)).uri
    if configured:
        return configured if "://" in configured else str(Path(configured).resolve())
    try:
        return _block(BLOCK).uri
    except ValueError:
        return str(Path(FOLDER).resolve())


def _block(name: str) -> ArtifactStore:
    return cast("ArtifactStore", ArtifactStore.load(name))
