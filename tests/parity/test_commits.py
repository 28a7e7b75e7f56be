"""Run a step of another commit on both engines, beside a step of the working tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.installed import require
from tests.parity.engines import complete_alike
from tests.shim.workspace.test_commits import commit, git
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

STEP = """\
- step:
    name: work
    image: i
    command: sh say.sh {word} $VH_INPUTS_DIR/data/*
    inputs: [{{name: data, default: code.txt}}]
"""
NODES = """\
- pipeline:
    name: P
    nodes:
      - {{name: then, type: execution, step: work, commit: {commit}}}
      - {{name: now, type: execution, step: work}}
    edges: [[then.dependency.*, now.dependency.*]]
"""


def test_a_step_of_another_commit_is_the_same_on_both_engines(engines, tmp_path: Path) -> None:
    require("git")
    project = tmp_path / "repository" / "project"
    project.mkdir(parents=True)
    git(project.parent, "init", "-q")
    script = """
commit=$(grep -o '"valohai.commit-identifier": [^,]*' $VH_CONFIG_DIR/execution.json | cut -d' ' -f2)
printf '{"code": "%s", "input": "%s", "word": "%s", "commit": %s}\\n' "$(cat code.txt)" "$(cat $2)" $1 "${commit:-null}"
"""
    (project / "say.sh").write_text(script)
    (project / "code.txt").write_text("old")
    (project / "valohai.yaml").write_text(STEP.format(word="before"))
    head = commit(project)
    (project / "code.txt").write_text("new")
    (project / "valohai.yaml").write_text(STEP.format(word="after") + NODES.format(commit=head))
    pipeline = load(project / "valohai.yaml").choose()
    for engine in engines:
        engine.environment = {"XDG_CACHE_HOME": str(tmp_path / f"cache-{engine.name}")}
    try:
        document = complete_alike(engines, pipeline, project, tmp_path / "store")
    finally:
        for engine in engines:
            engine.environment = {}
    metadata = {name: node["executions"][0]["metadata"] for name, node in document["nodes"].items()}
    assert metadata == {
        "then": {"code": "old", "input": "old", "word": "before", "commit": head},
        "now": {"code": "new", "input": "new", "word": "after", "commit": None},
    }
