"""Test downloads from slow, broken or hostile servers: the file is right, or the reason says why not."""

from __future__ import annotations

import base64
import hashlib
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.http_server import Answer, Server, send
from translator.shim.contract import Input, Step
from translator.shim.files import abandon, resumable
from translator.shim.files.digest import no_pulse
from translator.shim.files.resumable import DownloadError
from translator.shim.inputs import download
from translator.shim.inputs.fetch import FetchError, fetch
from translator.shim.masking.uris import redact, redact_quoted

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(resumable, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(abandon, "EVERY", 0.02)
    one = Server()
    yield one
    one.close()


def cut(at: int, tag: str | None = '"v1"', *, ranges: bool = True) -> Answer:
    """Break off after ``at`` more bytes each time; a range is answered if the file is still of version ``tag``."""

    def answer(handler, number: int) -> None:
        headers = {"ETag": tag} if tag else {}
        start = 0
        if ranges and handler.headers.get("If-Range") == tag and tag:
            start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers["Content_Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        piece = CONTENT[start : start + at]
        send(handler, 206 if start else 200, piece, len(CONTENT) - start, **headers)
        handler.close_connection = True

    return answer


def get(server: Server, tmp_path: Path, url: str | None = None) -> bytes:
    target = tmp_path / "target"
    size, sha256 = download.download(url or server.url, target, no_pulse)
    content = target.read_bytes()
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return content


def test_an_interrupted_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.answer = cut(60_000)
    assert get(server, tmp_path) == CONTENT
    assert [one.get("range") for one in server.asked] == [
        None, "bytes=60000-", "bytes=120000-", "bytes=180000-", "bytes=240000-",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["changed", "weak", "ignored", "elsewhere", "refused"])
def test_a_download_that_cannot_be_resumed_restarts(server: Server, tmp_path: Path, how: str) -> None:
    def answer(handler, number: int) -> None:
        if number == 1:
            other = b"?" * 1000 if how == "changed" else CONTENT[:1000]
            send(handler, 200, other, len(CONTENT), ETag='W/"v"' if how == "weak" else '"v"')
            handler.close_connection = True
        elif number == 2 and how == "elsewhere":
            send(handler, 206, CONTENT[5:], ETag='"v"', Content_Range=f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
        elif number == 2 and how == "refused":
            send(handler, 416)
        else:
            send(handler, 200, CONTENT, ETag='"w"')

    server.answer = answer
    assert get(server, tmp_path) == CONTENT
    assert server.asked[1].get("range") == (None if how == "weak" else "bytes=1000-")


@pytest.mark.parametrize("status", [429, 503, 500, 408])
def test_temporary_failures_are_retried(server: Server, tmp_path: Path, status: int) -> None:
    server.answer = lambda handler, number: send(handler, *((status, b"no") if number < 3 else (200, CONTENT)))
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize("header", ["number", "date"])
def test_retry_after_is_respected(server: Server, tmp_path: Path, header: str, monkeypatch) -> None:
    waited: list[float] = []
    times = iter([0.0, *(float(second) for second in range(1000))])
    monkeypatch.setattr(
        resumable, "time", type("Clock", (), {"monotonic": lambda: next(times), "sleep": waited.append})
    )
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    after = "60" if header == "number" else at
    server.answer = lambda handler, number: (
        send(handler, 429, Retry_After=after) if number == 1 else send(handler, 200, CONTENT)
    )
    assert get(server, tmp_path) == CONTENT
    assert 55 <= len(waited) <= 62, "once a second of a clock that each look moves by one"


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (lambda handler, number: send(handler, 404), "the server answers 404 Not Found", 1),
        (lambda handler, number: send(handler, 503), "the server answers 503 Service Unavailable", 4),
        (
            lambda handler, number: send(handler, 429, Retry_After="86400"),
            "the server answers 429 Too Many Requests, and asks to retry after 86400 s",
            1,
        ),
        (cut(0), "the connection ended after 0 of 256000 bytes", 4),
        (cut(1000, ranges=False), "the connection ended after 1000 of 256000 bytes", 5),
        (lambda handler, number: handler.wfile.write(b"SSH-2.0\r\n\r\n"), "SSH-2.0", 4),
        (
            lambda handler, number: send(handler, 302, Location="file:///etc/passwd"),
            "too many redirects, or a redirect to something that is not HTTP",
            1,
        ),
        (
            lambda handler, number: send(handler, 302, Location="ftp://127.0.0.1:1/data.bin"),
            "too many redirects, or a redirect to something that is not HTTP",
            1,
        ),
        (lambda handler, number: send(handler, 302, Location="/data.bin"), "too many redirects", 5),
    ],
    ids=["404", "503", "429", "nothing", "no ranges", "not HTTP", "file", "ftp", "loop"],
)
def test_permanent_failures_are_errors(server: Server, tmp_path: Path, answer, reason: str, requests: int) -> None:
    server.answer = answer
    with pytest.raises(DownloadError) as error:
        get(server, tmp_path)
    assert reason in str(error.value)
    assert len(server.asked) == requests


MD5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()  # noqa: S324 - servers state it
SHA256 = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
DIGESTS = [
    {"Repr_Digest": f"sha-256=:{SHA256}:"},
    {"Digest": f"unixsum=1, SHA-256={SHA256}"},
    {"Digest": f"MD5={MD5},sha-256={SHA256}"},
    {"Content_MD5": MD5},
]


@pytest.mark.parametrize("headers", DIGESTS)
def test_a_digest_that_the_server_states_is_checked(server: Server, tmp_path: Path, headers: dict[str, str]) -> None:
    def answer(handler, number: int) -> None:
        send(handler, 200, CONTENT if number == 3 else CONTENT[:-1] + b"?", **headers)

    server.answer = answer
    assert get(server, tmp_path) == CONTENT
    assert len(server.asked) == 3
    server.answer = lambda handler, number: send(handler, 200, CONTENT[:-1] + b"?", **headers)
    with pytest.raises(DownloadError, match=r"it was damaged on its way: its (MD5|SHA-256) is [0-9a-f]+, not "):
        download.download(server.url, tmp_path / "damaged", no_pulse)


@pytest.mark.parametrize(
    "headers", [{"Digest": "sha-256=short"}, {"Content_MD5": "??"}, {"Content_MD5": MD5, "Content_Encoding": "gzip"}]
)
def test_a_digest_of_something_else_is_ignored(server: Server, tmp_path: Path, headers: dict[str, str]) -> None:
    other = b"other"
    server.answer = lambda handler, number: send(handler, 200, other, **headers)
    assert get(server, tmp_path) == other


def drip(handler, number: int) -> None:
    send(handler, 200, b"x", 10_000_000)
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def hang(handler, number: int) -> None:
    time.sleep(600)


@pytest.mark.parametrize("answer", [drip, hang])
@pytest.mark.parametrize("why", ["stop", "limit", "interrupt"])
def test_an_endless_response_does_not_block_a_stop(worker, server: Server, answer: Answer, why: str) -> None:
    """Whether the engine stops the run, the time limit has passed, or Ctrl-C comes: there is a record."""
    server.answer = answer

    def asked() -> str | None:
        if server.asked and why == "interrupt":
            raise KeyboardInterrupt
        return "enough" if server.asked and why == "stop" else None

    worker.should_stop = asked
    step = Step("s", ["true"], inputs=[Input("in", [server.url])], time_limit=2 if why == "limit" else None)
    if why == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            worker.run(step)
        [manifest] = worker.manifests()
    else:
        manifest = worker.run(step)
    assert (manifest.state, manifest.reason) == {
        "stop": ("stopped", "enough"),
        "limit": ("error", "the inputs were not staged within the time limit of 2 s"),
        "interrupt": ("stopped", "the engine cancelled the execution"),
    }[why]
    assert list((Path(worker.uri) / ".work").iterdir()) == []


def test_credentials_in_a_url_work_and_stay_with_their_server(worker, server: Server) -> None:
    other = Server()
    other.answer = lambda handler, number: send(handler, 200, b"other")
    token = "s3cr3t-t0ken-that-nobody-must-see"  # noqa: S105 - it is meant to look like one

    def answer(handler, number: int) -> None:
        if handler.path.startswith("/data.bin"):
            send(handler, 302, Location="/moved")
        elif handler.path == "/moved":
            send(handler, 302, Location=f"http://{other.host}/other")
        else:
            send(handler, 403)

    server.answer = answer
    url = f"http://us%65r:pa%3Ass@{server.host}/data.bin?version=3&token={token}"
    step = Step("s", ["cat /valohai/inputs/in/*", "cat /valohai/config/inputs.json"], inputs=[Input("in", [url])])
    manifest = worker.run(step)
    assert manifest.state == "complete", manifest.reason
    assert [one.get("authorization") for one in server.asked] == ["Basic dXNlcjpwYTpzcw=="] * 2
    assert server.asked[0]["path"] == f"/data.bin?version=3&token={token}"
    assert "authorization" not in other.asked[0]
    assert manifest.inputs["in"][0].uri == f"http://***@{server.host}/data.bin?version=3&token=***"
    refused = worker.run(Step("s", ["true"], inputs=[Input("in", [url.replace("data.bin", "no")])]))
    where = f"http://***@{server.host}/no?version=3&token=***"
    assert refused.reason == f"input 'in': {where} cannot be fetched: the server answers 403 Forbidden"
    everything = "\n".join(worker.log) + "".join(
        path.read_text() for path in Path(worker.uri).rglob("*.*") if path.is_file()
    )
    for secret in (token, "pa%3Ass", "pa:ss", "dXNlcjpwYTpzcw"):
        assert secret not in everything
    other.close()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://host/a.csv?raw=true&v=12", None),
        ("data/a?b=token", None),
        ("s3://bucket/key", None),
        ("https://user@host/x", "https://***@host/x"),
        ("ftp://u:p@host/x", "ftp://***@host/x"),
        ("https://h/x?X-Amz-Signature=ab&X-Amz-Date=2", "https://h/x?X-Amz-Signature=***&X-Amz-Date=***"),
        ("https://h/x?sv=1&sig=abc#f", "https://h/x?sv=1&sig=***#f"),
        ("https://h/x?id=1A2b3C4d5E6f7G8h9I0jKlMn", "https://h/x?id=***"),
        ("http://[bad/x?token=1", "http://[bad/x?token=***"),
        ("https://bob:pa[ss@host/x", "https://***@host/x"),
        ("https://bob:pa/ss@host/x", "https://***@host/x"),
        ("https://bob:pa?ss@host/x?sig=1&v=2", "https://***@host/x?sig=***&v=2"),
        ("https://bob:pa#ss@host/x", "https://***@host/x"),
        ("s3://KEY:a/b+c@bucket/x", "s3://***@bucket/x"),
        # What a parser takes for a host and a port is shown: the password would not be used as one.
        ("https://host:8443/pkg@1.0/x", None),
        ("s3://arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap/a@b", None),
    ],
)
def test_uris_are_shown_without_credentials(uri: str, expected: str | None) -> None:
    assert redact(uri) == (expected or uri)


@pytest.mark.parametrize("secret", ["pa[ss9", "pa/ss9", "pa?ss9", "pa#ss9"])
@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_a_url_that_cannot_be_read(worker, scheme: str, secret: str) -> None:
    url = f"{scheme}://bob:{secret}@host/x"
    assert redact_quoted(f"{url} has {secret}", url) == f"{scheme}://***@host/x has ***"
    refused = worker.run(Step("s", ["true"], inputs=[Input("in", [url])]))
    assert refused.reason == (
        f"input 'in': {scheme}://***@host/x is not a URI: "
        "percent-encode special characters in its host, user and password"
    )
    assert secret not in "\n".join(worker.log)


def test_a_full_disk_is_not_the_servers_fault(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler, number: send(handler, 200, CONTENT)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(FetchError, match=r"cannot be fetched: .*File too large"):
            fetch(server.url, tmp_path / "x", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(server.asked) == 1
