"""Look up the secrets of steps in Airflow's variables and connections.

Airflow searches its secrets backends (such as a vault), its environment and its database, in that order.
"""

from __future__ import annotations


def mask(value: str) -> None:
    """Hide a value in the logs of the task."""
    from airflow.sdk.log import mask_secret

    mask_secret(value)


def lookup(name: str) -> str | None:
    """Return the value of the variable ``name``, else the password or the URI of the connection."""
    from airflow.exceptions import AirflowNotFoundException  # type: ignore[attr-defined]  # 3.1 has it here only
    from airflow.sdk import Connection, Variable

    secret = Variable.get(name, default=None)
    if secret is None:
        try:
            connection = Connection.get(name)
        except AirflowNotFoundException:
            return None
        secret = connection.password or connection.get_uri()
    value = secret if isinstance(secret, str) else str(secret)
    mask(value)
    return value
