"""Test that a real container has what translator.toml and valohai.yaml say; GPUs by the request to Docker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.podman import PYTHON_IMAGE
from translator import ir
from translator.load import load
from translator.shim import contract
from translator.shim.contract import Resources, Step
from translator.targets.render import literal
from translator.targets.steps import step_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.podman import Podman
    from tests.shim.conftest import Worker

PIPELINE = """
- step:
    name: work
    image: none
    environment: large
    mounts: [{source: DATA, destination: /data, readonly: true}]
    command:
      - cat /data/x; if (echo more > /data/x) 2>/dev/null; then echo writable; fi
      - echo line >> /cache/lines; cat /cache/lines
      - test -c /dev/fuse && echo $WHO
- pipeline: {name: P, nodes: [{name: one, type: execution, step: work}], edges: []}
"""
SETTINGS = """
[environments.large]
runner = "docker"
runners.docker = { host = "HOST", pull = "never", volumes = ["translator-toml:/cache"], shm-size = 16 }
image = "IMAGE"
variables.WHO = "the platform team"
resources = { cpu = 0.5, memory = 256, devices = { "/dev/fuse" = 1 } }
"""


def test_a_container_has_what_translator_toml_says(worker: Worker, podman: Podman, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("data\n")
    (tmp_path / "valohai.yaml").write_text(PIPELINE.replace("DATA", str(tmp_path / "data")))
    settings = SETTINGS.replace("HOST", podman.url).replace("IMAGE", PYTHON_IMAGE)
    (tmp_path / "translator.toml").write_text(settings)
    loaded = load(tmp_path / "valohai.yaml")
    assert loaded.diagnostics.ok, "\n".join(map(str, loaded.diagnostics))
    (node,) = loaded.choose().nodes
    assert isinstance(node, ir.ExecutionNode)
    step: Step = eval(literal(step_of(node, "valohai")), dict(vars(contract)))  # noqa: S307 - as the generated file has it
    try:
        for index in range(2):
            assert worker.run(step, index=index).state == "complete", worker.told
    finally:
        podman.empty()
        podman.run("volume", "rm", "translator-toml")
    who = "the platform team"
    assert worker.output == ["data", "line", who, "data", "line", "line", who]


@pytest.mark.parametrize(
    ("components", "asked"),
    [
        (
            ["Engine", "containerd"],
            {"DeviceRequests": [{"Driver": "", "Count": 2, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}]},
        ),
        (
            ["Podman Engine"],
            {
                "Devices": [
                    {"PathOnHost": name, "PathInContainer": name, "CgroupPermissions": "rwm"}
                    for name in ("nvidia.com/gpu=0", "nvidia.com/gpu=1")
                ]
            },
        ),
    ],
    ids=["docker", "podman"],
)
def test_gpus_are_requested_as_the_engine_knows_them(
    components: list[str], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No machine of the tests has a GPU: this is what the client sends (``docker run --gpus 2``)."""
    docker = pytest.importorskip("docker")
    from translator.shim.runners.docker import container
    from translator.shim.runners.docker.engine import Address, Engine
    from translator.shim.runners.docker.settings import Settings

    client = docker.APIClient(base_url="unix:///nowhere", version="1.43")
    monkeypatch.setattr(client, "version", lambda: {"Components": [{"Name": name} for name in components]})
    request: Any = SimpleNamespace(step=Step("s", ["true"], resources=Resources(devices={"nvidia.com/gpu": 2})))
    sent = container.host_config(Engine(Address("unix:///nowhere"), client), request, Settings(), [])
    assert {key: sent[key] for key in ("Devices", "DeviceRequests") if key in sent} == asked
