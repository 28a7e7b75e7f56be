"""Follow the tutorials that end on Airflow, on a real scheduler."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.scheduler import BIN
from tests.readme.tutorials import Reader

if TYPE_CHECKING:
    from tests.airflow.scheduler import Airflow


@pytest.mark.parametrize("name", ["valohai", pytest.param("magnus", marks=pytest.mark.wide("examples"))])
def test_a_tutorial_shows_what_happens(name: str, scheduler: Airflow, tmp_path: Path) -> None:
    (tmp_path / "airflow").symlink_to(scheduler.home)
    running: list[str] = []

    def before(commands: str) -> None:
        """Wait until the run that the tutorial has started has ended, and until the DAG to run exists."""
        while running:
            scheduler.wait(running.pop(), "first")
        for dag in re.findall(r"airflow dags trigger (\w+)", commands):
            scheduler.wait_for_dags(dag)
            scheduler.api("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
            running.append(dag)

    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = scheduler.environment | {"PATH": f"{BIN}:{os.environ['PATH']}", "XDG_CACHE_HOME": cache}
    Reader(tmp_path, environment, before=before).follow(name)
