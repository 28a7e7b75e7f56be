"""Show URIs without the credentials in them: users and passwords, and tokens in queries."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

MASK = "***"
# Names of queries that hold secrets, and values that look like one: long, and not a word, a number or a path.
_SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|auth(?!or)|signature|^sig$|key|credential|session|jwt|^code$|^sas$|^x-(?:amz|goog|ms)-",
    re.I,
)
_SECRET_VALUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w%+/=.~-]{20,}")
_SHORTEST = 4
# In what is not a URI because something in a user or a password is not quoted.
_MISWRITTEN = re.compile(r"(?<=://)(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@")


def shown(uri: str) -> str:
    """Return ``uri`` as it may be written down."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return _MISWRITTEN.sub(f"{MASK}@", uri)
    if "://" not in uri or (not parts.query and "@" not in parts.netloc):
        return uri
    host = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{host[2]}" if host[1] else parts.netloc
    query = "&".join(f"{name}{sign}{MASK if _secret(name, value) else value}" for name, sign, value in _query(uri))
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def scrubbed(text: str, uri: str) -> str:
    """Return ``text``, which may quote ``uri``, without the credentials that are in ``uri``."""
    text = text.replace(uri, shown(uri))
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return text


def masked(uri: str) -> bool:
    """Return whether credentials have been taken out of ``uri``, so that nothing can be fetched from it."""
    return shown(uri) == uri and (f"://{MASK}@" in uri or f"={MASK}" in uri.partition("?")[2])


def _query(uri: str) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in urlsplit(uri).query.split("&")]


def _secret(name: str, value: str) -> bool:
    return bool(value) and bool(_SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(value))


def _secrets(uri: str) -> set[str]:
    try:
        parts = urlsplit(uri)
    except ValueError:
        found = _MISWRITTEN.search(uri)
        return {secret for secret in found.groups() if secret} if found else set()
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    secrets = {user, password} | {value for name, _, value in _query(uri) if _secret(name, value)}
    return {one for secret in secrets if secret for one in (secret, unquote(secret))}
