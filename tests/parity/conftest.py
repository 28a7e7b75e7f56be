"""Start both engines once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.parity.engines import ENGINES, python_of, started


@pytest.fixture(scope="session")
def engines(tmp_path_factory):
    """Start the processes of the two engines."""
    for name in ENGINES:
        if not python_of(name).exists():
            pytest.skip(f"no environment with {name}: {python_of(name)}")
    with ExitStack() as stack:
        yield [stack.enter_context(started(name, tmp_path_factory.mktemp(name))) for name in ENGINES]
