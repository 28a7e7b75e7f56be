"""Test that a killed flow leaves the outputs that its steps have made read-only."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from prefect import get_client

from tests.prefect.support import compiled, flow_of, wait_for
from translator.history import files, runs
from translator.history.records import executions
from translator.shim.store import open_store

FILE = """
- step:
    name: train
    image: none
    command: cd $VH_OUTPUTS_DIR; echo weights > model; chmod 0444 model; sleep 300
- pipeline: {name: killed, nodes: [{name: train, type: execution, step: train}], edges: []}
"""


def test_a_killed_flow_loses_no_checkpoint(server, tmp_path):
    file = compiled(FILE, tmp_path)
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow_of(file)).id
    environment = {
        **server.environment,
        "PREFECT__FLOW_RUN_ID": str(flow_run),
        "PREFECT__FLOW_ENTRYPOINT": f"{file}:{file.stem.removesuffix('_flow')}",
        "TRANSLATOR_STORE": str(tmp_path / "store"),
        "TRANSLATOR_RUN": "run",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect.engine"],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
        )
    attempt = tmp_path / "store" / "killed" / "run" / "train" / "0" / "try-1"
    uploaded = "[shim] uploaded 'model' (8 B): "
    try:
        wait_for(lambda: uploaded in (tmp_path / "log").read_text(), 180, "the model to be published")
        wait_for((attempt / "uploads.json").exists, 180, "the list of outputs to be written")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (attempt / "manifest.json").exists()
    store = open_store(str(tmp_path / "store"))
    run = runs.find(store, "latest")
    (execution,) = executions(run.record)
    assert files.copy(store, run, execution, tmp_path / "copies") == 1
    assert (tmp_path / "copies" / "model").read_text() == "weights\n"
