"""Find the credentials for the address of an input: a connection of the engine, by the start of the address.

The generated file names connections, for addresses that begin with the same whole parts
(``translator.shim.files.addresses``); the one with the most parts counts. A kind of store alone counts for all its
buckets, but not for addresses that name an account or a server, which would get the credentials. A
connection is looked up when a file needs it, and its secrets are masked from then on.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.shim.errors import TranslatorError
from translator.shim.files.addresses import Address, covers, parsed
from translator.shim.files.object_stores import ACCOUNTS, KINDS
from translator.shim.masking import Mask, is_sensitive
from translator.shim.masking.uris import redact
from translator.shim.store.credentials import options_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from translator.shim.contract import Connection, Json, StoreAddress

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
    return store.options if store is not None and covers(parsed(store.uri), parsed(uri)) else {}


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
    start = start_of(uri, access)
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


def start_of(uri: str, access: Access) -> str | None:
    """Return the start of an address that a connection is named for, the one with the most parts; None without one."""
    address = parsed(uri) if access.connections else None
    if address is None:
        return None
    starts = {start: parts for start in access.connections if (parts := parsed(start)) and _counts(parts, address)}
    return max(starts, key=lambda start: (bool(starts[start].place), _length(starts[start])), default=None)


def basic(user: str, password: str) -> str:
    """Return the ``Authorization`` header for a user and a password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def hidden(text: str, access: Access) -> str:
    """Return a text without the secrets of connections."""
    return access.mask.hide(text)


def _counts(start: Address, address: Address) -> bool:
    if not start.place and (start.scheme not in KINDS or _is_foreign(address)):
        return False
    return covers(start, address)


def _is_foreign(address: Address) -> bool:
    """Return whether an address of Azure names an account: names of containers have no dots."""
    return address.scheme in ACCOUNTS and ("@" in address.place or "." in address.place)


def _length(address: Address) -> int:
    return sum(bool(segment) for segment in address.segments)


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
    start = start_of(uri, access) or ""
    kind = "block" if access.engine == "prefect" else "connection"
    return f"the {kind} {access.connections.get(start)!r}, which has the credentials for {redact(start)},"
