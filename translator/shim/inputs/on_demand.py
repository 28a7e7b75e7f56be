"""Serve the files of inputs that a command downloads itself, when it asks for them (``download: on-demand``).

This is the part of Valohai's API that ``valohai-utils`` and other programs find under ``input_request`` in
``api.json``: a request with the ids of inputs is answered with a URL for each of their files. The service listens on
the worker's own address only, and its URLs contain a random token. A file is brought, and its digest checked, at the
first request for it.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import sys
import time
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Lock, Semaphore, Thread, current_thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from translator.shim.errors import TranslatorError
from translator.shim.inputs.stage import bring_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.catalogue.entries import NamedFile
    from translator.shim.contract import FileRecord
    from translator.shim.inputs.stage import Source
    from translator.shim.workspace import Workspace

HOST = "127.0.0.1"
CONNECTIONS = 32
"""The maximum number of connections that are answered at the same time; more wait."""
_BODY = 1 << 20
"""The largest request."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_SILENCE = 60.0
"""The seconds for which a client with the token may send and receive nothing."""
_POLL = 0.1
_END = 10.0
"""The maximum number of seconds to wait at the end for the requests that were being answered."""


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


class _EndedError(Exception):
    """A request that is still being answered when the service has ended."""


@dataclass(slots=True)
class _End:
    """The end of the service, once ``ended``; who holds ``lock`` knows that it does not end meanwhile."""

    ended: bool = False
    lock: Lock = field(default_factory=Lock)

    def check(self) -> None:
        """Raise an exception if the service has ended."""
        if self.ended:
            raise _EndedError

    def set(self) -> None:
        """End the service."""
        with self.lock:
            self.ended = True


@dataclass(frozen=True, slots=True)
class _Service:
    """A running service; ``url`` is its address with the token, ``offers`` are by the id of their input."""

    url: str
    token: str
    offers: Mapping[str, Sequence[_Offer]]
    names: Mapping[str, str]
    folder: Path
    source: Source
    brought: Callable[[str, FileRecord], None]
    end: _End

    def note(self, text: str) -> None:
        """Write a line for the user, unless the service has ended."""
        with self.end.lock:
            if not self.end.ended:
                self.source.note(text)


@contextmanager
def serve(
    inputs: Sequence[Asked], space: Workspace, source: Source, brought: Callable[[str, FileRecord], None]
) -> Iterator[str]:
    """Serve files as long as the context lasts; return the URL to ask for them.

    The directories of the inputs are created, for the command to download to. When the context has ended, nothing is
    answered, brought or told any more.

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
    # A command that must stop is ended, and with it what it waits for: transfers end with the service.
    end = _End()
    store = copy(source.store)
    store.pulse = end.check
    source = replace(source, store=store, pulse=end.check)
    offers = {one.identity: [_Offer(path, file) for path, file in one.files.items()] for one in inputs}
    names = {one.identity: one.name for one in inputs}
    server = _Server((HOST, 0), _Handler)
    token = secrets.token_hex(16)
    url = f"http://{HOST}:{server.server_address[1]}/{token}"
    server.service = _Service(url, token, offers, names, folder, source, brought, end)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL}, name="on-demand", daemon=True)
    thread.start()
    try:
        yield f"{url}/inputs"
    finally:
        end.set()
        server.shutdown()
        server.server_close()
        server.disconnect()
        thread.join()


class _Server(HTTPServer):
    """A server with a thread for each of a limited number of connections, which ``disconnect`` ends."""

    service: _Service
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        """Listen at an address."""
        super().__init__(address, handler)
        self._free = Semaphore(CONNECTIONS)
        self._lock = Lock()
        self._connected: dict[Thread, socket.socket] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in its own thread, when there is one free."""
        while not self._free.acquire(timeout=_POLL):
            if self.service.end.ended:
                self.shutdown_request(request)
                return
        thread = Thread(target=self._answer, args=(request, client_address), name="on-demand-request", daemon=True)
        with self._lock:
            try:
                thread.start()
            except RuntimeError:  # the machine has no more
                self._free.release()
                raise
            self._connected[thread] = request

    def _answer(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - as in the library: a request must not end the service
            self.handle_error(request, client_address)
        finally:
            with self._lock:
                self.shutdown_request(request)
                del self._connected[current_thread()]
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's interface
        """Tell the user of a fault; a client that leaves, and the end of the service, are none."""
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, _EndedError)):
            self.service.note(f"a request for inputs failed: {type(error).__name__}: {error}")

    def disconnect(self) -> None:
        """End all connections, and wait a limited time for their threads."""
        with self._lock:
            connected = dict(self._connected)
            for connection in connected.values():
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _END
        for thread in connected:
            thread.join(max(0.0, deadline - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """A handler of one request; the connection ends with it, so that none waits for a client that is done."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_POST(self) -> None:
        """Answer with the URLs of the files of inputs."""
        self._answer(self._body)

    def do_GET(self) -> None:
        """Answer with URLs or with a file."""
        self._answer(lambda: b"")

    def _answer(self, body: Callable[[], bytes | None]) -> None:
        """Answer a request, whose body is not read before it is known to have the token."""
        service = self.server.service
        service.end.check()
        try:
            url = urlsplit(self.path)
        except ValueError:
            url = urlsplit("")
        match url.path.rstrip("/").split("/"):
            case ["", token, *rest] if secrets.compare_digest(token.encode(), service.token.encode()):
                self.connection.settimeout(_SILENCE)
            case _:
                rest = []
        match rest:
            case ["inputs"]:
                content = body()
                if content is not None:
                    self._list({*parse_qs(url.query).get("inputs", ()), *_in_body(content)})
            case ["files", identity, number]:
                self._send_file(identity, number)
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _body(self) -> bytes | None:
        """Return the body of a request; None if it is refused."""
        length = self.headers.get("Content-Length", "0").strip()
        if not re.fullmatch(r"[0-9]+", length):
            self._refuse(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
            return None
        if not _NUMBER.fullmatch(length) or int(length) > _BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {_BODY} bytes")
            return None
        return self.rfile.read(int(length))

    def _list(self, wanted: set[str]) -> None:
        service = self.server.service
        answer = [
            {
                "input_id": identity,
                "files": [
                    {
                        "filename": offer.path,
                        "input_id": identity,
                        "url": f"{service.url}/files/{identity}/{number}",
                    }
                    for number, offer in enumerate(offers)
                ],
            }
            for identity, offers in service.offers.items()
            if identity in wanted
        ]
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), "application/json")

    def _send_file(self, identity: str, number: str) -> None:
        service = self.server.service
        offers = service.offers.get(identity, ())
        if not _NUMBER.fullmatch(number) or int(number) >= len(offers):
            self._refuse(HTTPStatus.NOT_FOUND, "there is no file at this address")
            return
        file = service.folder / f"{identity}-{int(number)}"
        try:
            record = _record(service, identity, offers[int(number)], file)
        except (TranslatorError, OSError) as error:
            service.note(f"input {service.names[identity]!r}: {error}")
            self._refuse(HTTPStatus.BAD_GATEWAY, str(error))
            return
        with file.open("rb") as stream:
            self._begin(HTTPStatus.OK, record.size, "application/octet-stream")
            shutil.copyfileobj(stream, self.wfile)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, f"{reason}\n".encode("utf-8", "replace"), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self._begin(status, len(content), kind)
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, size: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the library
        """Log nothing: the log belongs to the command."""


def _record(service: _Service, identity: str, offer: _Offer, file: Path) -> FileRecord:
    """Return the record of a file, which is brought if it is not there yet."""
    with offer.lock:
        service.end.check()
        if offer.record is None:
            file.unlink(missing_ok=True)  # what a failed request left
            record = bring_file(file.name, file.parent, offer.file, service.source)
            with service.end.lock:
                service.end.check()
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
