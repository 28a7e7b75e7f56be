"""Download a file over HTTP(S).

A download that breaks off is resumed where the server can do that for the same version of the file (a strong ``ETag``).
Answers that may change (429, 503, ...) and broken connections are tried again (``translator.shim.files.resumable``),
after the wait that the server asks for (``Retry-After``). A digest that the server states (``Repr-Digest``, ``Digest``,
``Content-MD5``) is checked. A user and a password in the URL, and an ``Authorization`` header, are sent to the URL's
own server only, and there to no path that the header is not for. A redirect to a URL with a user or a password is
refused: a server must not choose credentials.
"""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from translator.shim.files import resumable
from translator.shim.files.resumable import AGAIN, DownloadError, TemporaryError, from_base64
from translator.shim.store.access import basic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPMessage
    from pathlib import Path

    from translator.shim.files.resumable import Attempt

SILENCE = 30.0
"""The seconds for which a server may send nothing."""

_PIECE = 1 << 16
_REDIRECTS = range(300, 400)
_PARTIAL, _BAD_RANGE = 206, 416
_SAFE = "%/:=&?~#+!$,;'@()*[]"
_DIGESTS = {"sha-512": "sha512", "sha-256": "sha256", "md5": "md5"}
"""By names of algorithms in headers, those in ``hashlib``; the best first."""


def download(
    uri: str,
    target: Path,
    pulse: Callable[[], None],
    authorization: str | None = None,
    is_for: Callable[[str], bool] = lambda _: True,
) -> tuple[int, str]:
    """Download ``uri`` to the new file ``target``.

    Args:
        uri: the URL.
        target: where to.
        pulse: called a few times a second; what it raises ends the download at once.
        authorization: the value of the ``Authorization`` header, if the URL itself has no user and password.
        is_for: whether this header may be sent to another URL of the same server, to which it redirects.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        DownloadError: the file cannot be downloaded.
    """
    return resumable.complete(target, lambda attempt: _attempt(uri, attempt, authorization, is_for), pulse)


def _attempt(uri: str, part: Attempt, authorization: str | None, is_for: Callable[[str], bool]) -> None:
    """Get the file, or its missing part."""
    request = _request(uri, authorization)
    if part.size and part.version:
        request.add_header("Range", f"bytes={part.size}-")
        request.add_header("If-Range", part.version)
    expected = None
    try:
        with _opener(is_for).open(request, timeout=SILENCE) as answer:
            expected = _begin(answer, part)
            while piece := answer.read1(_PIECE):
                part.take(piece)
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, part)
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(str(error.reason)) from None
        raise TemporaryError(_text(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise TemporaryError(_text(error)) from None
    except ValueError as error:
        raise DownloadError(f"it is not a URL: {error}") from None
    part.end(expected)


def _refused(error: urllib.error.HTTPError, part: Attempt) -> NoReturn:
    """Raise the error for a response that is not the file."""
    if error.code == _BAD_RANGE and part.size:
        part.begin()
        raise TemporaryError("the server does not resume the download")
    if error.code in _REDIRECTS:  # the library's text would show the address
        raise DownloadError("too many redirects, or a redirect to something that is not HTTP")
    reason = f"the server answers {error.code} {error.reason}"
    if error.code not in AGAIN:
        raise DownloadError(reason)
    raise TemporaryError(reason, _after(error.headers.get("Retry-After")))


def _begin(answer: Any, part: Attempt) -> int | None:
    """Read the headers of a response; return the size of the whole file, if the server sends it."""
    tag = answer.headers.get("ETag")
    if answer.status == _PARTIAL:
        content_range = re.fullmatch(
            r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", answer.headers.get("Content-Range", "").strip()
        )
        if content_range is None or int(content_range[1]) != part.size or (tag and tag != part.version):
            part.begin()
            raise TemporaryError("the server resumes the download at the wrong position")
        return None if content_range[2] == "*" else int(content_range[2])
    strong = tag is not None and not tag.startswith("W/") and answer.headers.get("Accept-Ranges") != "none"
    part.begin(tag if strong else None, _stated(answer.headers))
    length = answer.headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _stated(headers: HTTPMessage) -> Mapping[str, str]:
    """Return the best digest of the file that a server states (RFC 9530, RFC 3230, RFC 1864)."""
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return {}
    listed = ",".join((*headers.get_all("Repr-Digest", ()), *headers.get_all("Digest", ())))
    named = [item.strip().partition("=") for item in listed.split(",")]
    by_name = {name.strip().lower(): value.strip().strip(":") for name, _, value in named}
    by_name.setdefault("md5", headers.get("Content-MD5", "").strip())
    for name, algorithm in _DIGESTS.items():
        if (digest := from_base64(by_name.get(name), algorithm)) is not None:
            return {algorithm: digest}
    return {}


def _request(uri: str, authorization: str | None) -> urllib.request.Request:
    parts = urlsplit(uri)
    credentials, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host, fragment=""))
    request = urllib.request.Request(quote(plain, safe=_SAFE))  # noqa: S310 - http(s) alone
    request.add_header("User-Agent", "pipeline-translator")
    request.add_header("Accept-Encoding", "identity")
    if credentials:
        user, _, password = credentials.partition(":")
        authorization = basic(unquote(user), unquote(password))
    if authorization is not None:
        request.add_unredirected_header("Authorization", authorization)
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A handler of redirects that only follows HTTP(S), and only sends credentials where they are for."""

    def __init__(self, is_for: Callable[[str], bool]) -> None:
        self._is_for = is_for

    def redirect_request(  # noqa: PLR0913, PLR0917 - the library's interface
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if _origin(newurl)[0] not in {"http", "https"}:  # the library would go to FTP, too
            raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
        if "@" in urlsplit(newurl).netloc:
            raise DownloadError("the server redirects to a URL with a user or a password")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        credentials = req.unredirected_hdrs.get("Authorization")
        if request is not None and credentials and _origin(newurl) == _origin(req.full_url) and self._is_for(newurl):
            request.add_unredirected_header("Authorization", credentials)
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _opener(is_for: Callable[[str], bool]) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects(is_for))


def _after(header: str | None) -> float | None:
    """Return the seconds in ``Retry-After``, which is a number or a date."""
    if header is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", header):
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _text(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
