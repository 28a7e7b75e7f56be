"""Run pipelines of a separate dialect package on our engines."""

import json
from pathlib import Path

import pytest

from tests.extending.package import FILE, run


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_our_engines_run_the_dialect(installed: dict[str, str], engine: str, tmp_path: Path) -> None:
    pytest.importorskip("airflow.sdk" if engine == "airflow" else "prefect")
    out = run(installed, "-m", "translator.cli", "run", FILE, "-t", engine, "--store", tmp_path / "store")
    (record,) = (tmp_path / "store" / "Pair").glob("*/run.json")
    assert json.loads(record.read_text())["state"] == "complete", out
    (shouted,) = (tmp_path / "store" / "Pair").rglob("shouted.txt")
    assert shouted.read_text() == "HELLO\n"
