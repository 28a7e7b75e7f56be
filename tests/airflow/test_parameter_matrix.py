"""With any default that the vendor takes, a DAG can be triggered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow.test_dag_files import parsed
from tests.parameters import cases, document
from translator.load import load_text
from translator.targets import airflow

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("airflow.sdk")


def test_every_accepted_default_can_be_triggered(tmp_path: Path) -> None:
    """The defaults of the DAG's params, validated after the DAG went through Airflow's serialisation."""
    accepted = [case for case in cases() if case.accepted]
    (pipeline,) = load_text(document(accepted)).pipelines
    file = tmp_path / "parameters.py"
    file.write_text(airflow.generate(pipeline), encoding="utf-8")
    assert parsed(tmp_path / "home", file)[str(file)]["dag"] == "parameters"
