"""Run a pipeline on both engines whose steps run in containers of two images."""

from __future__ import annotations

from tests.parity.engines import complete_alike
from tests.podman import PYTHON_IMAGE, SH_IMAGE
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
