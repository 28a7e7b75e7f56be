"""Make steps that run in containers of the tests' engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.podman import PYTHON_IMAGE
from translator.shim.contract import Step, runner

if TYPE_CHECKING:
    from tests.podman import Podman


class InContainer(Protocol):
    def __call__(
        self, *commands: str, image: str | None = PYTHON_IMAGE, settings: dict[str, Any] | None = None, **fields: Any
    ) -> Step: ...


@pytest.fixture
def in_container(podman: Podman) -> InContainer:
    """Make a step that runs in a container."""

    def make(
        *commands: str, image: str | None = PYTHON_IMAGE, settings: dict[str, Any] | None = None, **fields: Any
    ) -> Step:
        where = runner("docker", **{"host": podman.url, "pull": "never", **(settings or {})})
        return Step("step", commands, image=image, runner=where, **fields)

    return make


@pytest.fixture(autouse=True)
def nothing_left(podman: Podman):
    """Check that no test leaves a container."""
    yield
    assert podman.empty()
