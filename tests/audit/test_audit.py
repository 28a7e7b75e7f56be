"""Test ``translate audit``: which pipelines of a tree translate, why others do not, and what has to be provided."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from translator import registry
from translator.audit.model import Effort
from translator.audit.report import as_json, as_markdown, as_text
from translator.audit.survey import survey
from translator.cli import main

READY = """\
- step: {name: a, image: python:3.12, command: [pip install -r x.txt, date], inputs: [{name: data}, {name: model,
    default: ["s3://me:secret@models/a.pkl", "https://host/x", local.csv, "dataset://x/latest"]}],
    environment-variables: [{name: TOKEN, optional: false}], environment: gpu}
- pipeline: {name: Ready, nodes: [{name: n, type: execution, step: a}], edges: []}
"""
REFUSED = """\
- step: {name: a, image: i, command: date, inputs: [{name: data, default: "gopher://x"}]}
- step: {name: b, image: i, command: date}
- pipeline: {name: Bad, nodes: [{name: n, type: execution, step: a}], edges: []}
- pipeline: {name: "Good | one", nodes: [{name: n, type: execution, step: b}], edges: []}
"""
ALONE = "- step: {name: first, image: i, command: date}\n- step: {name: second, image: i, command: date}\n"
LOOM = "pipeline: [{name: s, task: s.py}]\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "ready/valohai.yaml": READY,
        "refused/valohai.yaml": REFUSED,
        "steps/valohai.yml": ALONE,
        "loom/pipeline.yml": LOOM,
        "loom/s.py": "",
        "broken/valohai.yaml": "- step: [",
        "other.yaml": "kind: Deployment\n",
        "not yaml.yml": "a: [",
        "note.txt": "",
        ".git/valohai.yaml": READY,
        "venv/lib/valohai.yaml": READY,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_efforts_of_all_pipelines_of_a_tree(tree: Path) -> None:
    found = survey(tree, registry.targets())
    assert {(file.path, one.name): (one.effort, one.alone) for file in found.files for one in file.pipelines} == {
        ("ready/valohai.yaml", "Ready"): (Effort.SETTINGS, False),
        ("refused/valohai.yaml", "Bad"): (Effort.CHANGES, False),
        ("refused/valohai.yaml", "Good | one"): (Effort.SETTINGS, False),
        ("steps/valohai.yml", "first"): (Effort.SETTINGS, True),
        ("steps/valohai.yml", "second"): (Effort.SETTINGS, True),
        ("loom/pipeline.yml", "loom"): (Effort.NONE, False),
    }
    assert [(file.path, [one.code for one in file.reasons]) for file in found.files if file.reasons] == [
        ("broken/valohai.yaml", ["not-yaml"])
    ]
    assert found.others == 2


def test_needs_and_reasons(tree: Path) -> None:
    pipelines = {one.name: one for one in survey(tree, registry.targets()).pipelines}
    needs = pipelines["Ready"].needs
    assert needs.images == ("python:3.12",)
    assert needs.variables == ("TOKEN",)
    assert needs.inputs == ("n.data",)
    assert needs.data == ("dataset://x/latest", "https://host", "s3://models"), "without credentials"
    assert needs.environments == ("gpu",)
    assert needs.packages == ("pip",)
    (reason,) = pipelines["Bad"].reasons
    assert (reason.code, reason.line, reason.target) == ("unsupported-input-scheme", 1, None)


def test_what_only_one_engine_cannot_express_names_it(tree: Path) -> None:
    (pipeline,) = survey(tree / "loom", (Refusing,)).pipelines
    assert [(one.code, one.target) for one in pipeline.reasons] == [("too-odd", "refusing")]


class Refusing:
    """A target that expresses nothing."""

    NAME = "refusing"

    @staticmethod
    def check(pipeline, diagnostics) -> None:
        diagnostics.error("too-odd", "it cannot be said", pipeline.span)


SETTLED = """\
- step: {name: a, image: i, command: date, mounts: ["/data:/data"], environment-variable-groups: [keys]}
- step: {name: b, image: i, command: date, mounts: [{source: "nas:/x", destination: /x, type: nfs}]}
- pipeline: {name: Settled, nodes: [{name: n, type: execution, step: a}], edges: []}
- pipeline: {name: Odd, nodes: [{name: n, type: execution, step: b}], edges: []}
"""


def test_errors_that_settings_resolve_need_no_changes(tmp_path: Path) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(SETTLED)
    found = survey(file, registry.targets())
    assert {one.name: one.effort for one in found.pipelines} == {"Settled": Effort.SETTINGS, "Odd": Effort.CHANGES}
    assert "1 of 2 pipelines in 1 file translate: 0 as they are, 1 with settings; 1 need changes\n" in as_text(found)
    reasons = json.loads(as_json(found))["files"][0]["pipelines"][0]["reasons"]
    assert {one["code"]: one["settled"] for one in reasons} == {
        "unsupported-environment-variable-groups": True,
        "unsupported-mounts": True,
    }
    # The settings that the messages name are enough.
    (tmp_path / "translator.toml").write_text('[defaults]\nrunner = "docker"\n[groups.keys.variables]\nKEY = "k"\n')
    (settled, _) = survey(file, registry.targets()).pipelines
    assert settled.reasons == ()


def test_the_table(tree: Path) -> None:
    text = as_text(survey(tree, registry.targets()))
    assert "first (no pipeline)" in text
    assert text.endswith(
        "5 of 6 pipelines in 5 files translate: 1 as they are, 4 with settings; 1 need changes; 1 file with errors\n"
    )
    assert "secret" not in text


def test_the_report(tree: Path) -> None:
    text = as_markdown(survey(tree, registry.targets()))
    for line in (
        "| 1 | `unsupported-input-scheme` | not supported yet: inputs from gopher:// |",
        "| environment variables | `TOKEN` | 1 |",
        "| images | `i` | 3 |",
    ):
        assert line in text
    assert "| Good \\| one |" in text


def test_the_document(tree: Path) -> None:
    document = json.loads(as_json(survey(tree, registry.targets())))
    assert document["summary"] == {"none": 1, "settings": 4, "changes": 1}
    names = [one["name"] for file in document["files"] for one in file["pipelines"]]
    assert "Ready" in names


@pytest.mark.parametrize("written", ["text", "json", "markdown"])
def test_the_command(tree: Path, capsys, written: str) -> None:
    assert main(["audit", str(tree), "--format", written]) == 0
    assert "Ready" in capsys.readouterr().out
    assert main(["audit", str(tree / "ready" / "valohai.yaml"), "--format", written, "-t", "airflow"]) == 0
    assert "Ready" in capsys.readouterr().out


def test_an_empty_tree_and_a_missing_one(tmp_path: Path, capsys) -> None:
    assert main(["audit", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no pipeline files; 0 other YAML files\n"
    assert main(["audit", str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://models/a.pkl", "s3://models"),
        ("s3://AKIA:hushhush@models/a.pkl", "s3://models"),
        ("https://host:8443/x?token=hushhush", "https://host:8443"),
        ("https://host/package@1.2/x", "https://host"),
        ("gs://buck{et}/x", "gs://buck"),
        ("s3://arn:aws:s3:eu-north-1:1:accesspoint/x@y", "s3://arn:aws:s3:eu-north-1:1:accesspoint"),
        # Unquoted characters in the password: no one can tell where the server begins.
        ("s3://AKIA:sec?ret@bkt/x", None),
        ("s3://AKIA:sec*ret@bkt/x", "s3://bkt"),
        ("s3://AKIA:sec{ret@bkt/x", "s3://bkt"),
        ("s3://AKIA:sec[ret@bkt/x", None),
        ("https://bob:pa/ss@host/x", None),
        ("https://bob:pa#ss@host/x", None),
        ("https://bob:12/ss@host/x", None),
        ("https://bob:/ss@host/x", None),
        ("file:///data/x", None),
        ("s3:///x", None),
        ("local.csv", None),
    ],
)
def test_places_have_no_credentials(tmp_path: Path, capsys, uri: str, place: str | None) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(f"""\
- step: {{name: a, image: i, command: date, inputs: [{{name: data, default: {json.dumps(uri)}}}]}}
- pipeline: {{name: p, nodes: [{{name: n, type: execution, step: a}}], edges: []}}
""")
    (pipeline,) = survey(file, registry.targets()).pipelines
    assert pipeline.needs.data == ((place,) if place else ())
    for written in ("text", "json", "markdown"):
        assert main(["audit", str(file), "--format", written]) == 0
        printed = capsys.readouterr()
        for secret in ("AKIA", "sec?ret", "sec[ret", "hushhush", "bob", "pa/ss"):
            assert secret not in printed.out + printed.err


def test_images_and_mounts_have_no_credentials(tmp_path: Path) -> None:
    file = tmp_path / "valohai.yaml"
    file.write_text(ALONE.replace("image: i", 'image: "https://me:secret@host/i"'))
    pipelines = survey(file, registry.targets()).pipelines
    assert {image for one in pipelines for image in one.needs.images} == {"https://***@host/i"}


def test_pipes_and_devices_are_not_read(tree: Path) -> None:
    os.mkfifo(tree / "valohai.yaml")
    os.mkfifo(tree / "pipe.yml")
    (tree / "zero.yaml").symlink_to("/dev/zero")
    (tree / "linked.yaml").symlink_to("ready/valohai.yaml")
    done = audit(tree)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["others"] == 2 + 3
    assert "linked.yaml" in {file["path"] for file in document["files"]}
    for name in ("pipe.yml", "zero.yaml"):
        done = audit(tree / name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"translate: {tree / name} is neither a file nor a directory\n"


def audit(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that ends even if it waits for a pipe."""
    command = [sys.executable, "-m", "translator.cli", "audit", str(path), "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_variables_that_edges_set_need_not_be_provided(tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(
        "- step: {name: a, image: i, command: date}\n"
        "- step: {name: b, image: i, command: date, environment-variables: "
        "[{name: MODE, optional: false}, {name: TOKEN, optional: false}]}\n"
        "- pipeline: {name: P, nodes: [{name: a, type: execution, step: a}, {name: b, type: execution, step: b}], "
        "edges: [[a.metadata.mode, b.environment-variable.MODE]]}\n"
    )
    (file,) = survey(tmp_path, registry.targets()).files
    assert file.pipelines[0].needs.variables == ("TOKEN",)
