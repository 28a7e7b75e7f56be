"""Download a file over HTTP(S).

A download that breaks off is resumed where the server can do that for the same version of the file (a strong ``ETag``);
else it begins again. Answers that may change (429, 503, ...) and broken connections are tried again, ``TRIES`` times in
a row without a new byte, after a wait that doubles or that the server asks for (``Retry-After``). A user and a password
in the URL are sent to its own host only.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from translator.shim.errors import TranslatorError
from translator.shim.files import abandon

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage
    from pathlib import Path

SILENCE = 30.0
"""The seconds for which a server may send nothing."""
TRIES = 4
ROUNDS = 100
"""The maximum number of times to resume a download that makes little progress."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 120.0

_PIECE = 1 << 16
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = range(300, 400)
_PARTIAL, _BAD_RANGE = 206, 416
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class DownloadError(TranslatorError):
    """A failed download; the message says why, without the address."""


class _AgainError(Exception):
    """A temporary failure; ``after`` are the seconds that the server asks to wait."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(slots=True)
class _Part:
    """The downloaded part of a file; ``tag`` identifies the file's version."""

    file: BinaryIO
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    tag: str | None = None
    abandoned: bool = False

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.size, self.digest, self.tag = 0, hashlib.sha256(), None

    def take(self, piece: bytes) -> None:
        try:
            self.file.write(piece)
        except OSError as error:
            raise DownloadError(f"it cannot be written: {error.strerror}") from error
        self.digest.update(piece)
        self.size += len(piece)


def download(uri: str, target: Path, pulse: Callable[[], None]) -> tuple[int, str]:
    """Download ``uri`` to the new file ``target``.

    Args:
        uri: the URL.
        target: where to.
        pulse: called a few times a second; what it raises ends the download at once.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        DownloadError: the file cannot be downloaded.
    """
    with target.open("xb") as file:
        part = _Part(file)
        furthest = fruitless = 0
        for _ in range(ROUNDS):
            try:
                abandon.run(lambda: _attempt(uri, part), pulse, name="download")
            except _AgainError as again:
                fruitless = 0 if part.size > furthest else fruitless + 1
                furthest = max(furthest, part.size)
                wait = FIRST_WAIT * 2**fruitless if again.after is None else again.after
                if fruitless >= TRIES or wait > LONGEST_WAIT:
                    asks = f", and asks to retry after {wait:.0f} s" if again.after is not None else ""
                    raise DownloadError(f"{again}{asks}") from None
            except BaseException:
                part.abandoned = True
                raise
            else:
                return part.size, part.digest.hexdigest()
            deadline = time.monotonic() + wait
            while (remaining := deadline - time.monotonic()) > 0:
                pulse()
                time.sleep(min(remaining, abandon.EVERY))
    raise DownloadError(f"the connection broke {ROUNDS} times")


def _attempt(uri: str, part: _Part) -> None:
    """Get the file, or its missing part."""
    request = _request(uri)
    if part.size and part.tag:
        request.add_header("Range", f"bytes={part.size}-")
        request.add_header("If-Range", part.tag)
    expected = None
    try:
        with _opener().open(request, timeout=SILENCE) as answer:
            expected = _begin(answer, part)
            while piece := answer.read1(_PIECE):
                if part.abandoned:
                    return
                part.take(piece)
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, part)
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(str(error.reason)) from None
        raise _AgainError(_text(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _AgainError(_text(error)) from None
    except ValueError as error:
        raise DownloadError(f"it is not a URL: {error}") from None
    if expected is not None and part.size != expected:
        raise _AgainError(f"the connection ended after {part.size} of {expected} bytes")


def _refused(error: urllib.error.HTTPError, part: _Part) -> NoReturn:
    """Raise the error for a response that is not the file."""
    if error.code == _BAD_RANGE and part.size:
        part.restart()
        raise _AgainError("the server does not resume the download")
    if error.code in _REDIRECTS:  # the library's text would show the address
        raise DownloadError("too many redirects, or a redirect to something that is not HTTP")
    reason = f"the server answers {error.code} {error.reason}"
    if error.code not in _AGAIN:
        raise DownloadError(reason)
    raise _AgainError(reason, _after(error.headers.get("Retry-After")))


def _begin(answer: Any, part: _Part) -> int | None:
    """Read the headers of a response; return the size of the whole file, if the server sends it."""
    tag = answer.headers.get("ETag")
    if answer.status == _PARTIAL:
        content_range = re.fullmatch(
            r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", answer.headers.get("Content-Range", "").strip()
        )
        if content_range is None or int(content_range[1]) != part.size or (tag and tag != part.tag):
            part.restart()
            raise _AgainError("the server resumes the download at the wrong position")
        return None if content_range[2] == "*" else int(content_range[2])
    part.restart()
    strong = tag is not None and not tag.startswith("W/") and answer.headers.get("Accept-Ranges") != "none"
    part.tag = tag if strong else None
    length = answer.headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _request(uri: str) -> urllib.request.Request:
    parts = urlsplit(uri)
    credentials, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host, fragment=""))
    request = urllib.request.Request(quote(plain, safe=_SAFE))  # noqa: S310 - http(s) alone
    request.add_header("User-Agent", "pipeline-translator")
    request.add_header("Accept-Encoding", "identity")
    if credentials:
        user, _, password = credentials.partition(":")
        pair = f"{unquote(user)}:{unquote(password)}".encode()
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    return request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A handler of redirects that only follows HTTP(S), and only sends credentials to the same server."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - the library's interface
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if _origin(newurl)[0] not in {"http", "https"}:  # the library would go to FTP, too
            raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        credentials = req.unredirected_hdrs.get("Authorization")
        if request is not None and credentials and _origin(newurl) == _origin(req.full_url):
            request.add_unredirected_header("Authorization", credentials)
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects)


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
