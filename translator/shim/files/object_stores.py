"""Name the schemes of remote files, and the packages that fsspec needs for object stores."""

from __future__ import annotations

import re
from types import MappingProxyType

PACKAGES = MappingProxyType(
    {
        **dict.fromkeys(("s3", "s3a"), "s3fs"),
        **dict.fromkeys(("gs", "gcs"), "gcsfs"),
        **dict.fromkeys(("abfs", "abfss", "az", "adl", "azure"), "adlfs"),
    }
)
"""The packages by the schemes of URIs."""
KINDS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci"})
"""The schemes that can stand for all their buckets: an address names no server that would get the credentials."""
ACCOUNTS = frozenset({"abfs", "abfss", "az"})
"""Those of them whose addresses may name an account: ``abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/``."""
_EXTRAS = {"s3fs": "s3", "gcsfs": "gcs", "adlfs": "azure"}
REMOTE = frozenset(
    (
        *("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "azure", "adl", "oci", "swift"),
        *("hdfs", "webhdfs", "ftp", "sftp", "ssh"),
    )
)
"""The schemes of URIs that cannot name a file of the worker; other file systems of fsspec may wrap a local one."""


_AZURE = re.compile(r"azure://([A-Za-z0-9-]+)/([^/]+)/(.*)", re.DOTALL)


def fsspec_uri(uri: str) -> str:
    """Return a URI as fsspec writes it: Valohai's ``azure://ACCOUNT/CONTAINER/BLOB`` has another order there."""
    return _AZURE.sub(r"abfs://\2@\1.dfs.core.windows.net/\3", uri)


def path_in_bucket(uri: str) -> str:
    """Return the path of a file in its bucket or container."""
    return fsspec_uri(uri).partition("://")[2].partition("/")[2]


def missing_package(uri: str) -> tuple[str, str] | None:
    """Return the package that the store at ``uri`` needs, and the command that installs it; None if it is here."""
    package = PACKAGES.get(uri.partition("://")[0].lower())
    if package is None:
        return None
    from importlib.util import find_spec

    if find_spec(package) is not None:
        return None
    return package, f"pip install 'pipeline-translator[{_EXTRAS[package]}]'"
