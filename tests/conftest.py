"""Share fixtures and settings among all tests."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster import Cluster
    from tests.podman import Podman

HOUSE = Path(__file__).parent / "house"

settings.register_profile(
    "tests",
    # A busy machine must not fail the tests, and what passed once passes again: without a new seed, unless many
    # examples are asked for (make property, make oracle).
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not {"TRANSLATOR_PROPERTY_EXAMPLES", "TRANSLATOR_ORACLE_EXAMPLES"} & os.environ.keys(),
    database=None,
    print_blob=True,
    max_examples=100,
)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="rewrite the expected files of tests/goldens; read the diff"
    )


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Return whether to rewrite expected files instead of comparing them."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """Start a container engine that serves the Docker Engine API, with two small images."""
    from tests.podman import podman

    # Not pytest's own directory: its path is too long for a socket.
    with podman(Path(tempfile.mkdtemp(prefix="translator-podman-"))) as engine:
        yield engine


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Provide a Kubernetes cluster; KUBECONFIG of this process and its children names it."""
    from tests.cluster import cluster

    with cluster() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(running.kubeconfig))
        yield running


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out wide tests, unless asked for; give those that share an engine, a cluster or files to one worker."""
    if wide := [item for item in items if _is_too_wide(item)]:
        items[:] = [item for item in items if item not in wide]
        config.hook.pytest_deselected(items=wide)
    kubeconfig = os.environ.get("KUBECONFIG")
    shared = kubeconfig is not None and (Path(kubeconfig).parent / "containerd.sock").exists()
    for item in items:
        if _needs_cluster(item):
            item.add_marker("pods")
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if "podman" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("podman"))
            elif _needs_cluster(item) and not shared:
                item.add_marker(pytest.mark.xdist_group("cluster"))
            elif HOUSE in item.path.parents:
                item.add_marker(pytest.mark.xdist_group("house"))


def _is_too_wide(item: pytest.Item) -> bool:
    """Return whether a test takes too long for ``make test``, and nobody asked for tests of its kind."""
    marker = item.get_closest_marker("wide")
    return marker is not None and os.environ.get(f"TRANSLATOR_{marker.args[0].upper()}") != "all"


LONGEST = 600
"""The seconds after which a test of pods fails: what it waits for is on another machine and may never come."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let a test of pods fail instead of waiting for ever."""
    if not _needs_cluster(item):
        yield
        return

    def fail(*_: object) -> None:
        pytest.fail(f"the test did not end within {LONGEST} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _needs_cluster(item: pytest.Item) -> bool:
    values = item.name.partition("[")[2].rstrip("]").split("-")
    return "cluster" in getattr(item, "fixturenames", ()) or "kubernetes" in values


def pytest_collection_finish() -> None:
    """Exclude what is loaded by now from garbage collection, which would take a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_configure() -> None:
    """Let the processes that tests start hear SIGINT; a shell has what it starts in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
