"""Look up connections in Prefect's blocks: credentials of stores and servers, addresses of engines and clusters.

A name is that of a ``Secret`` or ``JSON`` block whose value has the keys ``host``, ``login``, ``password``, ``port``
and ``extra``, of our *Artifact Store*, or of a block of prefect-docker, prefect-kubernetes, prefect-aws, prefect-gcp or
prefect-azure, which need not be installed. ``TYPE/NAME`` names the type as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from translator.shim.contract import Connection

_TYPES = (
    *("secret", "json", "docker-host", "docker-registry-credentials", "artifact-store"),
    *("kubernetes-credentials", "kubernetes-cluster-config"),
    *("aws-credentials", "minio-credentials", "gcp-credentials", "azure-blob-storage-credentials"),
)
"""The types of blocks in which a plain name is looked up, in this order."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "host": ("host", "base_url", "registry_url"),
    "login": ("login", "username", "aws_access_key_id", "minio_root_user"),
    "password": ("password", "aws_secret_access_key", "minio_root_password"),
    "port": ("port",),
}
"""The keys of a connection, as blocks call them."""
_EXTRA: Mapping[str, tuple[str, ...]] = {
    "aws_session_token": ("aws_session_token",),
    "region_name": ("region_name",),
    "key_path": ("service_account_file",),
    "keyfile_dict": ("service_account_info",),
    "connection_string": ("connection_string",),
    "storage_options": ("storage_options",),
    "kube_config": ("config",),
    "cluster_context": ("context_name",),
}
"""The keys of a connection's extra, as blocks call them."""
_CLUSTER = "cluster_config"
"""The field of a *Kubernetes Credentials* block that has the cluster's own block."""
_CLIENT = "aws_client_parameters"
"""The field of an AWS or MinIO block that has the endpoint."""


def lookup(name: str) -> Connection | None:
    """Return the connection in the block with that name; blocks spell ``GPU_HOST`` as ``gpu-host``."""
    of_type, has_type, block = name.rpartition("/")
    spelt = re.sub(r"[^a-z0-9]+", "-", block.lower()).strip("-")
    for slug in (of_type,) if has_type else _TYPES:
        data = _data(slug, spelt)
        if data is not None:
            return _connection(data)
    return None


def _data(slug: str, block: str) -> Mapping[str, Any] | None:
    """Return the fields of a block, secrets included; that of a block with one value is the value."""
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            document = client.read_block_document_by_name(block, slug, include_secrets=True)
        except ObjectNotFound:
            return None
    data: Any = document.data
    data = data.get("value", data) if slug in {"secret", "json"} else data
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            data = {"password": data}
    return data if isinstance(data, Mapping) else {}


def _connection(data: Mapping[str, Any]) -> Connection:
    if isinstance(cluster := data.get(_CLUSTER), Mapping):
        data = cluster
    values = {key: next((data[name] for name in names if data.get(name)), None) for key, names in _NAMES.items()}
    extra = {key: next((data[name] for name in names if data.get(name)), None) for key, names in _EXTRA.items()}
    client = data.get(_CLIENT)
    extra["endpoint_url"] = client.get("endpoint_url") if isinstance(client, Mapping) else None
    own = data.get("extra")
    port = values.pop("port")
    return Connection(
        **{key: str(value) for key, value in values.items() if value is not None},
        port=int(str(port)) if str(port or "").isdecimal() else None,
        extra={
            **{key: value for key, value in extra.items() if value is not None},
            **(own if isinstance(own, Mapping) else {}),
        },
    )
