"""Pull images, with credentials from the engine's connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.podman import SH_IMAGE
from tests.registry import NAME, PASSWORD, USER, registry
from translator.shim.contract import Connection
from translator.shim.execution import execute
from translator.shim.runners.docker import images

if TYPE_CHECKING:
    from pathlib import Path

    from tests.podman import Podman
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer


def test_images_are_pulled_with_the_credentials_of_their_registry(
    worker: Worker, podman: Podman, in_container: InContainer, tmp_path: Path
) -> None:
    host = f"127.0.0.1:{podman.registry}"
    image = f"{host}/{NAME}:1"
    connections = {
        "hub": Connection("index.docker.io", "nobody", "nothing"),
        "ours": Connection(f"https://{host}/v2", USER, PASSWORD),
        "wrong": Connection("127.0.0.1", USER, "guessed", podman.registry),
    }

    def run(pull: str, *registries: str, node: str = "train"):
        step = in_container("echo here", image=image, settings={"pull": pull, "registries": list(registries)})
        return execute(step, replace(worker.context(node), connection=connections.get))

    with registry(podman, SH_IMAGE, tmp_path / "image") as asked:
        refused = run("missing", "wrong")
        assert refused.state == "error"
        assert f"cannot pull the image {image}: " in (refused.reason or "")
        assert "guessed" not in "\n".join(worker.log)
        reason = "the connection 'none' of the docker runner does not exist: create it in Airflow"
        assert (run("missing", "none").reason or "").startswith(reason)
        assert not asked

        assert run("missing", "hub", "ours").state == "complete", worker.told
        assert f"pulling image {image}" in worker.notes
        manifests = [path for path in asked if "/manifests/" in path]
        assert manifests
        worker.log.clear()
        assert run("missing", "ours", node="again").state == "complete"
        assert "pulling" not in worker.notes
        assert [path for path in asked if "/manifests/" in path] == manifests
        assert run("always", "ours", node="always").state == "complete"
        assert len([path for path in asked if "/manifests/" in path]) > len(manifests)
    assert podman.empty()
    podman.run("rmi", image)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("python:3.12", "docker.io"),
        ("team/image", "docker.io"),
        ("ghcr.io/team/image:1", "ghcr.io"),
        ("localhost/image", "localhost"),
        ("registry:5000/image@sha256:0", "registry:5000"),
    ],
)
def test_the_name_of_an_image_tells_its_registry(image: str, registry: str) -> None:
    assert images.registry(image) == registry
