"""Show URIs without the credentials in them: users and passwords, and tokens in queries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"
# Names of query parameters that hold secrets, and values that look like one: long, not a word, number or path.
_SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|auth(?!or)|signature|^sig$|key(?!word)|credential|session|jwt|^code$|^sas$"
    r"|^x-(?:amz|goog|ms)-",
    re.I,
)
_SECRET_VALUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w%+/=.~-]{20,}")
_SHORTEST = 4
_QUERY = re.compile(r"(?P<start>[?&;])(?P<name>[^=&;?#]*)=(?P<value>[^&;#]*)")
# In an address with an unquoted character in the user or password, which is not a URI: all before the last "@".
_MISWRITTEN = re.compile(r"(?<=://)(?P<credentials>.*)@", re.DOTALL)
_SEPARATORS = re.compile(r"[:/?#@]")
_FILLED_IN = re.compile(r"[${<]")
_START = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`|]+")
# Bucket names of S3 with colons.
_ARN = "arn:"


def flaw(uri: str) -> str | None:
    """Return why ``uri`` cannot be split into its parts, or None.

    It cannot be split if a user or password contains an unquoted ``/``, ``?``, ``#`` or ``[``:
    ``https://bob:pa/ss@host/x`` has the host ``bob`` and the port ``pa``, which no client accepts.
    """
    if "://" not in uri or _split(uri) is not None:
        return None
    return f"{redact(uri)} is not a URI: percent-encode special characters in its host, user and password"


def redact(uri: str) -> str:
    """Return ``uri`` without credentials."""
    if "://" not in uri:
        return uri
    parts = _split(uri)
    if parts is None:
        return _QUERY.sub(_masked_query, _MISWRITTEN.sub(f"{MASK}@", uri))
    if not parts.query and "@" not in parts.netloc:
        return uri
    host = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{host[2]}" if host[1] else parts.netloc
    query = "&".join(f"{name}{sign}{MASK if _secret(name, value) else value}" for name, sign, value in _query(parts))
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def redact_text(text: str) -> str:
    """Return ``text`` without the credentials of its URIs."""
    return _IN_TEXT.sub(lambda match: redact(match[0]), text) if "://" in text else text


def redact_line(line: str) -> str:
    """Return ``line`` with passwords and tokens in URIs replaced by as many asterisks."""

    def veil(match: re.Match[str]) -> str:
        uri = match[0]
        for secret in _literal(uri):
            uri = uri.replace(secret, "*" * len(secret)) if secret else uri
        return uri

    return _IN_TEXT.sub(veil, line) if "://" in line else line


def redact_quoted(text: str, uri: str) -> str:
    """Return ``text``, which may quote ``uri``, without the credentials that are in ``uri``."""
    text = text.replace(uri, redact(uri))
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return text


def masked(uri: str) -> bool:
    """Return whether ``uri`` had credentials that were removed, so that nothing can be fetched from it."""
    return redact(uri) == uri and (f"://{MASK}@" in uri or f"={MASK}" in uri.partition("?")[2])


def has_secret(uri: str) -> bool:
    """Return whether ``uri`` contains a password or a token; a user alone is none."""
    return "://" in uri and any(_literal(uri))


def with_password(text: str) -> Iterator[str]:
    """Find the URIs in ``text`` with a password or a token.

    It ignores placeholders of a shell or a template (``$TOKEN``, ``{token}``), users without a password, and values
    of a query that only look like a token, because many public files have addresses with long ids.
    """
    if "://" in text:
        for match in _IN_TEXT.finditer(text):
            if any(secret and secret != MASK and not _FILLED_IN.search(secret) for secret in _literal(match[0])):
                yield match[0]


def at_uris(text: str) -> Iterator[str]:
    """Yield the rest of ``text`` from the start of each URI: lists have several, with commas between them."""
    return (text[match.start() :] for match in _START.finditer(text))


def has_password(text: str) -> bool:
    """Return whether ``text``, such as a list of URIs, contains one with a password or a token."""
    return any(True for rest in at_uris(text) for _ in with_password(rest))


def _literal(uri: str) -> Iterator[str]:
    parts = _split(uri)
    if parts is None:
        wrong = _MISWRITTEN.search(uri)
        if wrong:
            yield wrong["credentials"].partition(":")[2]
        return
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if password or _SECRET_VALUE.fullmatch(user):
        yield password or user
    yield from (value for name, _, value in _query(parts) if _SECRET_NAME.search(name))


def _split(uri: str) -> SplitResult | None:
    """Return the parts of a URI; None if it has an ``@`` that does not separate user and password from a host."""
    try:
        parts = urlsplit(uri)
        if "@" in uri and not parts.netloc.startswith(_ARN):
            _ = parts.port
    except ValueError:
        return None
    return parts


def _query(parts: SplitResult) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in parts.query.split("&")]


def _masked_query(match: re.Match[str]) -> str:
    value = MASK if _secret(match["name"], match["value"]) else match["value"]
    return f"{match['start']}{match['name']}={value}"


def _secret(name: str, value: str) -> bool:
    return bool(value) and bool(_SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(value))


def _secrets(uri: str) -> set[str]:
    parts = _split(uri)
    if parts is None:
        wrong = _MISWRITTEN.search(uri)
        credentials = wrong["credentials"] if wrong else ""
        secrets = {credentials, *credentials.partition(":"), *_SEPARATORS.split(credentials)}
        secrets |= {match["value"] for match in _QUERY.finditer(uri) if _secret(match["name"], match["value"])}
    else:
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        secrets = {user, password} | {value for name, _, value in _query(parts) if _secret(name, value)}
    return {one for secret in secrets if secret for one in (secret, unquote(secret))}
