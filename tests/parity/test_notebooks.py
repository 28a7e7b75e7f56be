"""Run notebooks on both engines: the same results, and the same bytes of the executed notebooks."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.parity.engines import complete_alike
from translator.ir import PipelineParameter
from translator.load import load

PIPELINE = """
dag:
  start_at: first
  steps:
    first: {type: task, command_type: notebook, command: nb/first.ipynb, next: each}
    each:
      type: map
      iterate_on: found
      iterate_as: one
      next: success
      branch:
        start_at: again
        steps:
          again: {type: task, command_type: notebook, command: again.ipynb, next: success}
          success: {type: success}
          fail: {type: fail}
    success: {type: success}
    fail: {type: fail}
"""
OUT = ["magnus_output"]
NOTEBOOKS = {
    "nb/first.ipynb": [("n = 0", ["parameters"]), ("print({'found': list(range(n))})", OUT)],
    "again.ipynb": [
        ("import json, os\none = json.loads(os.environ['MAGNUS_MAP_VARIABLE'])['one']", []),
        ("print({f'seen_{one}': found})", OUT),
    ],
}


def notebook(cells):
    made = [
        {"cell_type": "code", "execution_count": None, "metadata": {"tags": tags}, "outputs": [], "source": source}
        for source, tags in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def test_notebooks_are_the_same_on_both_engines(engines, tmp_path):
    project = tmp_path / "project"
    for name, cells in NOTEBOOKS.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(notebook(cells))
    (project / "pipeline.yaml").write_text(PIPELINE)
    pipeline = load(project / "pipeline.yaml", dialect="magnus").choose()
    pipeline = replace(pipeline, parameters=(PipelineParameter("n", pipeline.span, 2),))

    left = complete_alike(engines, pipeline, project, tmp_path)
    assert left["parameters"] == {"n": 2, "found": [0, 1], "seen_0": [0, 1], "seen_1": [0, 1]}
    assert [file["path"] for file in left["catalog"]] == [
        "again_out.ipynb_0",
        "again_out.ipynb_1",
        "nb/first_out.ipynb",
    ]
