"""Test nodes whose ``commit`` runs a step of another commit."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import jsonschema
import pytest

from tests.installed import require
from tests.shim.workspace.test_commits import commit, git
from translator import registry
from translator.config.schema import json_schema
from translator.load import Loaded, load, load_text

OLD = """\
- step:
    name: work
    image: old:1
    command: cat code.txt
    inputs: [{name: data, default: code.txt}]
    parameters: [{name: x, type: integer, default: 1}]
- step: {name: broken, image: i, command: [1]}
- step: {name: bare, image: i}
- task:
    name: grid
    step: work
    parameters: [{name: x, style: multiple, rules: {items: [1, 2]}}]
"""
NEW = """\
- step: {{name: work, image: new:1, command: cat code.txt}}
- pipeline:
    name: P
    nodes:
      - {{name: then, type: {kind}, commit: {commit}, {more}}}
      - {{name: now, type: execution, step: work}}
    edges: [[then.dependency.*, now.dependency.*]]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    require("git")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "valohai.yaml").write_text(OLD)
    (folder / "code.txt").write_text("old")
    commit(folder)
    return folder


def read(project: Path, commit: str, kind: str = "execution", more: str = "step: work") -> Loaded:
    (project / "valohai.yaml").write_text(NEW.format(commit=commit, kind=kind, more=more))
    return load(project / "valohai.yaml")


def test_a_step_of_another_commit(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    loaded = read(project, f"'{head[:9]}'")
    then, now = loaded.choose().nodes
    assert (then.step.image, then.step.commit, then.step.span.place) == ("old:1", head, f"valohai.yaml@{head[:10]}:2")
    assert (now.step.image, now.step.commit) == ("new:1", None)
    assert not any(one.code == "moving-commit" for one in loaded.diagnostics.found)
    override = read(project, head, more="step: work, override: {image: 'other:1', parameters: [{name: x, default: 3}]}")
    assert [p.default for p in override.choose().nodes[0].step.parameters] == [3]
    assert override.choose().nodes[0].step.image == "other:1"


def test_a_task_blueprint_that_is_not_valid(project: Path) -> None:
    (project / "valohai.yaml").write_text(OLD.replace("step: work", "step: work\n    type: none"))
    head = commit(project)
    (found,) = (one for one in read(project, head, "task", "task: grid").diagnostics.found if one.code == "bad-commit")
    assert found.message.startswith(f"task blueprint 'grid' of the commit {head[:10]} is not valid: 'type' cannot be")


def test_the_file_may_be_in_another_directory_than_the_project(project: Path, tmp_path: Path) -> None:
    (project / "ci").mkdir()
    (project / "ci" / "valohai.yaml").write_text(OLD)
    head = commit(project)
    text = NEW.format(commit=head, kind="execution", more="step: work")
    for path in (project / "ci" / "valohai.yaml", project / "ci" / "other.yaml", tmp_path / "valohai.yaml"):
        loaded = load(path, project=project, dialect="valohai", stream=BytesIO(text.encode()))
        errors = [one.message for one in loaded.diagnostics.found if one.code == "bad-commit"]
        expected = {
            "ci/valohai.yaml": [],
            "ci/other.yaml": [f"the commit {head[:10]} has no ci/other.yaml"],
            "../valohai.yaml": [f"../valohai.yaml is not in the Git repository of {project}"],
        }
        assert errors == expected[os.path.relpath(path, project)]
    loaded = load(Path("<stdin>"), project=project, dialect="valohai", stream=BytesIO(text.encode()))
    assert [one.hint for one in loaded.diagnostics.found if one.code == "bad-commit"] == [
        "give it with --stdin-name PATH"
    ]


def test_a_task_blueprint_of_another_commit(project: Path) -> None:
    node = read(project, git(project, "rev-parse", "HEAD"), "task", "task: grid").choose().nodes[0]
    assert node.grid.axes[0].values == (1, 2)
    assert node.step.commit


def test_a_branch_is_noted(project: Path) -> None:
    found = {one.code: one.message for one in read(project, "main").diagnostics.found}
    head = git(project, "rev-parse", "HEAD")
    assert found["moving-commit"] == f"the commit 'main' is {head[:10]} now, which generated files keep"


@pytest.mark.parametrize(
    ("name", "more", "code", "message"),
    [
        ("abc1234", "step: work", "bad-commit", "has no commit 'abc1234'"),
        ("--help", "step: work", "bad-commit", "'--help' is not the name of a commit"),
        ("'library:tool/1'", "step: work", "bad-commit", "is a step of Valohai's own library"),
        ("main", "step: wrok", "unknown-step", "there is no step called 'wrok' in the commit {head}"),
        ("main", "step: broken", "bad-commit", "step 'broken' of the commit {head} is not valid: item 1 of 'command'"),
        ("main", "step: bare", "bad-commit", "a step needs 'command' (valohai.yaml@{head}:8)"),
    ],
)
def test_what_cannot_be_read(project: Path, name: str, more: str, code: str, message: str) -> None:
    loaded = read(project, name, more=more)
    assert not loaded.pipelines
    message = message.format(head=git(project, "rev-parse", "HEAD")[:10])
    assert [one for one in loaded.diagnostics.found if one.code == code and message in one.message]


def test_a_file_that_is_not_yaml(project: Path) -> None:
    (project / "valohai.yaml").write_text("- [")
    bad = commit(project)
    message = next(one.message for one in read(project, bad).diagnostics.found if one.code == "bad-commit")
    assert message.startswith(f"valohai.yaml of the commit {bad[:10]} cannot be read: ")


def test_a_text_without_a_project_has_no_commits() -> None:
    loaded = load_text(NEW.format(commit="main", kind="execution", more="step: work"))
    assert "bad-commit" in [one.code for one in loaded.diagnostics.found]


def test_a_commit_of_a_configured_remote(project: Path, tmp_path: Path) -> None:
    """The project is a copy without a repository, and generated files say where workers find the commit."""
    head = git(project, "rev-parse", "HEAD")
    plain = tmp_path / "plain"
    plain.mkdir()
    (bad,) = [one for one in read(plain, head).diagnostics if one.code == "bad-commit"]
    assert "is not in a Git repository that can be read" in bad.message
    remote = project.as_uri()
    (plain / "translator.toml").write_text(f'git_remote = "{remote}"\n')
    for name in (head, head[:9], "main"):
        loaded = read(plain, f"'{name}'")
        assert loaded.diagnostics.ok, list(loaded.diagnostics)
        pipeline = loaded.choose()
        assert pipeline.git_remote == remote
        (then, _) = pipeline.nodes
        assert (then.step.commit, then.step.image) == (head, "old:1")
    assert f'"git_remote": "{remote}",' in registry.target("airflow").generate(pipeline)
    assert f'git_remote="{remote}",' in registry.target("prefect").generate(pipeline)
    (bad,) = [one for one in read(plain, "none").diagnostics if one.code == "bad-commit"]
    assert bad.message == f"neither the Git repository of {plain} nor {remote} has a commit 'none'"
    text = NEW.format(commit="", kind="execution", more="step: work").replace("commit: , ", "")
    (plain / "valohai.yaml").write_text(text)
    assert load(plain / "valohai.yaml").choose().git_remote is None, "no node needs it"


@pytest.mark.parametrize("written", ["ext::sh -c date", "https://me:secret@host/x", "http://host/x", "", "../x"])
def test_a_remote_that_is_not_accepted(project: Path, written: str) -> None:
    (project / "translator.toml").write_text(f"git_remote = '{written}'\n")
    (bad,) = [one for one in read(project, "main").diagnostics if one.severity == "error"]
    assert (bad.code, bad.span and bad.span.place) == ("bad-setting", "translator.toml:1")
    assert "'git_remote' must be a Git repository at https://, ssh:// or file://, without a password" in bad.message
    schema = json_schema({})
    assert not jsonschema.Draft202012Validator(schema).is_valid({"git_remote": written})


def test_steps_of_the_library_are_refused(project: Path) -> None:
    (bad,) = [one for one in read(project, "'library:some-step'").diagnostics if one.severity == "error"]
    assert bad.message == "'library:some-step' is a step of Valohai's own library, which only its service can look up"
    assert bad.hint == "copy the step into this file, with its scripts"
