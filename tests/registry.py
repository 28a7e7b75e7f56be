"""Serve one image as a registry that asks for a password."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.podman import Podman

NAME = "team/private"
USER, PASSWORD = "me", "hunter2"


@contextlib.contextmanager
def registry(podman: Podman, image: str, folder: Path) -> Iterator[list[str]]:
    """Serve an image of the engine on the port that it trusts; yield the paths asked for with the password."""
    podman.run("save", "--format", "oci-dir", "--output", str(folder), image)
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self._answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="tests"'})
                return
            asked.append(self.path)
            *_, kind, reference = self.path.split("/")
            digest = entry["digest"] if kind == "manifests" else reference
            file = folder / "blobs" / digest.replace(":", "/")
            if self.path == "/v2/":
                self._answer(200, b"{}", {})
            elif self.path.startswith(f"/v2/{NAME}/") and file.is_file():
                kind = entry["mediaType"] if kind == "manifests" else "application/octet-stream"
                self._answer(200, file.read_bytes(), {"Content-Type": kind, "Docker-Content-Digest": digest})
            else:
                self._answer(404, b"{}", {})

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", podman.registry), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
