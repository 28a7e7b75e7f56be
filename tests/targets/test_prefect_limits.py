"""Test what is reported that a flow cannot express."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from translator.diagnostics import Diagnostics
from translator.load import load
from translator.targets import prefect

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
- step: {name: train, image: i, environment: gpu, command: "true", parameters: [{name: x, type: integer}]}
- task: {name: search, step: train, parameters: [{name: x, style: multiple, rules: {items: [1, 2]}}]}
- pipeline:
    name: Two
    nodes:
      - {name: once, type: execution, step: train}
      - {name: often, type: task, task: search}
    edges: []
"""


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("defaults", []),  # for all task nodes
        ("pipelines.Two", []),
        ("nodes.often", []),
        ("nodes.once", ["node 'once' runs in the flow's process"]),
        ("environments.gpu", ["node 'once' runs in the flow's process"]),
        ("steps.train", ["node 'once' runs in the flow's process"]),
    ],
)
def test_a_task_runner_of_a_node_that_runs_once(table: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(PIPELINE)
    (tmp_path / "translator.toml").write_text(f'[{table}.prefect]\ntask_runner = "company.runners.gpu"\n')
    diagnostics = Diagnostics()
    prefect.check(load(tmp_path / "valohai.yaml").choose(), diagnostics)
    found = [one for one in diagnostics if one.code == "ignored-task-runner"]
    assert [(one.severity, one.message.partition(",")[0]) for one in found] == [("warning", text) for text in expected]
