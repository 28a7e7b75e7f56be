"""Serve the files of inputs that a command downloads itself, when it asks for them (``download: on-demand``).

This is the part of Valohai's API that ``valohai-utils`` and other programs find under ``input_request`` in
``api.json``: a request with the ids of inputs is answered with a URL for each of their files. The service listens on
the worker's own address only, and its URLs contain a random token. A file is brought, and its digest checked, at the
first request for it.
"""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from translator.shim.errors import TranslatorError
from translator.shim.files.digest import no_pulse
from translator.shim.inputs.stage import bring_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.contract import FileRecord
    from translator.shim.inputs.stage import Source
    from translator.shim.workspace import Workspace

HOST = "127.0.0.1"
_BODY = 1 << 20
"""The largest request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An input whose files a command may ask for: its name, its id, and the files by path in its directory."""

    name: str
    identity: str
    files: Mapping[str, NamedFile]


@dataclass(slots=True)
class _Offer:
    """A file of an input, with its record once it has been brought."""

    path: str
    file: NamedFile
    record: FileRecord | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class _Service:
    """A running service; ``url`` is its address with the token, ``offers`` are by the id of their input."""

    url: str
    offers: Mapping[str, Sequence[_Offer]]
    names: Mapping[str, str]
    folder: Path
    source: Source
    brought: Callable[[str, FileRecord], None]


@contextmanager
def serve(
    inputs: Sequence[Asked], space: Workspace, source: Source, brought: Callable[[str, FileRecord], None]
) -> Iterator[str]:
    """Serve files as long as the context lasts; return the URL to ask for them.

    The directories of the inputs are created, for the command to download to.

    Args:
        inputs: the inputs.
        space: the workspace of the execution.
        source: where files come from.
        brought: is told each file that was brought, with the name of its input.
    """
    folder = space.root.parent / "on-demand"
    folder.mkdir()
    for one in inputs:
        for path in one.files:
            (space.inputs / one.name / path).parent.mkdir(parents=True, exist_ok=True)
    # A command that must stop is ended, and with it what it waits for.
    store = copy(source.store)
    store.pulse = no_pulse
    offers = {one.identity: [_Offer(path, file) for path, file in one.files.items()] for one in inputs}
    names = {one.identity: one.name for one in inputs}
    server = ThreadingHTTPServer((HOST, 0), _Handler)
    url = f"http://{HOST}:{server.server_address[1]}/{secrets.token_hex(16)}"
    server.daemon_threads = True
    source = replace(source, store=store, pulse=no_pulse)
    server.service = _Service(url, offers, names, folder, source, brought)  # type: ignore[attr-defined]  # for handlers
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="on-demand", daemon=True)
    thread.start()
    try:
        yield f"{url}/inputs"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """A handler of one request."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def service(self) -> _Service:
        """The service that got the request."""
        return self.server.service  # type: ignore[attr-defined,no-any-return]

    def do_POST(self) -> None:
        """Answer with the URLs of the files of inputs."""
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(min(int(length), _BODY)) if length.isdecimal() else b""
        self._list(body)

    def do_GET(self) -> None:
        """Answer with URLs or with a file."""
        parts = urlsplit(self.path).path.removeprefix(urlsplit(self.service.url).path).split("/")
        if parts[1:2] == ["files"] and len(parts) == 4:  # noqa: PLR2004 - "", files, input, number
            self._send_file(parts[2], parts[3])
        else:
            self._list(b"")

    def _list(self, body: bytes) -> None:
        url = urlsplit(self.path)
        expected = f"{urlsplit(self.service.url).path}/inputs"
        if not secrets.compare_digest(url.path.rstrip("/").encode(), expected.encode()):
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        wanted = {*parse_qs(url.query).get("inputs", ()), *_in_body(body)}
        answer = [
            {
                "input_id": identity,
                "files": [
                    {
                        "filename": offer.path,
                        "input_id": identity,
                        "url": f"{self.service.url}/files/{identity}/{number}",
                    }
                    for number, offer in enumerate(offers)
                ],
            }
            for identity, offers in self.service.offers.items()
            if identity in wanted
        ]
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), "application/json")

    def _send_file(self, identity: str, number: str) -> None:
        service = self.service
        offers = service.offers.get(identity, ())
        known = urlsplit(self.path).path.startswith(f"{urlsplit(service.url).path}/")
        if not known or not number.isdecimal() or int(number) >= len(offers):
            self._refuse(HTTPStatus.NOT_FOUND, "there is no file at this address")
            return
        file = service.folder / f"{identity}-{int(number)}"
        try:
            record = _record(service, identity, offers[int(number)], file)
        except (TranslatorError, OSError) as error:
            service.source.note(f"input {service.names[identity]!r}: {error}")
            self._refuse(HTTPStatus.BAD_GATEWAY, str(error))
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(record.size))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        with file.open("rb") as stream:
            shutil.copyfileobj(stream, self.wfile)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, f"{reason}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the library
        """Log nothing: the log belongs to the command."""


def _record(service: _Service, identity: str, offer: _Offer, file: Path) -> FileRecord:
    """Return the record of a file, which is brought if it is not there yet."""
    with offer.lock:
        if offer.record is None:
            file.unlink(missing_ok=True)  # what a failed request left
            record = bring_file(file.name, file.parent, offer.file, service.source)
            offer.record = replace(record, path=offer.path)
            service.brought(service.names[identity], offer.record)
        return offer.record


def _in_body(body: bytes) -> Iterator[str]:
    """Yield the ids in the body of a request."""
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = {}
    listed = document.get("inputs") if isinstance(document, dict) else None
    yield from (one for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, str))
