"""Run steps that name what they make, and steps that use it by name, on both engines and over one store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.engines import run_pipeline
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.engines import Engine

MAKE = r"""
- step:
    name: make
    image: i
    parameters: [{name: version, default: v1}]
    command:
      - cd $VH_OUTPUTS_DIR
      - mkdir deep
      - VERSION={parameter-value:version}
      - echo $VERSION > deep/a.txt
      - echo b > b.txt
      - |
        cat > deep/a.txt.metadata.json <<EOF
        {"valohai.alias": "newest", "valohai.tags": ["clean"], "valohai.model-versions": ["model://churn/"],
         "valohai.dataset-versions": [
           {"uri": "dataset://images/$VERSION", "targeting_aliases": ["dev"]}]}
        EOF
      - |
        cat > valohai.metadata.jsonl <<EOF
        {"file": "b.txt", "metadata": {"valohai.dataset-versions": ["dataset://images/$VERSION"]}}
        EOF
"""
USE = r"""
- step:
    name: use
    image: i
    parameters: [{name: set, default: images}]
    command:
      - cd $VH_INPUTS_DIR && find . -type f | sort > $VH_OUTPUTS_DIR/files.txt
      - cat images/deep/a.txt newest/a.txt model/a.txt configured/* > $VH_OUTPUTS_DIR/texts.txt
      - grep -c '"valohai.tags"' $VH_CONFIG_DIR/inputs.json > $VH_OUTPUTS_DIR/tags.txt
      - python3 $VH_REPOSITORY_DIR/ask.py later > $VH_OUTPUTS_DIR/later.txt
    inputs:
      - {name: images, default: "dataset://{parameter:set}/latest", keep-directories: full}
      - {name: dev, default: "dataset://images/dev"}
      - {name: newest, default: "datum://newest"}
      - {name: model, default: "model://churn/latest"}
      - {name: configured, default: "datum://configured"}
      - {name: after, optional: true}
      - {name: later, default: "dataset://images/latest", download: on-demand}
"""
BOTH = f"""{MAKE}{USE}
- pipeline:
    name: Both
    nodes: [{{name: make, type: execution, step: make}}, {{name: use, type: execution, step: use}}]
    edges: [[make.output.b.txt, use.input.after]]
"""
FILES = """\
./after/b.txt
./configured/table.csv
./dev/a.txt
./dev/b.txt
./images/b.txt
./images/deep/a.txt
./model/a.txt
./newest/a.txt
"""
LATER = "b.txt b\na.txt v1\n"
TEXTS = "{0}\n{0}\n{0}\nconfigured\n"


ASK = """
import json, os, sys, urllib.request
config = os.environ["VH_CONFIG_DIR"]
listed = json.load(open(config + "/inputs.json"))[sys.argv[1]]
api = json.load(open(config + "/api.json"))["input_request"]
body = json.dumps({"inputs": [listed["input_id"]]}).encode()
answer = json.load(urllib.request.urlopen(urllib.request.Request(api["url"], body, method=api["method"])))
for file in answer[0]["files"]:
    print(file["filename"], urllib.request.urlopen(file["url"]).read().decode().strip())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "table.csv").write_text("configured\n")
    (folder / "ask.py").write_text(ASK)
    (folder / "translator.toml").write_text('[catalogue.names]\n"datum://configured" = "table.csv"\n')
    return folder


def ran(
    engine: Engine, project: Path, text: str, store: Path, scheme: str = "", **values: Any
) -> tuple[dict[str, Any], Path]:
    """Run the pipeline of a file; return its record, and its directory in the store."""
    file = project / f"{engine.name}.yaml"
    file.write_text(text)
    _, document, _, folder = run_pipeline(engine, load(file).choose(), project, store, values, scheme=scheme)
    return document, folder


def outputs(folder: Path, node: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / node / "0/try-1/outputs").glob("*.txt")}


def test_names_in_one_run(engines: list[Engine], project: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as lanes:
        results = list(lanes.map(lambda engine: ran(engine, project, BOTH, tmp_path / engine.name), engines))
    for document, folder in results:
        assert document["state"] == "complete", json.dumps(document)
        assert outputs(folder, "use") == {
            "files.txt": FILES,
            "texts.txt": "v1\nv1\nv1\nconfigured\n",
            "tags.txt": "1\n",
            "later.txt": LATER,
        }
    used = [document["nodes"]["use"]["executions"][0]["data"] for document, _ in results]
    assert used[0] == used[1]
    assert {one["written"]: one["name"] for one in used[0]} == {
        "dataset://images/latest": "dataset://images/v1",
        "dataset://images/dev": "dataset://images/v1",
        "datum://newest": "datum://newest",
        "model://churn/latest": "model://churn/v1",
        "datum://configured": "datum://configured",
    }


@pytest.mark.parametrize("scheme", ["", "local://"], ids=["file store", "object store"])
def test_names_of_one_engine_on_the_other(engines: list[Engine], project: Path, tmp_path: Path, scheme: str) -> None:
    airflow, prefect = engines
    for version, maker, user in (("v1", airflow, prefect), ("v2", prefect, airflow)):
        values = {"make.version": version}
        made, _ = ran(maker, project, MAKE + alone("make"), tmp_path / "store", scheme, **values)
        assert made["state"] == "complete", json.dumps(made)
        again, _ = ran(user, project, MAKE + alone("make"), tmp_path / "store", scheme, **values)
        (execution,) = again["nodes"]["make"]["executions"]
        assert execution["state"] == "error"
        assert f"dataset://images/{version} exists already: node 'make' of run" in execution["reason"]
        used, folder = ran(user, project, USE + alone("use"), tmp_path / "store", scheme)
        assert used["state"] == "complete", json.dumps(used)
        assert outputs(folder, "use")["texts.txt"] == TEXTS.format(version)
        names = {one["written"]: one["name"] for one in used["nodes"]["use"]["executions"][0]["data"]}
        assert names["dataset://images/latest"] == names["dataset://images/dev"] == f"dataset://images/{version}"
        assert names["model://churn/latest"] == f"model://churn/{version}"


def alone(step: str) -> str:
    return f"- pipeline: {{name: {step}, nodes: [{{name: {step}, type: execution, step: {step}}}], edges: []}}\n"
