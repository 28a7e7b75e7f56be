"""Run pipelines whose project workers fetch, from the artifact store or from Git, after the project itself is gone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.installed import require
from tests.parity.engines import run_pipeline
from tests.shim.workspace.test_commits import commit, git
from translator.code.commit import commit_of
from translator.code.snapshot import take
from translator.history.comparison import differences
from translator.load import load
from translator.shim.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.engines import Engine

VALOHAI = """\
- step:
    name: work
    image: i
    command: sh say.sh {parameters}
    parameters: [{name: n, type: integer, default: 1}]
    inputs: [{name: data, default: [data/*.txt], keep-directories: full}]
- task: {name: grid, step: work, type: grid_search, parameters: [{name: n, style: multiple, rules: {items: [1, 2]}}]}
- pipeline:
    name: P
    nodes:
      - {name: one, type: execution, step: work}
      - {name: both, type: task, task: grid}
    edges: [[one.dependency.*, both.dependency.*]]
"""
SAY = """\
test ! -e hidden.txt && echo x > data/a.txt && echo y > new.txt || exit 3
cat $VH_INPUTS_DIR/data/data/a.txt > $VH_OUTPUTS_DIR/a.txt
printf '{"data": "%s", "n": "%s"}\\n' "$(cat $VH_OUTPUTS_DIR/a.txt)" "$*"
"""


def both(
    engines: list[Engine], project: Path, folder: Path, scheme: str = "", name: str | None = None
) -> dict[str, Any]:
    """Run the pipeline of a project, which is removed before, on both engines; return one of the equal records.

    Args:
        engines: the engines.
        project: the project.
        folder: where the stores are.
        scheme: what makes URIs of the stores' paths.
        name: what workers fetch (default: a snapshot in the store).
    """
    file = next(path for path in project.iterdir() if path.suffix in {".yaml", ".yml"})
    pipeline = load(file).choose()
    stores = {engine.name: folder / engine.name for engine in engines}
    for store in stores.values():
        (store / ".code").mkdir(parents=True)  # fsspec's local file system would not make it
    if name is None:
        names = {take(project, open_store(f"{scheme}{store}")).name for store in stores.values()}
        (name,) = names  # the same files have the same name, wherever they are
    shutil.rmtree(project)
    documents = []
    for engine in engines:
        engine.environment = {"XDG_CACHE_HOME": str(folder / f"cache-{engine.name}")}
        try:
            _, document, status, _ = run_pipeline(
                engine, replace(pipeline), project, stores[engine.name], {}, scheme=scheme, fetched=name
            )
        finally:
            engine.environment = {}
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        documents.append({**document, "pipeline": ""})
    assert differences(*documents) == []
    return documents[0]


def written(project: Path) -> Path:
    """Write the project of the pipeline."""
    (project / "data").mkdir(parents=True)
    (project / "data" / "a.txt").write_text("seven")
    (project / "say.sh").write_text(SAY)
    (project / "valohai.yaml").write_text(VALOHAI)
    return project


def check(document: dict[str, Any]) -> None:
    """Check that no execution sees what another wrote into the project."""
    shown = {name: [one["metadata"] for one in node["executions"]] for name, node in document["nodes"].items()}
    assert shown == {
        "one": [{"data": "seven", "n": "--n=1"}],
        "both": [{"data": "seven", "n": "--n=1"}, {"data": "seven", "n": "--n=2"}],
    }


@pytest.mark.parametrize("scheme", ["", "local://"])
def test_a_snapshot(engines: list[Engine], tmp_path: Path, scheme: str) -> None:
    project = written(tmp_path / "project")
    (project / "hidden.txt").write_text("not sent")
    (project / ".vhignore").write_text("hidden.*\n")
    check(both(engines, project, tmp_path, scheme))


def test_a_commit(engines: list[Engine], tmp_path: Path) -> None:
    require("git")
    project = written(tmp_path / "repository" / "sub" / "project")
    git(tmp_path / "repository", "init", "-q")
    commit(tmp_path / "repository")
    git(tmp_path, "clone", "-q", "--bare", "repository", "remote.git")
    (project / "hidden.txt").write_text("not sent")
    named = commit_of(project, f"file://{tmp_path}/remote.git")
    assert named.name.endswith("#subdirectory=sub/project")
    assert len(named.problems) == 2
    check(both(engines, project, tmp_path, name=named.name))


LOOM = """\
data:
  table: {type: csv, path: data/table.csv}
  result: {type: csv, path: data/result.csv}
pipeline:
  - {name: first, task: first.py, inputs: {table: $table}, outputs: {--result: $result}}
  - {name: second, task: second.py, inputs: {result: $result}, outputs: {}}
"""


def test_steps_that_work_in_the_project_itself_get_a_copy(engines: list[Engine], tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "table.csv").write_text("a\n1\n")
    begins = "import pathlib, shutil, sys\nassert not pathlib.Path('dirt').exists()\npathlib.Path('dirt').touch()\n"
    (project / "first.py").write_text(f"{begins}shutil.copy(sys.argv[1], sys.argv[3])\n")
    (project / "second.py").write_text(f"{begins}assert pathlib.Path(sys.argv[1]).read_text() == 'a\\n1\\n'\n")
    (project / "pipeline.yml").write_text(LOOM)
    document = both(engines, project, tmp_path)
    assert {name: node["state"] for name, node in document["nodes"].items()} == {
        "first": "complete",
        "second": "complete",
    }
