"""Run a pipeline on both engines whose steps run in pods: the results are those of processes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.engines import complete_alike
from tests.parity.test_containers import PIPELINE, SCRIPTS
from tests.podman import PYTHON_IMAGE, SH_IMAGE
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


def outcome(run: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Return by node the state, the metadata and the digests of each execution."""
    return {
        name: [
            (one["state"], one.get("metadata"), [(file["path"], file["sha256"]) for file in one.get("outputs", ())])
            for one in node["executions"]
        ]
        for name, node in run["nodes"].items()
    }
