"""Test that containers end when a flow run is cancelled, or its process is killed."""

import json
import signal
import subprocess
import sys

import pytest

pytest.importorskip("prefect")

from tests.podman import PYTHON_IMAGE
from tests.prefect.run.test_cancel import cancel, flow_run_of
from tests.prefect.support import wait_for
from translator.load import load
from translator.targets import GenerateOptions
from translator.targets import prefect as target

TEXT = f"""
- step:
    name: sleep
    image: {PYTHON_IMAGE}
    command: "trap '' TERM; while :; do sleep 0.2; done"
- pipeline:
    name: NAME
    nodes:
      - {{name: sleeper, type: execution, step: sleep}}
    edges: []
"""


def test_containers_end_with_their_flow_run(server, podman, tmp_path):
    processes, folders = {}, {name: tmp_path / name for name in ("cancelled", "killed")}
    try:
        for name, folder in folders.items():
            folder.mkdir()
            (folder / "valohai.yaml").write_text(TEXT.replace("NAME", f"{name} in container"))
            (folder / "translator.toml").write_text(podman.settings)
            pipeline = load(folder / "valohai.yaml").choose()
            (folder / "flow.py").write_text(target.generate(pipeline, GenerateOptions()))
            environment = {**server.environment, "TRANSLATOR_STORE": str(folder / "store")}
            processes[name] = subprocess.Popen(
                [sys.executable, "flow.py"],
                cwd=folder,
                env=environment,
                stdout=(folder / "log").open("w"),
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: len(podman.containers()) == 2, 300, "the containers to start")

        cancel(flow_run_of("cancelled in container"))
        wait_for(lambda: len(podman.containers()) == 1, 60, "the container of the cancelled run to end")
        assert processes["cancelled"].wait(600) != 0
        (record,) = (folders["cancelled"] / "store").glob("*/*/run.json")
        assert json.loads(record.read_text())["state"] == "stopped"

        processes["killed"].send_signal(signal.SIGKILL)
        wait_for(lambda: not podman.containers(), 60, "the container of the killed run to end")
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
