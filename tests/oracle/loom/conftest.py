"""Start the real Loom once."""

from __future__ import annotations

import pytest

from tests.oracle.loom.cases import PLACE
from tests.oracle.loom.engine import python_of_loom, started_loom


@pytest.fixture(scope="session")
def loom(tmp_path_factory):
    """Return Loom's process."""
    if not python_of_loom().exists():
        pytest.skip(f"no environment with Loom: {python_of_loom()} (make oracle makes it)")
    with started_loom(tmp_path_factory.mktemp("loom")) as process:
        yield process


@pytest.fixture(autouse=True)
def _place(monkeypatch):
    """Set the environment variable that the files name; the rules look for files, too."""
    monkeypatch.setenv(PLACE, "source")
