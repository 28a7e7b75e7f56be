"""Look up Airflow's connections: credentials of stores and servers, addresses of engines and clusters."""

from __future__ import annotations

from typing import Any

from translator.shim.contract import Connection


def lookup(name: str) -> Connection | None:
    """Return the connection with that id, from Airflow's secrets backends, environment or database."""
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # 3.1 has it here only
    from airflow.sdk import Connection as AirflowConnection
    from airflow.sdk.log import mask_secret

    try:
        connection = AirflowConnection.get(name)
    except AirflowNotFoundException:
        return None
    if connection.password:
        mask_secret(connection.password)
    return described(connection)


def described(connection: Any) -> Connection:
    """Return a connection of Airflow as this package describes it."""
    extra = connection.extra_dejson
    return Connection(
        connection.host,
        connection.login,
        connection.password,
        connection.port,
        extra if isinstance(extra, dict) else {},
    )
