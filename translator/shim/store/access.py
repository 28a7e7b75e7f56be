"""Find the credentials for the address of an input: a connection of the engine, by the start of the address.

The generated file names connections, for addresses that begin with whole parts of a path: ``s3://bucket/data`` counts
for ``s3://bucket/data/x``, but not for ``s3://bucket/data-2/x``; the longest one counts. A connection is looked up when
a file needs it, and its secrets are masked from then on.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from translator.shim.errors import TranslatorError
from translator.shim.masking import Mask, is_sensitive
from translator.shim.masking.uris import redact
from translator.shim.store.credentials import options_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Connection, Json, StoreAddress

HTTP = frozenset({"http", "https"})
_PORTS = {"http": "80", "https": "443"}
_SECRETS = re.compile(r"secret|sas_token|connection_string|account_key|keyfile_dict|private_key|refresh_token", re.I)
"""Names of values in a connection's extra that are secrets, besides those that sound like one anywhere."""
_REMEDIES = {
    "airflow": "create it (Admin > Connections), or change airflow.dag.input_connections",
    "prefect": "create it (Blocks), or change prefect.flow.input_blocks",
}


class AccessError(TranslatorError):
    """Credentials that are missing or cannot be used; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Access:
    """The access of an execution to addresses: ``connections`` are names of connections by the start of addresses.

    ``lookup`` asks the engine for a connection, and ``tell`` has it hide a value. ``mask`` hides secrets in our own
    texts. ``known`` keeps connections, because an input may have many files. ``store`` is the artifact store: its own
    credentials count for files in it that no connection is named for.
    """

    connections: Mapping[str, str] = field(default_factory=dict)
    lookup: Callable[[str], Connection | None] = lambda _: None
    mask: Mask = field(default_factory=Mask)
    tell: Callable[[str], None] = lambda _: None
    engine: str = ""
    store: StoreAddress | None = None
    known: dict[str, Connection] = field(default_factory=dict)


def options(uri: str, access: Access) -> Mapping[str, Json]:
    """Return the options of fsspec for an address; none if its file system looks for credentials itself.

    Raises:
        AccessError: the connection does not exist.
    """
    connection = connection_for(uri, access)
    if connection is not None:
        return options_of(uri, connection)
    store = access.store
    return store.options if store is not None and uri.startswith(f"{store.uri.rstrip('/')}/") else {}


def authorization(uri: str, access: Access) -> str | None:
    """Return the ``Authorization`` header for a URL: Basic with a login, else a bearer token; None if it needs none.

    Raises:
        AccessError: the connection does not exist, or has nothing that a header can hold.
    """
    connection = connection_for(uri, access)
    if connection is None:
        return None
    password = (connection.password or "").strip()
    if connection.login:
        header = basic(connection.login, password)
    elif password:
        header = f"Bearer {password}"
    else:
        raise AccessError(f"{_of(uri, access)} has neither a login nor a password")
    if not (header.isascii() and header.isprintable()):
        raise AccessError(f"{_of(uri, access)} has a password that is not a token, and no login")
    _hide(header.partition(" ")[2], access)
    return header


def connection_for(uri: str, access: Access) -> Connection | None:
    """Return the connection that has the credentials for an address; None if none is named for it.

    Raises:
        AccessError: it does not exist.
    """
    start = _start(uri, access)
    if start is None:
        return None
    name = access.connections[start]
    if name not in access.known:
        connection = access.lookup(name)
        if connection is None:
            remedy = _REMEDIES.get(access.engine, "create it, or name another one")
            raise AccessError(f"{_of(uri, access)} does not exist: {remedy} in translator.toml")
        for secret in (connection.password, *_secrets(connection.extra)):
            if secret:
                _hide(secret, access)
        access.known[name] = connection
    return access.known[name]


def basic(user: str, password: str) -> str:
    """Return the ``Authorization`` header for a user and a password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def hidden(text: str, access: Access) -> str:
    """Return a text without the secrets of connections."""
    return access.mask.hide(text)


def _start(uri: str, access: Access) -> str | None:
    """Return the longest of the named starts of an address."""
    if not access.connections or (parts := _parts(uri)) is None:
        return None
    return max((start for start in access.connections if _begins(parts, _parts(start))), key=len, default=None)


def _begins(parts: SplitResult, start: SplitResult | None) -> bool:
    if start is None or parts.scheme != start.scheme:
        return False
    if not start.netloc:  # all buckets
        return parts.scheme not in HTTP
    if _host(parts) != _host(start):
        return False
    path = start.path.rstrip("/")
    return parts.path == path or parts.path.startswith(f"{path}/")


def _parts(uri: str) -> SplitResult | None:
    """Return the parts of an address; None if it must not get credentials: it has its own, or its path climbs."""
    try:
        parts = urlsplit(uri)
        _ = parts.port if parts.scheme in HTTP else None
    except ValueError:
        return None
    climbs = ".." in re.split(r"[/\\]", unquote(parts.path))
    own = parts.scheme in HTTP and "@" in parts.netloc
    return None if climbs or own else parts


def _host(parts: SplitResult) -> str:
    """Return the host with its port, or the bucket."""
    if parts.scheme not in HTTP:
        return parts.netloc
    return f"{(parts.hostname or '').lower()}:{parts.port or _PORTS[parts.scheme]}"


def _secrets(value: Json, name: str = "") -> list[str]:
    """Return the texts in a connection's extra that are secrets by their names."""
    if isinstance(value, Mapping):
        return [secret for key, item in value.items() for secret in _secrets(item, f"{name}_{key}")]
    if isinstance(value, (list, tuple)):
        return [secret for item in value for secret in _secrets(item, name)]
    if isinstance(value, str) and (is_sensitive(name) or _SECRETS.search(name)):
        return [value]
    return []


def _hide(secret: str, access: Access) -> None:
    access.mask.remember(secret)
    access.tell(secret)


def _of(uri: str, access: Access) -> str:
    """Return how messages name the connection for an address."""
    start = _start(uri, access) or ""
    kind = "block" if access.engine == "prefect" else "connection"
    return f"the {kind} {access.connections.get(start)!r}, which has the credentials for {redact(start)},"
