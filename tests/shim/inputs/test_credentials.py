"""Test that inputs are read with the credentials of the engine's connections, which nobody else sees."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.http_server import Server, send
from translator.shim.contract import Connection, Input, InputFiles, State, Step, StoreAddress
from translator.shim.execution import execute
from translator.shim.files import resumable
from translator.shim.store import objects
from translator.shim.store.access import Access, AccessError, authorization, connection_for, options
from translator.shim.store.credentials import options_of

if TYPE_CHECKING:
    from tests.shim.conftest import Worker

TOKEN = "t0ken-Of-The-Portal-123456"  # noqa: S105 - it is meant to look like one
PASSWORD = "hunter2-hunter2"  # noqa: S105 - so is this
KEY = "k"
LINES = "two\nlines"
BASIC = f"Basic {base64.b64encode(f'reader:{PASSWORD}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("start", "uri", "counts"),
    [
        ("s3://bucket", "s3://bucket/x", True),
        ("s3://bucket/", "s3://bucket/x", True),
        ("s3://bucket/", "s3://bucket-2/x", False),
        ("s3://bucket/data", "s3://bucket/data/x", True),
        ("s3://bucket/data", "s3://bucket/data", True),
        ("s3://bucket/data", "s3://bucket/data-2/x", False),
        ("s3://bucket/data/", "s3://bucket/data/../other/x", False),
        ("s3://bucket/data/", "s3://bucket/data/*.csv", True),
        ("s3://", "s3://bucket/x", True),
        ("s3://", "gs://bucket/x", False),
        ("azure://account/", "azure://account/container/x", True),
        ("azure://account/", "azure://accounts/container/x", False),
        ("abfs://container@account.dfs.core.windows.net/", "abfs://container@account.dfs.core.windows.net/x", True),
        ("https://host", "https://host/x?y#z", True),
        ("https://host", "https://HOST:443/x", True),
        ("https://host:443/", "https://host/x", True),
        ("https://host", "https://host:8443/x", False),
        ("https://host", "https://host.evil.example/x", False),
        ("https://host", "https://host@evil.example/x", False),
        ("https://host", "https://host\\@evil.example/x", False),
        ("https://host", "http://host/x", False),
        ("https://host/own/", "https://host/own/%2e%2e/x", False),
        ("https://host/own/", "https://host/own%2f..%2fx", False),
        ("https://host", "https://user:password@host/x", False),
        ("https://host", "https://host:bad/x", False),
        ("https://", "https://host/x", False),
        ("sftp://host/", "sftp://host/x", True),
        ("s3://bucket", "data/x.csv", False),
        ("s3://bucket/data", "s3://bucket/data?/**", False),
        ("s3://bucket/data", "s3://bucket/data#x/y", False),
        ("s3://bucket/data", "s3://bucket/data*/x", False),
        ("s3://bucket/data", "s3://bucket/data/%252e%252e/x", False),
        ("s3://bucket/data", "s3://bucket/data/x::file:///etc/passwd", False),
        ("https://host/own/", "https://host/own/..;/x", False),
        ("abfs://", "abfs://container/x", True),
        ("abfs://", "abfs://container@other.dfs.core.windows.net/x", False),
        ("abfs://", "abfs://other.dfs.core.windows.net/container/x", False),
        ("az://", "az://container@other.blob.core.windows.net/x", False),
        ("azure://", "azure://other/container/x", False),
        ("adl://", "adl://other/x", False),
        ("swift://", "swift://other/account/container/x", False),
        ("sftp://", "sftp://other/x", False),
    ],
)
def test_the_starts_of_addresses(start: str, uri: str, counts: bool) -> None:
    connection = Connection(login="me")
    access = Access({start: "theirs"}, {"theirs": connection}.get)
    assert connection_for(uri, access) == (connection if counts else None)


def test_the_longest_start_counts() -> None:
    connections = {name: Connection(login=name) for name in ("all", "bucket", "folder")}
    access = Access({"s3://b/deep": "folder", "s3://": "all", "s3://b/": "bucket"}, connections.get)
    logins = {
        uri: getattr(connection_for(uri, access), "login", None) for uri in ("s3://a/x", "s3://b/x", "s3://b/deep/x")
    }
    assert logins == {"s3://a/x": "all", "s3://b/x": "bucket", "s3://b/deep/x": "folder"}


def test_parts_are_counted_not_characters() -> None:
    connections = {name: Connection(login=name) for name in ("server", "folder")}
    access = Access({"https://host.example:443/": "server", "https://host.example/ab": "folder"}, connections.get)
    assert connection_for("https://host.example/ab/x", access) == connections["folder"]
    assert connection_for("https://host.example/abc", access) == connections["server"]


@pytest.mark.parametrize(
    ("uri", "counts"),
    [
        ("s3://store/pre/x", True),
        ("s3://store/pre/*/x", True),
        ("s3://store/pre/../other", False),
        ("s3://store/pre/%2e%2e/other", False),
        ("s3://store/pre-2/x", False),
        ("s3://store/pre?/x", False),
        ("s3://store/pre/x::file:///etc/passwd", False),
    ],
)
def test_the_credentials_of_the_store(uri: str, counts: bool) -> None:
    access = Access(store=StoreAddress("s3://store/pre/", {"key": "k"}))
    assert options(uri, access) == ({"key": "k"} if counts else {})


def test_a_connection_is_looked_up_once() -> None:
    asked: list[str] = []

    def lookup(name: str) -> Connection:
        asked.append(name)
        return Connection(login="me", password=PASSWORD, extra={"storage_options": {"sas_token": TOKEN, "anon": True}})

    told: list[str] = []
    access = Access({"s3://b": "theirs"}, lookup, tell=told.append)
    for _ in range(3):
        assert options("s3://b/x", access)["secret"] == PASSWORD
    assert asked == ["theirs"]
    assert told == [PASSWORD, TOKEN], "both are masked"
    assert access.mask.hide(f"{TOKEN} and {PASSWORD}") == "*** and ***"


@pytest.mark.parametrize(
    ("uri", "connection", "expected"),
    [
        (
            "s3://b/x",
            Connection(login="k", password=KEY, extra={"endpoint_url": "http://m", "region_name": "eu-north-1"}),
            {"key": "k", "secret": KEY, "endpoint_url": "http://m", "client_kwargs": {"region_name": "eu-north-1"}},
        ),
        ("azure://account/c/x", Connection(login="account", password=KEY), {"account_key": KEY}),
        ("abfs://c/x", Connection(login="account", password=KEY), {"account_name": "account", "account_key": KEY}),
        ("abfs://c@a.dfs.core.windows.net/x", Connection(login="other", password=KEY), {"account_key": KEY}),
        ("S3://b/x", Connection(login="k", password=KEY), {"key": "k", "secret": KEY}),
        ("abfs://a.dfs.core.windows.net/c/x", Connection(login="other", password=KEY), {"account_key": KEY}),
        ("ABFS://c@a/x", Connection(login="other", password=KEY), {"account_key": KEY}),
        ("az://c/x", Connection(login="a", extra={"sas_token": "sas"}), {"account_name": "a", "sas_token": "sas"}),
        ("gs://b/x", Connection(extra={"key_path": "/k.json", "project": "p"}), {"token": "/k.json", "project": "p"}),
        ("gs://b/x", Connection(extra={"keyfile_dict": '{"type": "x"}'}), {"token": {"type": "x"}}),
        ("gs://b/x", Connection(extra={"keyfile_dict": {"type": "x"}}), {"token": {"type": "x"}}),
        ("sftp://h/x", Connection(login="me", password=KEY), {"username": "me", "password": KEY}),
        ("oci://b@n/x", Connection(extra={"storage_options": {"config": "/c"}}), {"config": "/c"}),
    ],
)
def test_options_of_a_store(uri: str, connection: Connection, expected: dict[str, object]) -> None:
    assert options_of(uri, connection) == expected


@pytest.mark.parametrize(
    ("connection", "header"),
    [
        (Connection(login="reader", password=PASSWORD), BASIC),
        (Connection(login="reader"), f"Basic {base64.b64encode(b'reader:').decode()}"),
        (Connection(password=f"{TOKEN}\n"), f"Bearer {TOKEN}"),
    ],
)
def test_headers(connection: Connection, header: str) -> None:
    assert authorization("https://host/x", Access({"https://host": "portal"}, {"portal": connection}.get)) == header


GONE = "which has the credentials for https://host, does not exist: create it"


@pytest.mark.parametrize(
    ("connection", "engine", "message"),
    [
        (None, "airflow", f"the connection 'portal', {GONE} (Admin > Connections), or change airflow.dag.input_connec"),
        (
            None,
            "prefect",
            f"the block 'portal', {GONE} (Blocks), or change prefect.flow.input_blocks in translator.toml",
        ),
        (Connection(), "airflow", "has neither a login nor a password"),
        (Connection(password=LINES), "airflow", "has a password that is not a token, and no login"),
    ],
)
def test_credentials_that_cannot_be_used(connection: Connection | None, engine: str, message: str) -> None:
    access = Access({"https://host": "portal"}, lambda _: connection, engine=engine)
    with pytest.raises(AccessError) as error:
        authorization("https://host/x", access)
    assert message in str(error.value)
    assert "lines" not in str(error.value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(resumable, "FIRST_WAIT", 0.01)
    one = Server()
    one.answer = lambda handler, number: send(handler, 200, b"content\n")
    yield one
    one.close()


def use(uri: str, *, on_demand: bool = False) -> Step:
    command = ["cat $VH_CONFIG_DIR/*.json", "env", "cat $VH_INPUTS_DIR/in/* || true"]
    return Step("s", command, inputs=[Input("in", [uri], on_demand=on_demand)], source="valohai.yaml:12")


def everything(worker: Worker) -> str:
    """Return all that an execution left: its log, and the files in the store."""
    files = [path for path in Path(worker.uri).rglob("*") if path.is_file()]
    return "\n".join([*worker.log, *(path.read_text(errors="replace") for path in files)])


@pytest.mark.parametrize("how", ["default", "launched", "name", "on demand", "parameter"])
def test_a_url_is_read_with_a_connection(worker: Worker, server: Server, how: str) -> None:
    url = f"http://{server.host}/private/data.bin"
    worker.connections = {"portal": Connection(password=TOKEN)}
    worker.input_connections = {f"http://{server.host}/private": "portal"}
    step = use(url)
    inputs = None
    if how == "launched":
        step = use("none.csv")
        inputs = {"in": InputFiles(defaults=[url], launched=True)}
    elif how == "name":
        worker.catalogue = worker.project / "translator.toml"
        worker.catalogue.write_text(f'[catalogue.names]\n"datum://x" = "{url}"\n')
        step = use("datum://x")
    elif how == "on demand":
        step = use(url, on_demand=True)
    manifest = worker.run(step, inputs=inputs)
    assert manifest.state is State.COMPLETE, manifest.reason
    if how == "on demand":
        assert server.asked == []
    else:
        assert [one.get("authorization") for one in server.asked] == [f"Bearer {TOKEN}"]
        assert worker.output[-1] == "content"
    assert TOKEN not in everything(worker)


def test_a_header_stays_with_its_origin(worker: Worker, server: Server) -> None:
    other = Server()
    other.answer = lambda handler, number: send(handler, 200, b"other")

    def answer(handler, number: int) -> None:
        send(handler, 302, Location="/moved" if number == 1 else f"http://{other.host}/data")

    server.answer = answer
    worker.connections = {"portal": Connection(login="reader", password=PASSWORD)}
    worker.input_connections = {f"http://{server.host}": "portal", f"http://{other.host}": "portal"}
    manifest = worker.run(use(server.url))
    assert manifest.state is State.COMPLETE, manifest.reason
    assert [one.get("authorization") for one in server.asked] == [BASIC] * 2
    assert "authorization" not in other.asked[0]
    for secret in (PASSWORD, BASIC.partition(" ")[2]):
        assert secret not in everything(worker)
    other.close()


@pytest.mark.parametrize(
    ("location", "authorized"),
    [("/private/moved", True), ("/public", False), ("/private/../public", False), ("/private/deep/x", False)],
)
def test_a_redirect_takes_a_header_only_where_it_counts(
    worker: Worker, server: Server, location: str, authorized: bool
) -> None:
    def answer(handler, number: int) -> None:
        send(
            handler,
            *((302,) if number == 1 else (200, b"content\n")),
            **({"Location": location} if number == 1 else {}),
        )

    server.answer = answer
    worker.connections = {"portal": Connection(password=TOKEN), "deep": Connection(password=PASSWORD)}
    worker.input_connections = {
        f"http://{server.host}/private": "portal",
        f"http://{server.host}/private/deep": "deep",
    }
    manifest = worker.run(use(f"http://{server.host}/private/data.bin"))
    assert manifest.state is State.COMPLETE, manifest.reason
    assert [one.get("authorization") for one in server.asked] == [
        f"Bearer {TOKEN}",
        f"Bearer {TOKEN}" if authorized else None,
    ]


@pytest.mark.parametrize("location", ["http://u:pw@{}/x", "http://{}@evil.example/x"])
def test_a_redirect_to_a_user_is_refused_at_once(worker: Worker, server: Server, location: str) -> None:
    server.answer = lambda handler, number: send(handler, 302, Location=location.format(server.host))
    manifest = worker.run(use(server.url))
    assert manifest.reason == (
        f"valohai.yaml:12: input 'in': {server.url} cannot be fetched: "
        "the server redirects to a URL with a user or a password"
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize("on_demand", [False, True])
@pytest.mark.parametrize("uri", ["https://host/x", "s3://theirs/x", "s3://theirs/*.csv"])
def test_a_missing_connection_is_an_error_before_the_command(worker: Worker, uri: str, on_demand: bool) -> None:
    worker.input_connections = {"https://host": "gone", "s3://theirs": "gone"}
    manifest = worker.run(use(uri, on_demand=on_demand))
    assert (manifest.state, worker.output) == (State.ERROR, [])
    assert manifest.reason
    assert manifest.reason.startswith("valohai.yaml:12: input 'in': ")
    assert "the block 'gone', which has the credentials for " in manifest.reason
    assert "does not exist: create it (Blocks), or change prefect.flow.input_blocks" in manifest.reason


def test_an_answer_that_repeats_the_header_is_not_shown(worker: Worker, server: Server) -> None:
    def answer(handler, number: int) -> None:
        handler.send_response(403, f"no {handler.headers['Authorization']}")
        handler.end_headers()

    server.answer = answer
    worker.connections = {"portal": Connection(password=TOKEN)}
    worker.input_connections = {f"http://{server.host}": "portal"}
    manifest = worker.run(use(server.url))
    assert manifest.reason == (
        f"valohai.yaml:12: input 'in': {server.url} cannot be fetched: the server answers 403 no Bearer ***"
    )
    assert TOKEN not in everything(worker)


@pytest.fixture
def theirs(s3: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the endpoint of a bucket that only a connection names; the worker's environment names none."""
    import s3fs

    s3fs.S3FileSystem().makedirs("theirs", exist_ok=True)
    for name in ("a.csv", "b.csv", "c.txt"):
        s3fs.S3FileSystem().pipe_file(f"theirs/data/{name}", f"{name}\n".encode())
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    return {"endpoint_url": endpoint, "region_name": "us-east-1"}


@pytest.mark.parametrize("on_demand", [False, True])
@pytest.mark.parametrize("uri", ["s3://theirs/data/a.csv", "s3://theirs/data/*.csv"])
def test_a_bucket_is_read_with_a_connection(
    worker: Worker, theirs: dict[str, str], uri: str, on_demand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[dict[str, object]] = []
    opened = objects.file_system

    def spied(uri: str, options: dict[str, object] | None = None) -> object:
        used.append(dict(options or {}))
        return opened(uri, options or {})

    monkeypatch.setattr(objects, "file_system", spied)
    worker.connections = {"partner": Connection(login="AKIAPARTNER", password=PASSWORD, extra=theirs)}
    worker.input_connections = {"s3://theirs/": "partner"}
    ask = "import json,os,urllib.request as u;c=json.load(open(os.environ['VH_CONFIG_DIR']+'/inputs.json'))['in']"
    ask += ";r=json.load(open(os.environ['VH_CONFIG_DIR']+'/api.json'))['input_request']"
    ask += ";a=json.load(u.urlopen(r['url']+'?inputs='+c['input_id']))"
    ask += ";[print(u.urlopen(f['url']).read().decode().strip()) for f in a[0]['files']]"
    worker.script("ask.py", ask)
    step = Step(
        "s",
        ["cat $VH_CONFIG_DIR/*.json | head -c 0", "python ask.py" if on_demand else "cat $VH_INPUTS_DIR/in/*"],
        inputs=[Input("in", [uri], on_demand=on_demand)],
    )
    manifest = worker.run(step)
    assert manifest.state is State.COMPLETE, manifest.reason
    assert worker.output == (["a.csv", "b.csv"] if "*" in uri else ["a.csv"])
    assert {one["key"] for one in used} == {"AKIAPARTNER"}
    assert all(one["secret"] == PASSWORD for one in used)
    assert PASSWORD not in everything(worker)


def test_without_its_connection_the_bucket_is_not_found(worker: Worker, theirs: dict[str, str]) -> None:
    """Otherwise, the test above would show nothing."""
    parts = urlsplit(theirs["endpoint_url"])
    worker.connections = {
        "partner": Connection(
            extra={**theirs, "endpoint_url": f"http://{parts.hostname}:9", "storage_options": {"anon": True}}
        )
    }
    worker.input_connections = {"s3://theirs/": "partner"}
    manifest = worker.run(use("s3://theirs/data/*.csv"))
    assert manifest.state is State.ERROR
    assert "s3://theirs/data/*.csv cannot be listed: " in str(manifest.reason)


def test_manifests_have_the_plain_address(worker: Worker, theirs: dict[str, str]) -> None:
    worker.connections = {"partner": Connection(login="k", password=PASSWORD, extra=theirs)}
    worker.input_connections = {"s3://theirs/": "partner"}
    manifest = worker.run(use("s3://theirs/data/a.csv"))
    document = json.loads(worker.store.read(worker.store.key(manifest.uri)))
    assert [one["uri"] for one in document["inputs"]["in"]] == ["s3://theirs/data/a.csv"]


def test_a_file_of_the_store_is_read_with_the_credentials_of_the_store(worker: Worker, theirs: dict[str, str]) -> None:
    """A run may be given a file of the artifact store, whose credentials the worker's environment does not have."""
    credentials = {"key": "k", "secret": PASSWORD, "endpoint_url": theirs["endpoint_url"]}
    context = replace(worker.context(), store=StoreAddress("s3://theirs/store", credentials))
    made = execute(Step("make", ["echo made > $VH_OUTPUTS_DIR/made.txt"]), context)
    assert made.state is State.COMPLETE, made.reason
    uri = made.outputs[0].uri
    for given in (uri, uri.replace("made.txt", "*.txt")):
        wanted = {"in": InputFiles(defaults=[given], launched=True)}
        manifest = execute(use("none.csv"), replace(context, id=replace(context.id, node="use")), inputs=wanted)
        assert (manifest.state, worker.output[-1]) == (State.COMPLETE, "made"), manifest.reason
    access = Access(store=context.store)
    assert options("s3://theirs/store-2/x", access) == {}, "another place"
