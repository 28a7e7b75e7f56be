"""Look up connections outside tasks, where Airflow's database is within reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_plugin.configuration.connections import described

if TYPE_CHECKING:
    from translator.shim.contract import Connection


def lookup(name: str) -> Connection | None:
    """Return the connection with that id, from Airflow's secrets backends, environment or database."""
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # 3.1 has it here only
    from airflow.models import Connection as StoredConnection

    try:
        # That of the SDK does not read the database.
        return described(StoredConnection.get_connection_from_secrets(name))  # noqa: AIR311
    except AirflowNotFoundException:
        return None
