"""Test that inputs are read with the credentials of Prefect's blocks."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect")

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from pydantic import SecretStr

from prefect_plugin import ArtifactStore
from prefect_plugin.configuration import connections
from tests.http_server import Server, send
from translator.shim.contract import Connection
from translator.shim.store.credentials import options_of

TOKEN = "t0ken-of-the-portal-1234"  # noqa: S105 - it is meant to look like one
PORTAL = """
- step: {name: read, image: i, command: cat /valohai/inputs/data/*, inputs: [{name: data, default: URL}]}
- pipeline: {name: Portal, nodes: [{name: read, type: execution, step: read}], edges: []}
"""


class AwsCredentials(Block):
    """Stands in for the block of prefect-aws, which has these fields."""

    _block_type_name = "AWS Credentials"
    _block_type_slug = "aws-credentials"

    aws_access_key_id: str
    aws_secret_access_key: SecretStr
    region_name: str
    aws_client_parameters: dict[str, Any]


class GcpCredentials(Block):
    """Stands in for the block of prefect-gcp."""

    _block_type_name = "GCP Credentials"
    _block_type_slug = "gcp-credentials"

    service_account_info: dict[str, Any]


@pytest.fixture
def portal() -> Iterator[Server]:
    """Start a web server that wants a token."""
    server = Server()

    def answer(handler: Any, number: int) -> None:
        right = handler.headers["Authorization"] == f"Bearer {TOKEN}"
        send(handler, 200, b"content\n") if right else send(handler, 401)

    server.answer = answer
    yield server
    server.close()


def test_a_url_is_read_with_a_block(run, portal: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    blocks = f'"http://{portal.host}/" = "portal"'
    (tmp_path / "translator.toml").write_text(f"[defaults.prefect.flow.input_blocks]\n{blocks}\n")
    ran = run(PORTAL.replace("URL", f"'{portal.url}'"))
    assert ran.nodes == {"read": "error"}
    (execution,) = ran.record["nodes"]["read"]["executions"]
    assert execution["reason"] == (
        f"valohai.yaml:2: input 'data': {portal.url} cannot be fetched: the block 'portal', which has the credentials "
        f"for http://{portal.host}/, does not exist: create it (Blocks), or change prefect.flow.input_blocks in "
        "translator.toml"
    )
    Secret(value=TOKEN).save("portal")
    try:
        ran = run(PORTAL.replace("URL", f"'{portal.url}'"))
    finally:
        Secret.delete("portal")
    assert ran.nodes == {"read": "complete"}
    assert [one["authorization"] for one in portal.asked] == [f"Bearer {TOKEN}"]
    assert "content" in (ran.store / "read" / "0" / "try-2" / "log.txt").read_text().splitlines()
    printed = capfd.readouterr()
    files = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]  # bytecode, too
    texts = [printed.out, printed.err, *files]
    pair = base64.b64encode(TOKEN.encode()).decode()
    assert not [text for text in texts if TOKEN in text or pair in text]


def test_blocks_of_other_packages(server) -> None:
    made: list[tuple[Block, str]] = [
        (
            AwsCredentials(
                aws_access_key_id="me",
                aws_secret_access_key="hunter2",  # noqa: S106 - it is meant to look like one
                region_name="eu-north-1",
                aws_client_parameters={"endpoint_url": "http://minio"},
            ),
            "s3://b/x",
        ),
        (GcpCredentials(service_account_info={"type": "service_account"}), "gs://b/x"),
        (ArtifactStore(uri="s3://ours", storage_options={"key": "us", "secret": "swordfish"}), "s3://ours/x"),
    ]
    for block, _ in made:
        block.save("theirs-1", overwrite=True)
    options = []
    for block, uri in made:
        found = connections.lookup(f"{block.get_block_type_slug()}/theirs_1")
        assert isinstance(found, Connection)
        assert "hunter2" not in repr(found)
        options.append(options_of(uri, found))
    assert options == [
        {
            "key": "me",
            "secret": "hunter2",
            "endpoint_url": "http://minio",
            "client_kwargs": {"region_name": "eu-north-1"},
        },
        {"token": {"type": "service_account"}},
        {"key": "us", "secret": "swordfish"},
    ]
    assert connections.lookup("theirs_1") == connections.lookup("artifact-store/theirs-1"), "by the order of types"


def test_a_private_server_has_no_blocks(run, portal: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATOR_PRIVATE", "1")
    blocks = f'"http://{portal.host}/" = "gone"'
    (tmp_path / "translator.toml").write_text(f"[defaults.prefect.flow.input_blocks]\n{blocks}\n")
    ran = run(PORTAL.replace("URL", f"'{portal.url}'"))
    (execution,) = ran.record["nodes"]["read"]["executions"]
    assert "the server answers 401" in execution["reason"]
