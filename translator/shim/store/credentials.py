"""Turn a connection of the engine into options with which fsspec opens a store."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.shim.contract import Connection, Json

_AZURE = ("account_name", "account_key")
_LOGINS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"s3": ("key", "secret"), "s3a": ("key", "secret"), "abfs": _AZURE, "abfss": _AZURE, "az": _AZURE}
)
"""By kind of store, the names by which fsspec knows the login and the password."""
_OPTIONS = "storage_options"
"""The key of a connection's extra with options of fsspec."""


def options_of(uri: str, connection: Connection) -> Mapping[str, Json]:
    """Return the options of fsspec for a store whose credentials are in a connection of the engine.

    Args:
        uri: the store.
        connection: the connection; ``storage_options`` of its extra are passed on as they are.
    """
    kind = uri.partition("://")[0]
    login, password = _LOGINS.get(kind, ("username", "password"))
    options: dict[str, Json] = {login: connection.login, password: connection.password}
    if kind in {"s3", "s3a"}:
        # These are the keys of Airflow's own AWS connections.
        options["token"] = connection.extra.get("aws_session_token")
        options["endpoint_url"] = connection.extra.get("endpoint_url")
        if region := connection.extra.get("region_name"):
            options["client_kwargs"] = {"region_name": region}
    more = connection.extra.get(_OPTIONS)
    set_options = {name: value for name, value in options.items() if value is not None}
    return {**set_options, **more} if isinstance(more, Mapping) else set_options
