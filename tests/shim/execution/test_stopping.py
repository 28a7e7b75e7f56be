"""Test that executions stop within seconds even if a remote store does not answer."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from translator.shim.contract import Input, Step
from translator.shim.execution import results
from translator.shim.store import Store, objects, transfer


class Wire:
    """Passes on the traffic of a server, until it is frozen: then nothing moves and nothing is closed."""

    def __init__(self, address: tuple[str, int], after: int | None = None) -> None:
        self.frozen = threading.Event()
        self.after = after  # freeze when so many bytes have come from the server
        self._address = address
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(self._address)
            except OSError:
                return
            for source, target, counts in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._hand_on, args=(source, target, counts), daemon=True).start()

    def _hand_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while piece := source.recv(1 << 14):
                if counts and self.after is not None:
                    self.after -= len(piece)
                    if self.after < 0:
                        self.frozen.set()
                while self.frozen.is_set():
                    time.sleep(0.05)
                target.sendall(piece)
        except OSError:
            pass
        finally:
            for one in (source, target):
                one.close()

    def close(self) -> None:
        self.frozen.clear()
        self._server.close()


@pytest.fixture
def wire(s3: str, monkeypatch) -> Iterator[Wire]:
    import s3fs

    parts = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    one = Wire((str(parts.hostname), int(parts.port or 0)))
    s3fs.S3FileSystem().pipe_file("bucket/big.bin", bytes(20_000_000))
    monkeypatch.setenv("AWS_ENDPOINT_URL", one.url)
    for module in (results, objects):
        monkeypatch.setattr(module, "HURRY", 2.0)
    s3fs.S3FileSystem.clear_instance_cache()
    yield one
    one.close()
    s3fs.S3FileSystem.clear_instance_cache()


def test_while_an_input_comes_from_a_store_that_hangs(worker, wire: Wire) -> None:
    wire.after = 7_000_000
    worker.should_stop = lambda: "enough" if wire.frozen.is_set() else None
    manifest = worker.run(Step("s", ["true"], inputs=[Input("in", ["s3://bucket/big.bin"])]))
    assert wire.frozen.is_set()
    assert (manifest.state, manifest.reason) == ("stopped", "enough")
    assert worker.store.manifest(manifest.uri) == manifest


def test_while_outputs_go_to_a_store_that_hangs(worker, wire: Wire, s3: str) -> None:
    """Nor can the record be written; the execution ends all the same. A record on its way may arrive later."""
    worker.uri = f"{s3}/hangs"
    worker.on_line = lambda line: wire.frozen.set() if line == "freeze" else None
    worker.should_stop = lambda: "enough" if wire.frozen.is_set() and "done" in worker.log else None
    manifest = worker.run("head -c 12000000 /dev/zero > /valohai/outputs/a; echo freeze; echo done")
    assert (manifest.state, manifest.uri, manifest.outputs) == ("stopped", "", [])
    wire.frozen.clear()
    assert [(one.state, one.outputs) for one in worker.manifests()] in ([], [("stopped", [])])


def test_a_store_that_does_not_answer_at_all(worker, wire: Wire, s3: str, monkeypatch) -> None:
    monkeypatch.setattr(Store, "patience", 2.0)
    worker.uri = f"{s3}/silent"
    wire.frozen.set()
    manifest = worker.run("echo ran")
    assert (manifest.state, manifest.uri, worker.output) == ("error", "", [])
    assert "no answer within 2 s" in manifest.reason


def test_a_transfer_that_has_stalled_is_an_error(worker, wire: Wire, monkeypatch) -> None:
    monkeypatch.setattr(transfer, "STALLED", 1.0)
    wire.after = 7_000_000
    manifest = worker.run(Step("s", ["true"], inputs=[Input("in", ["s3://bucket/big.bin"])]))
    assert manifest.reason == "input 'in': s3://bucket/big.bin cannot be fetched: no progress for 1 s"


def test_a_stop_is_seen_while_the_store_does_not_answer(worker, wire: Wire, s3: str, monkeypatch) -> None:
    monkeypatch.setattr(Store, "patience", 600.0)
    worker.uri = f"{s3}/stopped"
    wire.frozen.set()
    worker.should_stop = lambda: "enough"
    manifest = worker.run("echo ran")
    assert (manifest.state, manifest.reason, worker.output) == ("stopped", "enough", [])
