"""Pass parameters and metadata into environment variables, on both engines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.parity.engines import run_pipeline
from translator.history.comparison import differences
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cret-of-this-run"  # noqa: S105 - of this test
SHOW = """\
import json, os
names = "RATE ON TAGS BEST WORD NOTHING SCORE X API_TOKEN".split()
print(json.dumps({"seen": {name: os.environ[name] for name in names if name in os.environ}}))
print("the token is", os.environ.get("API_TOKEN"))
"""
FILE = f"""\
- step:
    name: make
    image: i
    command: |
      printf '%s\\n' '{{"best": {{"row": [3, null]}}, "word": "it is $HOME {{{{ 7 * 7 }}}} ü", "token": "{SECRET}"}}'
    parameters:
      - {{name: rate, type: float, default: 0.1}}
      - {{name: "on", type: flag, default: true}}
      - {{name: tags, multiple: repeat, default: [a, b]}}
- step:
    name: score
    image: i
    command: |
      x={{parameter-value:x}}
      printf '%s' '{{"score": '; echo "$x}}"
      test $x -ne 9
    parameters: [{{name: x, type: integer, default: 1}}]
- step:
    name: show
    image: i
    command: python3 show.py
    environment-variables:
      - {{name: RATE, default: replaced}}
      - {{name: NOTHING, default: kept}}
      - {{name: "ON"}}
      - {{name: TAGS}}
      - {{name: BEST}}
      - {{name: WORD, optional: false}}
      - {{name: SCORE}}
      - {{name: X}}
      - {{name: API_TOKEN}}
- pipeline:
    name: P
    nodes:
      - {{name: make, type: execution, step: make}}
      - {{name: score, type: task, step: score, on-error: continue}}
      - {{name: show, type: execution, step: show}}
      - {{name: chained, type: task, step: show, override: {{environment-variables: [{{name: RATE, default: own}}]}}}}
      - {{name: without, type: execution, step: show, on-error: continue}}
    edges:
      - [make.parameter.rate, show.environment-variable.RATE]
      - [make.parameter.on, show.environment-variable.ON]
      - [make.parameter.tags, show.environment-variable.TAGS]
      - [make.metadata.best, show.environment-variable.BEST]
      - [make.metadata.word, show.environment-variable.WORD]
      - [make.metadata.token, show.environment-variable.API_TOKEN]
      - [make.metadata.nothing, show.environment-variable.NOTHING]
      - [score.metadata.score, show.environment-variable.SCORE]
      - [score.parameter.x, show.environment-variable.X]
      - [show.environment-variable.WORD, chained.environment-variable.WORD]
      - [make.metadata.nothing, without.environment-variable.WORD]
    parameters: [{{name: x, default: [4, 5, 9], target: score.parameter.x}}]
"""
WORD = "it is $HOME {{ 7 * 7 }} ü"


@pytest.fixture(scope="module")
def runs(engines, tmp_path_factory):
    """Run the pipeline on both engines; return the records and the directories of the runs."""
    folder: Path = tmp_path_factory.mktemp("environment")
    project = folder / "project"
    project.mkdir()
    (project / "valohai.yaml").write_text(FILE)
    (project / "show.py").write_text(SHOW)
    pipeline = load(project / "valohai.yaml").choose()

    def run(engine):
        _, document, _, of_run = run_pipeline(engine, pipeline, project, folder / engine.name, {})
        return document, of_run

    with ThreadPoolExecutor() as lanes:
        return list(lanes.map(run, engines))


def test_both_engines_pass_the_same(runs) -> None:
    (one, _), (other, _) = runs
    assert differences({**one, "pipeline": ""}, {**other, "pipeline": ""}) == []


def test_values(runs) -> None:
    for document, _ in runs:
        assert document["nodes"]["show"]["executions"][0]["metadata"]["seen"] == {
            "RATE": "0.1",
            "ON": "true",
            "TAGS": '["a", "b"]',
            "BEST": '{"row": [3, null]}',
            "WORD": WORD,
            "NOTHING": "kept",
            "SCORE": "5",
            "X": "5",
            "API_TOKEN": "***",
        }
        (chained,) = document["nodes"]["chained"]["executions"]
        assert chained["metadata"]["seen"] == {"RATE": "own", "NOTHING": "kept", "WORD": WORD}


def test_a_required_variable_without_a_value_fails_the_node(runs) -> None:
    for document, _ in runs:
        (execution,) = document["nodes"]["without"]["executions"]
        assert execution["state"] == "error"
        assert execution["reason"].endswith("requires environment variables that are not set on this worker: WORD")
        assert document["state"] == "complete"


def test_sensitive_values_are_masked_where_they_are_variables(runs) -> None:
    for _, folder in runs:
        assert "the token is ***\n" in (folder / "show/0/try-1/log.txt").read_text()
        for path in (folder / "show").rglob("*"):
            assert path.is_dir() or SECRET not in path.read_text(), path
        assert SECRET in json.loads((folder / "make/0/try-1/manifest.json").read_text())["metadata"]["token"]
