"""Build the image of the example's steps on the container engine of this machine, if one answers."""

import os
from pathlib import Path

from translator.shim.runners import RunnerError
from translator.shim.runners.docker.engine import Engine, address, connect, speaking
from translator.shim.runners.docker.settings import Settings

IMAGE = "digits:1.0"
"""The image that ``valohai.yaml`` names."""


def engine_with_image(directory: Path) -> str:
    """Return the address of a container engine that has the image, and build the image if it is missing.

    Args:
        directory: where the ``Dockerfile`` is. The variable ``BASE`` replaces the image that it starts from.

    Raises:
        RunnerError: no engine answers, or it cannot build the image.
    """
    engine = connect(address(Settings(), None))
    if not _has_image(engine):
        print(f"Building the image {IMAGE} with {engine.address.url} (a minute, the first time only)", flush=True)
        _build(engine, directory)
    return engine.address.url


def _has_image(engine: Engine) -> bool:
    from docker.errors import ImageNotFound

    with speaking(engine.address, "look for an image on"):
        try:
            engine.client.inspect_image(IMAGE)
        except ImageNotFound:
            return False
    return True


def _build(engine: Engine, directory: Path) -> None:
    arguments = {name: os.environ[name] for name in ("BASE",) if os.environ.get(name)}
    with speaking(engine.address, "build an image with"):
        for event in engine.client.build(
            path=str(directory), tag=IMAGE, buildargs=arguments, network_mode="host", rm=True, decode=True
        ):
            if problem := event.get("error"):
                raise RunnerError(f"cannot build the image {IMAGE}: {problem.strip()}")
