"""Test which artifact store a flow uses, and the block that configures it."""

import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.blocks.system import Secret
from prefect.client.schemas.actions import BlockDocumentUpdate

from prefect_plugin import ArtifactStore
from prefect_plugin.configuration.stores import FlowStore, choose
from prefect_plugin.exceptions import BlockError
from tests.prefect.support import compiled, flow_of
from translator.shim.contract import StoreAddress

COLLECTION = """
import prefect
from prefect.blocks.core import Block
print(Block.get_block_class_from_key("artifact-store").__module__)
"""


def test_the_block_is_registered_as_a_module_and_as_a_collection(server):
    done = server.command("block", "register", "-m", "prefect_plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Artifact Store" in done.stdout
    found = subprocess.run(
        [sys.executable, "-c", COLLECTION], env=dict(server.environment), capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "prefect_plugin.configuration.blocks"


def test_the_store_comes_from_the_environment_else_from_a_block_else_is_a_directory(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRANSLATOR_STORE", raising=False)
    assert choose().address == StoreAddress(str(tmp_path / "artifacts"))

    ArtifactStore(uri="s3://default/store").save("default")
    ArtifactStore(uri="s3://team/store", storage_options={"key": "me", "secret": "swordfish"}).save("team")
    try:
        options = {"key": "me", "secret": "swordfish"}
        assert choose().address == StoreAddress("s3://default/store")
        assert choose("s3://said").address == StoreAddress("s3://said")
        assert choose(None, "team") == FlowStore(StoreAddress("s3://team/store", options), "team")
        assert choose("s3://said", "team").address == StoreAddress("s3://said", options)
        assert "swordfish" not in f"{choose(None, 'team')!r}"
        for given, chosen in {
            "artifact-store/team": "s3://team/store",
            "relative": str(tmp_path / "relative"),
            "memory://there": "memory://there",
        }.items():
            monkeypatch.setenv("TRANSLATOR_STORE", given)
            assert choose("s3://said", "default").address.uri == chosen
        monkeypatch.setenv("TRANSLATOR_STORE", "artifact-store/nobody")
        with pytest.raises(BlockError) as missing:
            choose()
        assert missing.value.message == "the Artifact Store block 'nobody' does not exist"
        assert missing.value.hint == "create it in Prefect (Blocks, Artifact Store), or change TRANSLATOR_STORE"
        monkeypatch.delenv("TRANSLATOR_STORE")
        Secret(value="s3://secret").save("typed")
        with pytest.raises(BlockError, match=r"'typed' does not exist\n .* change store_block in translator.toml"):
            choose(None, "typed")
    finally:
        for name in ("default", "team"):
            ArtifactStore.delete(name)


def test_a_block_with_other_fields_is_an_error_and_not_a_missing_one(server, monkeypatch):
    monkeypatch.delenv("TRANSLATOR_STORE", raising=False)
    ArtifactStore(uri="s3://default/store").save("default")
    try:
        with get_client(sync_client=True) as client:
            block = client.read_block_document_by_name("default", "artifact-store")
            client.update_block_document(block.id, BlockDocumentUpdate(data={}, merge_existing_data=False))
        with pytest.raises(BlockError, match="the Artifact Store block 'default' cannot be read: ") as broken:
            choose()
        assert broken.value.hint == "open it in Prefect and save it again"
    finally:
        ArtifactStore.delete("default")


PIPELINE = """
- step: {name: work, image: none, command: echo made > $VH_OUTPUTS_DIR/made}
- pipeline:
    name: Stored
    nodes: [{name: one, type: execution, step: work}]
    edges: []
"""


def test_a_flow_uses_the_store_that_translator_toml_names(server, tmp_path, monkeypatch):
    for name in ("TRANSLATOR_STORE", "TRANSLATOR_RUN", "TRANSLATOR_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    settings = f'[defaults]\nstore = "{tmp_path}/team"\n[defaults.prefect.flow]\nstore_block = "credentials"\n'
    (tmp_path / "translator.toml").write_text(settings)
    ArtifactStore(uri="s3://elsewhere").save("credentials")
    try:
        assert flow_of(compiled(PIPELINE, tmp_path))(return_state=True).is_completed()
    finally:
        ArtifactStore.delete("credentials")
    assert [file.read_text() for file in (tmp_path / "team").glob("*/*/one/0/try-1/outputs/made")] == ["made\n"]
    assert not (tmp_path / "artifacts").exists()
