"""Start both engines once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.extending.package import install
from tests.parity import planned
from tests.parity.engines import ENGINES, python_of, started


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Install the package of another dialect, and the deployer of plans, in a directory; return it."""
    site = tmp_path_factory.mktemp("toy") / "site"
    install(site)
    planned.install(site)
    return site


@pytest.fixture(scope="session")
def engines(toy, tmp_path_factory):
    """Start the processes of the two engines, which have that package."""
    for name in ENGINES:
        if not python_of(name).exists():
            pytest.skip(f"no environment with {name}: {python_of(name)}")
    with ExitStack() as stack:
        yield [stack.enter_context(started(name, tmp_path_factory.mktemp(name), toy)) for name in ENGINES]
