"""Test inputs that a command downloads itself: it finds URLs by the API that api.json describes."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from translator.shim.contract import FileRecord, Input, InputFiles, Manifest, Output, State, Step
from translator.shim.files.digest import no_pulse
from translator.shim.inputs import edges, on_demand
from translator.shim.inputs.stage import Source
from translator.shim.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.shim.conftest import Worker

PYTHON = shlex.quote(sys.executable)
ASK = """
import json, os, sys, urllib.request
config = json.load(open(os.environ["VH_CONFIG_DIR"] + "/inputs.json"))
api = json.load(open(os.environ["VH_CONFIG_DIR"] + "/api.json"))["input_request"]
listed = config["data"]
body = json.dumps({"inputs": [listed["input_id"]]}).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answer = json.load(opener.open(urllib.request.Request(api["url"], body, api["headers"], method=api["method"])))
wanted = set(sys.argv[1:])
for one in answer:
    for file in one["files"]:
        if file["filename"] in wanted:
            print(file["filename"], opener.open(file["url"]).read().decode().strip())
"""
UTILS = """
import valohai
for path in sorted(valohai.inputs("data").paths()):
    print(path.rsplit("/", 1)[1], open(path).read().strip())
"""


def run(worker: Worker, command: str, files: InputFiles | None = None, **options: Any) -> Manifest:
    step_input = Input("data", ("data/*.txt",), on_demand=True, **options)
    return worker.run(Step("use", [command], inputs=[step_input]), inputs={"data": files} if files else {}, node="use")


@pytest.fixture(autouse=True)
def _files(worker: Worker) -> None:
    worker.script("ask.py", ASK)
    worker.script("data/a.txt", "A\n")
    worker.script("data/b.txt", "B\n")


def test_a_command_gets_what_it_asks_for(worker: Worker) -> None:
    manifest = run(worker, f"ls $VH_INPUTS_DIR/data; {PYTHON} ask.py b.txt")
    assert (manifest.state, worker.output) == (State.COMPLETE, ["b.txt B"]), manifest.reason
    assert [(file.path, file.size) for file in manifest.inputs["data"]] == [("b.txt", 2)]


def test_a_command_that_asks_for_nothing_downloads_nothing(worker: Worker) -> None:
    manifest = run(worker, "cat $VH_CONFIG_DIR/inputs.json")
    assert manifest.inputs == {"data": []}
    listed = json.loads(worker.output[0])["data"]
    assert [(file["name"], "path" in file) for file in listed["files"]] == [("a.txt", False), ("b.txt", False)]


def test_the_vendor_s_library_downloads_all_of_them(worker: Worker) -> None:
    pytest.importorskip("valohai")
    pytest.importorskip("requests")
    worker.script("utils.py", UTILS)
    manifest = run(worker, f"http_proxy=http://127.0.0.1:9 {PYTHON} utils.py")
    assert manifest.state is State.COMPLETE, manifest.reason
    assert worker.output[-2:] == ["a.txt A", "b.txt B"]
    assert sorted(file.path for file in manifest.inputs["data"]) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("own", "inherited", "expected"),
    [
        ({}, {}, "127.0.0.1 127.0.0.1"),
        ({}, {"no_proxy": "a"}, "a,127.0.0.1 a,127.0.0.1"),
        ({"NO_PROXY": "b"}, {}, "b,127.0.0.1 b,127.0.0.1"),
        ({"NO_PROXY": "b"}, {"NO_PROXY": "a", "no_proxy": "c"}, "b,127.0.0.1 c,127.0.0.1"),
        ({"no_proxy": "*"}, {}, "* *"),
    ],
)
def test_the_step_s_own_hosts_without_proxy_stay(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, own: dict[str, str], inherited: dict[str, str], expected: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in inherited.items():
        monkeypatch.setenv(name, value)
    step_input = Input("data", ("data/*.txt",), on_demand=True)
    worker.run(Step("use", ['echo "$NO_PROXY $no_proxy"'], inputs=[step_input], environment=own))
    assert worker.output == [expected]


def test_files_of_edges_and_their_properties(worker: Worker) -> None:
    described = """echo '{"split": "train"}' > $VH_OUTPUTS_DIR/deep/d.txt.metadata.json"""
    commands = ["mkdir $VH_OUTPUTS_DIR/deep", "echo D > $VH_OUTPUTS_DIR/deep/d.txt", described]
    made = worker.run(commands, node="make")
    one = Input("data", on_demand=True, keep_directories="full")
    files = edges.files(one, [Output("make")], "replace", {"make": [made]})
    command = f"{PYTHON} ask.py deep/d.txt; ls -d $VH_INPUTS_DIR/data/deep; cat $VH_CONFIG_DIR/inputs.json"
    manifest = run(worker, command, files, keep_directories="full")
    assert worker.output[0] == "deep/d.txt D"
    (listed,) = json.loads(worker.output[2])["data"]["files"]
    assert (listed["size"], listed["metadata"]) == (2, [{"split": "train"}])
    assert [file.sha256 for file in manifest.inputs["data"]] == [made.outputs[0].sha256]


def test_a_file_that_changed_is_not_served(worker: Worker) -> None:
    made = worker.run("echo D > $VH_OUTPUTS_DIR/d.txt", node="make")
    path = worker.store.folder / worker.store.key(made.outputs[0].uri)
    path.chmod(0o600)
    path.write_text("changed")
    files = edges.files(Input("data", on_demand=True), [Output("make")], "replace", {"make": [made]})
    manifest = run(worker, f"{PYTHON} ask.py d.txt", files)
    assert manifest.state is State.ERROR
    assert "HTTP Error 502" in "".join(worker.output)
    assert "input 'data': the artifact" in worker.notes
    assert "has changed since it was published" in worker.notes


def test_an_input_without_a_file_fails_before_the_command(worker: Worker) -> None:
    step = Step("use", ["echo ran"], inputs=[Input("data", on_demand=True)])
    manifest = worker.run(step)
    assert (manifest.state, worker.output) == (State.ERROR, [])
    assert "input 'data' is required but has no file" in manifest.reason


@pytest.mark.parametrize("name", ["../../../evil", "a/b", "..", ""])
def test_an_input_cannot_be_called_like_another_directory(worker: Worker, tmp_path: Path, name: str) -> None:
    step = Step("use", ["echo ran"], inputs=[Input(name, ("data/*.txt",), on_demand=True)])
    manifest = worker.run(step)
    assert (manifest.state, worker.output) == (State.ERROR, [])
    assert f"input {name!r}: " in manifest.reason
    assert not list(tmp_path.rglob("evil"))


PROBE = """
import json, os, urllib.error, urllib.request
url = json.load(open(os.environ["VH_CONFIG_DIR"] + "/api.json"))["input_request"]["url"]
listed = json.load(open(os.environ["VH_CONFIG_DIR"] + "/inputs.json"))["data"]["input_id"]
base, _, token = url.removesuffix("/inputs").rpartition("/")
for path in (
    f"{base}/inputs",
    f"{base}/{'0' * 32}/inputs?inputs={listed}",
    f"{base}/{'0' * 32}/files/{listed}/0",
    f"{base}/{token}/files/{listed}/2",
    f"{base}/{token}/files/{listed}/-1",
    f"{base}/{token}/files/other/0",
    f"{base}/{token}/files/../../{listed}/0",
    f"{base}/{token}",
    f"{base}/",
):
    try:
        print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(path).status)
    except urllib.error.HTTPError as error:
        print(error.code)
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}?inputs={listed}").status)
"""


def test_nobody_gets_anything_without_the_token(worker: Worker) -> None:
    worker.script("probe.py", PROBE)
    manifest = run(worker, f"{PYTHON} probe.py")
    assert manifest.state is State.COMPLETE, manifest.reason
    assert worker.output == ["404"] * 9 + ["200"]
    assert manifest.inputs == {"data": []}


def test_the_service_ends_with_the_execution(worker: Worker, tmp_path: Path) -> None:
    run(worker, f"cp $VH_CONFIG_DIR/api.json {tmp_path}/api.json")
    url = json.loads((tmp_path / "api.json").read_text())["input_request"]["url"]
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)


@dataclass
class Desk:
    """A workspace with a service, and what the service tells."""

    worker: Worker
    root: Path
    notes: list[str] = field(default_factory=list)
    brought: list[tuple[str, FileRecord]] = field(default_factory=list)

    def serve(self, uri: str = "data/a.txt") -> AbstractContextManager[str]:
        self.root.mkdir(parents=True)
        space = Workspace(*(self.root / name for name in (".", "inputs", "outputs", "config", "repository", "tmp")))
        source = Source(self.worker.store, self.worker.project, str, self.notes.append, no_pulse)
        asked = on_demand.Asked("data", "id", {"a.txt": uri})
        return on_demand.serve([asked], space, source, lambda name, record: self.brought.append((name, record)))


@pytest.fixture
def desk(worker: Worker, tmp_path: Path) -> Desk:
    return Desk(worker, tmp_path / "place" / "valohai")


def connect(url: str, request: str = "") -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)
    connection.sendall(request.encode())
    return connection


def answer(connection: socket.socket) -> bytes:
    with closing(connection):
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ask(url: str, request: str = "") -> bytes:
    return answer(connect(url, request or get(f"{urlsplit(url).path}?inputs=id")))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("on-demand")]


@pytest.fixture
def slow() -> Iterator[tuple[str, threading.Event]]:
    """Return the URL of a file that never ends, and the event that somebody has asked for it."""
    asked, over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x")
            asked.set()
            over.wait(60)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/a.txt", asked
        over.set()
        server.shutdown()
        thread.join()


def test_nothing_continues_after_the_end(desk: Desk, slow: tuple[str, threading.Event]) -> None:
    uri, asked = slow
    with desk.serve(uri) as url:
        path = urlsplit(url).path
        used = connect(url, get(f"{path}?inputs=id"))
        assert used.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        idle = connect(url)
        getting = connect(url, get(path.replace("/inputs", "/files/id/0")))
        waiting = connect(url, get(path.replace("/inputs", "/files/id/0")))
        assert asked.wait(60)
    assert not threads()
    shutil.rmtree(desk.root.parent)
    for connection in (used, idle, getting, waiting):
        try:
            connection.sendall(get(path.replace("/inputs", "/files/id/0")).encode())
            late = answer(connection)
        except ConnectionError:
            late = b""
        assert b"HTTP/1.1 200" not in late
    assert (desk.notes, desk.brought, desk.root.parent.exists()) == ([], [], False)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("POST /inputs HTTP/1.1\r\nContent-Length: {digits}\r\n\r\n", 404),
        ("POST /wrong/inputs HTTP/1.1\r\nContent-Length: 100\r\n\r\n", 404),
        ("POST {path} HTTP/1.1\r\nContent-Length: {digits}\r\n\r\n", 413),
        ("POST {path} HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        ("POST {path} HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST {path}?inputs=id HTTP/1.1\r\n\r\n", 200),
        ("GET {files}/{digits} HTTP/1.1\r\n\r\n", 404),
        ("GET {files}/\xb2 HTTP/1.1\r\n\r\n", 404),
        ("GET http://[ HTTP/1.1\r\n\r\n", 404),
        ("GET {files}/0 HTTP/1.1\r\n\r\n", 200),
    ],
)
def test_bad_requests_are_refused(desk: Desk, capfd: pytest.CaptureFixture[str], request_: str, status: int) -> None:
    with desk.serve() as url:
        path = urlsplit(url).path
        filled = request_.format(path=path, files=path.replace("/inputs", "/files/id"), digits="9" * 5000)
        assert ask(url, filled).startswith(f"HTTP/1.1 {status} ".encode())
    assert (desk.notes, "".join(capfd.readouterr())) == ([], "")


def test_a_client_may_leave(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    with desk.serve() as url:
        connection = connect(url, "GET /")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # with a reset
        assert ask(url).startswith(b"HTTP/1.1 200 ")
    assert (desk.notes, "".join(capfd.readouterr())) == ([], "")


def test_connections_are_limited_and_more_wait(desk: Desk) -> None:
    with desk.serve() as url, ExitStack() as ends:
        idle = [ends.enter_context(connect(url)) for _ in range(3 * on_demand.CONNECTIONS)]
        waiting = connect(url, get(f"{urlsplit(url).path}?inputs=id"))
        deadline = time.monotonic() + 60
        while len(threads()) <= on_demand.CONNECTIONS and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(threads()) == on_demand.CONNECTIONS + 1  # with the one that accepts them
        for connection in idle:
            connection.close()
        assert answer(waiting).startswith(b"HTTP/1.1 200 ")
    assert not threads()
