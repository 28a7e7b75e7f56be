"""Turn a connection of the engine into options with which fsspec opens a store."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from translator.shim.contract import Connection, Json

_S3 = frozenset({"s3", "s3a"})
_GCS = frozenset({"gs", "gcs"})
_AZURE = frozenset({"abfs", "abfss", "az", "azure"})
_NAMED_ACCOUNT = re.compile(r"azure://|[a-z]+://[^/]*[@.]")
"""The start of an address of Azure that has the account itself."""
_OPTIONS = "storage_options"
"""The key of a connection's extra with options of fsspec."""


def options_of(uri: str, connection: Connection) -> Mapping[str, Json]:
    """Return the options of fsspec for a store whose credentials are in a connection of the engine.

    Args:
        uri: the store.
        connection: the connection; ``storage_options`` of its extra are passed on as they are.
    """
    kind = uri.partition("://")[0].lower()
    more = connection.extra.get(_OPTIONS)
    options = {name: value for name, value in _of_kind(kind, uri, connection).items() if value is not None}
    return {**options, **more} if isinstance(more, Mapping) else options


def _of_kind(kind: str, uri: str, connection: Connection) -> dict[str, Json]:
    """Return the options for a kind of store; the keys of the extra are those of Airflow's own connections."""
    login, password, extra = connection.login, connection.password, connection.extra
    if kind in _S3:
        region = extra.get("region_name")
        return {
            "key": login,
            "secret": password,
            "token": extra.get("aws_session_token"),
            "endpoint_url": extra.get("endpoint_url"),
            "client_kwargs": {"region_name": region} if region else None,
        }
    if kind in _AZURE:
        return {
            "account_name": login if _NAMED_ACCOUNT.match(uri.lower()) is None else None,
            "account_key": password,
            "sas_token": extra.get("sas_token"),
            "connection_string": extra.get("connection_string"),
        }
    if kind in _GCS:
        key = extra.get("keyfile_dict") or extra.get("key_path")
        return {"token": _parsed(key), "project": extra.get("project")}
    return {"username": login, "password": password}


def _parsed(key: Json) -> Json:
    """Return the key of a service account: a path or a table, which may be written as JSON."""
    if isinstance(key, str) and key.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            return cast("Json", json.loads(key))
    return key or None
