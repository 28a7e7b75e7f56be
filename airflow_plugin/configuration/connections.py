"""Look up Airflow's connections: credentials of stores and servers, addresses of engines and clusters."""

from __future__ import annotations

from translator.shim.contract import Connection


def lookup(name: str) -> Connection | None:
    """Return the connection with that id, from Airflow's secrets backends, environment or database."""
    from airflow.sdk import Connection as AirflowConnection
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.sdk.log import mask_secret

    try:
        connection = AirflowConnection.get(name)
    except AirflowNotFoundException:
        return None
    if connection.password:
        mask_secret(connection.password)
    extra = connection.extra_dejson
    return Connection(
        connection.host,
        connection.login,
        connection.password,
        connection.port,
        extra if isinstance(extra, dict) else {},
    )
