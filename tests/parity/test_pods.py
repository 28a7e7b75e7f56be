"""Run a pipeline on both engines whose steps run in pods: the results are those of processes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.parity.engines import complete_alike, run_pipeline
from tests.parity.test_containers import PIPELINE, SCRIPTS
from tests.podman import PYTHON_IMAGE, SH_IMAGE
from translator.cli import main
from translator.history.comparison import differences
from translator.load import load


@pytest.mark.wide("kubernetes")
def test_pods_are_the_same_on_both_engines(engines, cluster, tmp_path):
    text = PIPELINE.replace(PYTHON_IMAGE, cluster.step_image).replace(SH_IMAGE, cluster.sh_image)
    results = {}
    before = {pod["metadata"]["name"] for pod in cluster.pods()}
    for runner, settings in (("process", ""), ("kubernetes", cluster.toml)):
        project = tmp_path / runner / "project"
        project.mkdir(parents=True)
        (project / "valohai.yaml").write_text(text)
        (project / "translator.toml").write_text(settings)
        for name, script in SCRIPTS.items():
            (project / name).write_text(script)
        pipeline = load(project / "valohai.yaml").choose()
        run = complete_alike(engines, pipeline, project, tmp_path / runner)
        assert sorted(path.name for path in project.iterdir()) == sorted(["translator.toml", "valohai.yaml", *SCRIPTS])
        results[runner] = outcome(run)
    assert results["kubernetes"] == results["process"]
    assert cluster.empty(without=before)


DEPLOYS = """\
- step: {name: train, image: none, command: 'echo a model > $VH_OUTPUTS_DIR/model.txt'}
- step:
    name: report
    image: none
    command: test {parameter-value:version} = 1
    parameters: [{name: version, type: string}]
- endpoint: &endpoint
    name: predict
    image: IMAGE
    server-command: exec python3 -m http.server 8000
    files: [{name: model, path: in/model.txt}]
- endpoint: {<<: *endpoint, name: explain, server-command: exec python3 -m http.server 9000, port: 9000}
- pipeline:
    name: deploy
    nodes:
      - {name: train, type: execution, step: train}
      - {name: deploy, type: deployment, deployment: NAME, endpoints: [predict, explain], aliases: [live, staging]}
      - {name: report, type: execution, step: report}
    edges:
      - [train.output.model.txt, deploy.file.predict.model]
      - [train.output.model.txt, deploy.file.explain.model]
      - [deploy.deployment.version_id, report.parameter.version]
"""


@pytest.mark.wide("kubernetes")
def test_servers_in_pods_are_the_same_on_both_engines(engines, cluster, tmp_path, capsys):
    def record(engine):
        project = tmp_path / engine.name / "project"
        project.mkdir(parents=True)
        name = f"of-{engine.name}"
        (project / "valohai.yaml").write_text(DEPLOYS.replace("IMAGE", cluster.step_image).replace("NAME", name))
        (project / "translator.toml").write_text(
            '[defaults]\ndeployer = "kubernetes"\ndeployers.kubernetes = { pull = "never", replicas = 2 }\n'
        )
        pipeline = load(project / "valohai.yaml").choose()
        _, document, status, _ = run_pipeline(engine, pipeline, project, tmp_path / engine.name / "store", {})
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        metadata = document["nodes"]["deploy"]["executions"][0].pop("metadata")
        assert metadata == {"id": name, "version_id": "1"}
        return {**document, "pipeline": ""}

    def command(*arguments):
        assert main(["deployments", *arguments, "--deployer", "kubernetes", "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    try:
        with ThreadPoolExecutor() as lanes:
            one, other = lanes.map(record, engines)
        assert differences(one, other) == []
        for engine in engines:
            (version,) = command("ls", f"of-{engine.name}")
            assert version["aliases"] == ["live", "staging"]
            assert [server["state"] for server in version["servers"]] == ["running", "running"]
            assert command("unalias", version["deployment"], "staging")
            assert command("stop", version["deployment"]) == {"done": f"stopped and removed {version['deployment']} 1"}
    finally:
        command("stop", "--all")


def outcome(run: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return by node the state, the metadata and the digests of each execution."""
    return {
        name: [
            (one["state"], one.get("metadata"), [(file["path"], file["sha256"]) for file in one.get("outputs", ())])
            for one in node["executions"]
        ]
        for name, node in run["nodes"].items()
    }
