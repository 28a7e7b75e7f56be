"""Run steps that take secrets from Airflow: from a variable, and from the password of a connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.controlflow import secret

if TYPE_CHECKING:
    import pytest

    from tests.airflow.conftest import Embedded


def test_secrets_are_variables_and_connections(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = replace(
        embedded.engine,
        environment={"AIRFLOW_VAR_DB_TOKEN": secret.TOKEN, "AIRFLOW_CONN_API-KEY": f"http://me:{secret.KEY}@host"},
    )
    monkeypatch.setattr(embedded, "engine", engine)
    pipeline = next(secret.pipelines(embedded.project))
    document = embedded.run(pipeline)
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"a": "complete", "b": "error"}
    assert document["state"] == "complete"
    assert document["parameters"] == secret.PARAMETERS[pipeline.dialect]
    assert "NOWHERE" in document["nodes"]["b"]["executions"][0]["reason"]
    assert secret.revealed(engine.home, embedded.project) == []
    assert "*** ***" in engine.tail(400)
