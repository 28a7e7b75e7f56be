"""Look up the secrets of steps in Prefect's ``Secret`` blocks."""

from __future__ import annotations

import json
import re

from prefect_plugin.configuration import blocks


def lookup(name: str) -> str | None:
    """Return the value of the ``Secret`` block with that name; blocks spell ``API_TOKEN`` as ``api-token``.

    Raises:
        BlockError: the block cannot be read.
    """
    from prefect.blocks.system import Secret

    block = blocks.load(Secret, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"))
    if block is None:
        return None
    secret = block.get()
    return secret if isinstance(secret, str) else json.dumps(secret)
