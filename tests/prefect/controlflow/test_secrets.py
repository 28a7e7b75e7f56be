"""Run steps that take secrets from Prefect's blocks."""

import json

from prefect.blocks.system import Secret

from prefect_plugin.configuration import secrets
from tests.controlflow import secret
from tests.prefect.support import flow_of
from translator.targets import GenerateOptions
from translator.targets import prefect as target


def test_secrets_are_blocks(server, tmp_path, monkeypatch, caplog):
    Secret(value=secret.TOKEN).save("db-token", overwrite=True)
    Secret(value=secret.KEY).save("api-key", overwrite=True)
    store, project = tmp_path / "store", tmp_path / "project"
    project.mkdir()
    for name, value in (("STORE", store), ("RUN", "run"), ("PROJECT", project)):
        monkeypatch.setenv(f"TRANSLATOR_{name}", str(value))
    for pipeline in secret.pipelines(project):
        file = tmp_path / f"{pipeline.dialect}_flow.py"
        file.write_text(target.generate(pipeline, GenerateOptions()))
        state = flow_of(file)(return_state=True)
        record = json.loads((store / pipeline.name / "run" / "run.json").read_text())
        assert state.is_completed(), record
        assert {name: node["state"] for name, node in record["nodes"].items()} == {"a": "complete", "b": "error"}
        assert record["parameters"] == secret.PARAMETERS[pipeline.dialect]
        assert "NOWHERE" in record["nodes"]["b"]["executions"][0]["reason"]
    assert secret.revealed(store, project) == []
    assert "hunter2" not in caplog.text
    assert "*** ***" in caplog.text


def test_values_other_than_strings_are_json(server):
    Secret(value={"user": "me"}).save("as-json", overwrite=True)
    assert secrets.lookup("AS_JSON") == '{"user": "me"}'
    assert secrets.lookup("no such") is None
