"""Publish outputs while their command runs, on both engines: they flow, and are recorded, as all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity.engines import complete_alike
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
- step:
    name: train
    image: i
    command:
      - gone() { while [ -e "$1" ]; do sleep 0.1; done; }
      - cd $VH_OUTPUTS_DIR
      - echo {parameter-value:epochs} > weights; chmod 0444 weights; gone weights
      - echo first > last; chmod 0444 last; gone last
      - echo second > last; chmod 0444 last; gone last
      - echo log > log.txt
      - exit {parameter-value:status}
    parameters:
      - {name: epochs, type: integer, default: 1}
      - {name: status, type: integer, default: 0}
- step:
    name: read
    image: i
    command: |
      printf '{"files": "%s"}\\n' "$(cd $VH_INPUTS_DIR/models && for f in *; do echo $f $(cat $f); done | tr '\\n' ';')"
    inputs: [{name: models, optional: true}]
- pipeline:
    name: P
    nodes:
      - {name: train, type: task, step: train}
      - name: fails
        type: execution
        step: train
        on-error: continue
        override: {parameters: [{name: epochs, type: integer, default: 9}, {name: status, type: integer, default: 3}]}
      - {name: read, type: execution, step: read}
    edges: [[train.output.*, read.input.models], [fails.output.*, read.input.models]]
    parameters: [{name: epochs, default: [4, 5], target: train.parameter.epochs}]
"""
OUTPUTS = ["last", "log.txt", "weights"]


def test_outputs_that_become_read_only(engines, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "valohai.yaml").write_text(FILE)
    document = complete_alike(engines, load(project / "valohai.yaml").choose(), project, tmp_path / "store")
    nodes = document["nodes"]
    assert nodes["read"]["executions"][0]["metadata"] == {"files": "last second;log.txt log;weights 5;"}
    for execution in (*nodes["train"]["executions"], *nodes["fails"]["executions"]):
        assert [file["path"] for file in execution["outputs"]] == OUTPUTS
    assert [node["state"] for node in nodes.values()] == ["complete", "error", "complete"]
    for engine in engines:
        (log,) = (tmp_path / "store" / engine.name).rglob("train/0/try-1/log.txt")
        assert "[shim] uploaded 'weights' (2 B): file://" in log.read_text()
