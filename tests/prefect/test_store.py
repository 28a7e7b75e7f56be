"""Test which artifact store a flow uses, and the block that configures it."""

import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect_plugin import ArtifactStore
from prefect_plugin.stores import choose

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
    assert found.stdout.strip() == "prefect_plugin.blocks"


def test_the_store_comes_from_the_environment_else_from_a_block_else_is_a_folder(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRANSLATOR_STORE", raising=False)
    assert choose() == str(tmp_path / "artifacts")

    ArtifactStore(uri="s3://default/store").save("default")
    ArtifactStore(uri="s3://team/store").save("team")
    try:
        assert choose() == "s3://default/store"
        for given, chosen in {
            "artifact-store/team": "s3://team/store",
            "relative": str(tmp_path / "relative"),
            "memory://there": "memory://there",
        }.items():
            monkeypatch.setenv("TRANSLATOR_STORE", given)
            assert choose() == chosen
        monkeypatch.setenv("TRANSLATOR_STORE", "artifact-store/nobody")
        with pytest.raises(ValueError, match="nobody"):
            choose()
    finally:
        for name in ("default", "team"):
            ArtifactStore.delete(name)
