"""Provide each kind of place in which a step can run."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.extending.package import install
from tests.podman import PYTHON_IMAGE
from translator.shim.contract import Runner, Step, runner
from translator.shim.runners.process import namespace
from translator.shim.runners.process.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shim.conftest import Worker
    from translator.shim.contract import Manifest

WAYS = {
    "direct": Namespace("direct", processes=True),
    "bubblewrap": Namespace("bubblewrap", processes=True),
    "unshare": Namespace("unshare", processes=True),
    "mapped": None,
}
# As an engine of containers does: mount, unmount, remove the directory.
COMING_AND_GOING = """
import ctypes, os, select, sys
system = ctypes.CDLL(None)
names = [os.path.join(sys.argv[1], str(number)).encode() for number in range(50)]
mounted = []
ending = False
while mounted or not ending:
    ending = ending or bool(select.select([0], [], [], 0)[0])
    if not ending:
        os.mkdir(names[0])
        if system.mount(b"none", names[0], b"tmpfs", 0, None):
            sys.exit("mount")
        mounted.append(names.pop(0))
        print(flush=True) if len(mounted) == 1 else None
    if ending or not names:
        names.append(mounted.pop(0))
        system.umount2(names[-1], 2)
        os.rmdir(names[-1])
"""
_numbers = itertools.count(int.from_bytes(os.urandom(3)))


SHORT = {"directories", "linked outputs", "live output", "stop", "limit: time_limit", "daemon forked twice, exit 3"}
"""The checks that every test run makes in a cluster, where each takes seconds."""


@pytest.hookimpl(tryfirst=True)  # before the hook that leaves out what is marked
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long in a cluster."""
    for item in items:
        if "[kubernetes" in item.name and not any(f"[kubernetes-{check}]" in item.name for check in SHORT):
            item.add_marker(pytest.mark.wide("kubernetes"))


@dataclass
class Runs:
    """Runs steps with one kind of runner."""

    kind: str
    worker: Worker
    runner: Runner | None = None
    image: str | None = None

    @property
    def isolated(self) -> bool:
        """Whether the command has a file system and processes of its own."""
        return self.kind != "mapped"

    @property
    def python(self) -> str:
        return "python3"

    def step(self, *commands: str, **fields: Any) -> Step:
        return Step("step", commands, runner=self.runner, image=self.image, **fields)

    def __call__(self, *commands: str, node: str = "train", index: int = 0, **fields: Any) -> Manifest:
        return self.worker.run(self.step(*commands, **fields), node=node, index=index)

    def left(self) -> list[str]:
        """List what executions left on the worker beside their artifacts."""
        here = Path(self.worker.uri) / ".work"
        return sorted(path.name for path in here.iterdir()) if here.is_dir() else []


@pytest.fixture(params=[*WAYS, "toy", "docker", "kubernetes"])
def runs(request: pytest.FixtureRequest, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Run steps with each kind of runner in turn."""
    if request.param == "docker":
        podman = request.getfixturevalue("podman")
        return Runs("docker", worker, runner("docker", host=podman.url, pull="never"), PYTHON_IMAGE)
    if request.param == "kubernetes":
        cluster = request.getfixturevalue("cluster")
        return Runs("kubernetes", worker, cluster.runner(), cluster.step_image)
    if request.param == "toy":
        if namespace.find() is None:
            pytest.skip("this machine allows no namespace, which the runner of the toy package uses")
        site = worker.project.parent / "site"
        monkeypatch.setenv("PYTHONPATH", install(site)["PYTHONPATH"])
        monkeypatch.syspath_prepend(site)
        return Runs("toy", worker, runner("toy"))
    use(request.param, monkeypatch)
    return Runs(request.param, worker)


def use(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process runner use one way to a namespace, or none."""
    way = WAYS[kind]
    if way is None:
        monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")
        return
    if not namespace.works(way):
        pytest.skip(f"this machine allows no namespace with {kind}")
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "require")
    monkeypatch.setattr(namespace, "find", lambda: way)


@pytest.fixture
def coming_and_going(tmp_path: Path) -> Iterator[None]:
    """Let mounts come and go below a directory that commands see."""
    folder = tmp_path / "coming-and-going"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", COMING_AND_GOING, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdout is None or not process.stdout.readline():
            pytest.skip("this user may not mount anything")
        yield
        process.communicate()  # closes its input, at which it ends
