"""Follow the tutorials that end on Prefect, with a real server."""

import os
import sys
from pathlib import Path

import pytest

from tests.readme.tutorials import Reader


@pytest.mark.parametrize("name", ["loom", pytest.param("runnable", marks=pytest.mark.wide("examples"))])
def test_a_tutorial_shows_what_happens(name, server, tmp_path):
    folder = Path(sys.executable).parent
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    kept = {key: value for key, value in server.environment.items() if key not in ("PREFECT_API_URL", "PREFECT_HOME")}
    environment = kept | {"PATH": f"{folder}:{os.environ['PATH']}", "XDG_CACHE_HOME": cache}
    Reader(tmp_path, environment, server.api).follow(name)
