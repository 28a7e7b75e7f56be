"""Read what execution.json says of the project and the run, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity.engines import complete_alike
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
- step: {name: work, image: i, command: python3 say.py, environment: gpu}
- pipeline: {name: A / B, nodes: [{name: one, type: task, step: work}], edges: []}
"""
SAY = """\
import json, os
with open(os.environ["VH_CONFIG_DIR"] + "/execution.json") as file:
    known = json.load(file)
owner, name = known["valohai.project-name"].split("/")
assert known["valohai.project-id"] == os.environ["VH_PROJECT_ID"]
absent = [key for key in ("creator-name", "creator-id", "execution-counter") if "valohai." + key in known]
print(json.dumps({"project": [owner, name], "asked": known["valohai.environment-slug"], "absent": absent}))
"""


def test_the_project_and_what_engines_do_not_know(engines, tmp_path: Path) -> None:
    for name, text, expected in (
        ("named", '[defaults]\nproject_name = "team/churn"\n[environments.gpu]\n', ["team", "churn"]),
        ("by directory", "[environments.gpu]\n", ["local", "by directory"]),
    ):
        project = tmp_path / name
        project.mkdir()
        (project / "valohai.yaml").write_text(FILE)
        (project / "say.py").write_text(SAY)
        (project / "translator.toml").write_text(text)
        document = complete_alike(engines, load(project / "valohai.yaml").choose(), project, tmp_path / f"{name} store")
        (execution,) = document["nodes"]["one"]["executions"]
        assert execution["metadata"] == {"project": expected, "asked": "gpu", "absent": []}
