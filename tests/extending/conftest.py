"""Install the package ``toy`` in its own directory."""

from pathlib import Path

import pytest

from tests.extending.package import install


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a process that has the package."""
    return install(tmp_path / "site")
