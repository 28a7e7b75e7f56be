"""Run a pipeline on both engines whose steps run in containers of two images."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.parity.engines import complete_alike, run_pipeline
from tests.podman import PYTHON_IMAGE, SH_IMAGE
from tests.shim.deployers.deploying import free_port
from tests.shim.deployers.in_containers import COMMAND, SERVE
from translator.cli import main
from translator.history.comparison import differences
from translator.load import load

PIPELINE = f"""
- step:
    name: preprocess
    image: {PYTHON_IMAGE}
    command: python3 preprocess.py
- step:
    name: train
    image: {SH_IMAGE}
    command:
      - "read -r line < /valohai/inputs/dataset/data.txt"
      - "[ {{parameter-value:rate}} != 2 ] || exit 3"
      - "echo \\"$line {{parameter-value:rate}}\\" > $VH_OUTPUTS_DIR/model-{{parameter-value:rate}}.txt"
    parameters:
      - {{name: rate, type: integer, default: 1}}
    inputs:
      - name: dataset
- step:
    name: evaluate
    image: {PYTHON_IMAGE}
    command: python3 evaluate.py
    inputs:
      - name: models
- task:
    name: rates
    step: train
    parameters: [{{name: rate, style: multiple, rules: {{items: [1, 2, 3]}}}}]
- pipeline:
    name: Containers
    nodes:
      - {{name: preprocess, type: execution, step: preprocess}}
      - {{name: train, type: task, task: rates, on-error: continue}}
      - {{name: evaluate, type: execution, step: evaluate}}
    edges:
      - [preprocess.output.*, train.input.dataset]
      - [train.output.*, evaluate.input.models]
"""
SCRIPTS = {
    "preprocess.py": "open('/valohai/outputs/data.txt', 'w').write('data\\n')\nopen('left', 'w').write('')\n",
    "evaluate.py": """
import json, pathlib
models = sorted(path.read_text().strip() for path in pathlib.Path("/valohai/inputs/models").iterdir())
print(json.dumps({"models": models, "left": pathlib.Path("left").exists()}))
""",
}


def test_containers_are_the_same_on_both_engines(engines, podman, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "valohai.yaml").write_text(PIPELINE)
    (project / "translator.toml").write_text(podman.settings)
    for name, text in SCRIPTS.items():
        (project / name).write_text(text)
    pipeline = load(project / "valohai.yaml").choose()

    left = complete_alike(engines, pipeline, project, tmp_path)
    (evaluated,) = left["nodes"]["evaluate"]["executions"]
    assert evaluated["metadata"] == {"models": ["data 1", "data 3"], "left": False}
    assert [execution["state"] for execution in left["nodes"]["train"]["executions"]] == [
        "complete",
        "error",
        "complete",
    ]
    assert podman.empty()
    assert sorted(path.name for path in project.iterdir()) == [
        "evaluate.py",
        "preprocess.py",
        "translator.toml",
        "valohai.yaml",
    ]


DEPLOYS = f"""
- step: {{name: train, image: {PYTHON_IMAGE}, command: 'echo model > $VH_OUTPUTS_DIR/model.txt'}}
- step:
    name: report
    image: {PYTHON_IMAGE}
    command: 'test {{parameter-value:version}} = 1'
    parameters: [{{name: version, type: string, default: none}}]
- endpoint:
    name: predict
    image: {PYTHON_IMAGE}
    server-command: {COMMAND}
    files: [{{name: model, path: in/model.txt}}]
- pipeline:
    name: Deploys
    nodes:
      - {{name: train, type: execution, step: train}}
      - {{name: deploy, type: deployment, deployment: digits, endpoints: [predict], aliases: [live, staging]}}
      - {{name: report, type: execution, step: report}}
    edges:
      - [train.output.model.txt, deploy.file.predict.model]
      - [deploy.deployment.version_id, report.parameter.version]
"""


@pytest.mark.wide("deployers")
def test_servers_in_containers_are_the_same_on_both_engines(engines, podman, tmp_path, capsys, monkeypatch):
    def record(engine):
        project = tmp_path / engine.name / "project"
        project.mkdir(parents=True)
        (project / "valohai.yaml").write_text(DEPLOYS)
        (project / "serve.py").write_text(SERVE)
        own = f"engine = {json.dumps(podman.url)}\npull = 'never'\nnetwork = 'host'\nport = {free_port()}\n"
        directory = json.dumps(str(tmp_path / engine.name / "s"))
        text = f"deployer = 'docker'\n[defaults.deployers.docker]\ndirectory = {directory}\n{own}"
        (project / "translator.toml").write_text(f"{podman.settings}{text}")
        pipeline = load(project / "valohai.yaml").choose()
        _, document, status, _ = run_pipeline(engine, pipeline, project, tmp_path / engine.name / "store", {})
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        return {**document, "pipeline": ""}

    def command(engine, *arguments):
        monkeypatch.chdir(tmp_path / engine.name / "project")
        assert main(["deployments", *arguments, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    try:
        with ThreadPoolExecutor() as lanes:
            one, other = lanes.map(record, engines)
        assert differences(one, other) == []
        assert one["nodes"]["deploy"]["executions"][0]["metadata"] == {"id": "digits", "version_id": "1"}
        for engine in engines:
            (version,) = command(engine, "ls")
            assert version["aliases"] == ["live", "staging"]
            assert [server["state"] for server in version["servers"]] == ["running"]
            assert command(engine, "unalias", "digits", "staging")
            assert command(engine, "stop", "digits") == {"done": "stopped and removed digits 1"}
    finally:
        for engine in engines:
            command(engine, "stop", "--all")
    assert podman.empty()
