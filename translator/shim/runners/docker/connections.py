"""Look up the connections that the settings of the runner name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.runners import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Connection

_REMEDY = "create it in Airflow (Admin > Connections) or as a Secret or JSON block in Prefect, or correct its name"


def find(name: str, lookup: Callable[[str], Connection | None]) -> Connection:
    """Return a connection of the engine.

    Args:
        name: its name.
        lookup: asks the engine for it.

    Raises:
        RunnerError: it does not exist.
    """
    connection = lookup(name)
    if connection is None:
        raise RunnerError(f"the connection {name!r} of the docker runner does not exist: {_REMEDY}")
    return connection
