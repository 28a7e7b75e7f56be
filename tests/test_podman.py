"""Run containers with the engine of the tests, which leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.podman import PYTHON_IMAGE, SH_IMAGE

if TYPE_CHECKING:
    from tests.podman import Podman


def test_the_images_have_what_they_promise(podman: Podman) -> None:
    told = podman.run(
        "run", "--rm", "--user", "1000", PYTHON_IMAGE, "python3", "-c", "import sqlite3, ssl; print('ok')"
    )
    assert told == "ok\n"
    assert podman.run("run", "--rm", SH_IMAGE, "/bin/sh", "-c", "echo /bin/*") == "/bin/sh\n"
    assert podman.containers() == []
