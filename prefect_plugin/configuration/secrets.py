"""Look up the secrets of steps in Prefect's ``Secret`` blocks."""

from __future__ import annotations

import json
import re
from typing import Any, cast


def lookup(name: str) -> str | None:
    """Return the value of the ``Secret`` block with that name; blocks spell ``API_TOKEN`` as ``api-token``."""
    from prefect.blocks.system import Secret

    block = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    try:
        secret = cast("Secret[Any]", Secret.load(block)).get()
    except ValueError:  # the block does not exist
        return None
    return secret if isinstance(secret, str) else json.dumps(secret)
