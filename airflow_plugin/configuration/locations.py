"""Find a run's artifact store, project and name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from airflow_plugin.configuration import connections
from translator.shim import variables
from translator.shim.masking.uris import redact
from translator.shim.store import StoreAddress, StoreError
from translator.shim.store.credentials import options_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTION = "pipeline_translator"


def store_address(default_args: Mapping[str, Any]) -> StoreAddress:
    """Return where the artifact store of a DAG is.

    It is that of the environment variable ``TRANSLATOR_STORE``, else of ``store`` in the DAG's ``default_args``, else
    of ``[pipeline_translator] store`` in Airflow's configuration, else a directory in AIRFLOW_HOME. The connection that
    ``store_connection`` in ``default_args`` names has the credentials, unless the environment names the store.

    Raises:
        StoreError: the connection does not exist.
    """
    if chosen := os.environ.get(variables.STORE):
        return StoreAddress(chosen)
    uri = default_args.get("store") or conf.get(SECTION, "store", fallback="")
    uri = uri or str(Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "artifacts")
    name = default_args.get("store_connection")
    if name is None:
        return StoreAddress(uri)
    connection = connections.lookup(name)
    if connection is None:
        message = f"the artifact store {redact(uri)} cannot be opened: Airflow has no connection {name!r}"
        hint = "create it with the store's credentials (Admin > Connections), or change store_connection"
        raise StoreError(message, f"{hint} in translator.toml")
    return StoreAddress(uri, options_of(uri, connection))
