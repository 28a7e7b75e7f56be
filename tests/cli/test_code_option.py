"""Translate with ``--code snapshot``, and with ``code`` in ``translator.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import require
from tests.shim.workspace.test_commits import commit, git
from translator.cli import main

PIPELINE = """\
- step: {name: work, image: i, command: python a.py}
- pipeline:
    name: P
    nodes: [{name: one, type: execution, step: work}]
    edges: []
- pipeline:
    name: Q
    nodes: [{name: one, type: execution, step: work}]
    edges: []
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TRANSLATOR_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("valohai.yaml").write_text(PIPELINE)
    Path("a.py").touch()
    return tmp_path


@pytest.mark.parametrize(("target", "file"), [("airflow", "p.py"), ("prefect", "p_flow.py")])
def test_the_option_puts_a_snapshot_into_the_store(
    target: str, file: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["valohai.yaml", "--target", target, "--code", "snapshot", "--store", "store"]
    assert main([*arguments, "-o", "out/"]) == 0
    (archive,) = Path("store/.code").iterdir()
    text = Path("out", file).read_text()
    assert "\n# A snapshot of the project; workers fetch it from the artifact store.\nPROJECT =" in text
    assert f'\nPROJECT = "snapshot:{archive.stem}"\n' in text
    assert "Path" not in text
    err = capsys.readouterr().err
    assert err.count(f"put the project into file://{project}/store (2 files, ") == 1  # for both pipelines
    # What it wrote is not part of the next snapshot.
    assert main([*arguments, "-o", "out/"]) == 0
    assert [path.name for path in Path("store/.code").iterdir()] == [archive.name]
    assert "the project is already in" in capsys.readouterr().err
    assert Path("out", file).read_text() == text


def test_the_configuration_chooses_too_and_the_option_is_stronger(project: Path) -> None:
    Path("translator.toml").write_text(f'[defaults]\nstore = "{project}/store"\n[pipelines.P]\ncode = "snapshot"\n')
    assert main(["valohai.yaml", "--target", "airflow", "-o", "out/"]) == 0
    assert 'PROJECT = "snapshot:' in Path("out/p.py").read_text()
    assert "PROJECT = Path(__file__).parent" in Path("out/q.py").read_text()
    assert main(["valohai.yaml", "--target", "airflow", "-o", "out/", "--code", "path"]) == 0
    assert "PROJECT = Path(__file__).parent" in Path("out/p.py").read_text()


def test_a_snapshot_needs_a_store(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["valohai.yaml", "-p", "P", "--target", "airflow", "--code", "snapshot", "-o", "out/"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "translate: a snapshot needs an artifact store; name it with --store, TRANSLATOR_STORE or translator.toml\n"
    )
    assert not Path("out").exists()
    monkeypatch.setenv("TRANSLATOR_STORE", "store")
    assert main(arguments) == 0


def test_a_commit_of_the_repository(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require("git")
    arguments = ["valohai.yaml", "-p", "P", "--target", "airflow", "--code", "git", "-o", "dags/"]
    assert main(arguments) == 1
    assert "workers cannot fetch a commit from an unknown repository" in capsys.readouterr().err
    Path("translator.toml").write_text('git_remote = "https://git.example.com/ml.git"\n')
    assert main(arguments) == 2
    assert "not a git repository" in capsys.readouterr().err
    git(project, "init", "-q")
    head = commit(project)
    assert main(arguments) == 0
    named = f'PROJECT = "git+https://git.example.com/ml.git@{head}"\n'
    text = Path("dags/p.py").read_text()
    assert f"\n# The commit of the project; workers fetch it from its Git repository.\n{named}" in text
    assert f"no branch of a remote has the commit {head[:10]}" in capsys.readouterr().err
    Path("a.py").write_text("changed = 1")
    assert main(arguments) == 0  # what it wrote itself does not count
    assert f"warning: the commit {head[:10]} lacks changes of a.py; commit them" in capsys.readouterr().err


def test_what_a_snapshot_lacks_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sub").mkdir()
    Path("sub/valohai.yaml").write_text(PIPELINE)
    Path("translator.toml").write_text(
        f'[defaults]\nstore = "{project}/store"\ncode = "snapshot"\n[catalogue.names]\n"datum://a" = "a.csv"\n'
    )
    assert main(["check", "sub/valohai.yaml"]) == 1
    assert (
        "../translator.toml, which has the names of data, does not travel with the project" in capsys.readouterr().out
    )
    assert main(["sub/valohai.yaml", "--target", "airflow", "-o", "out/"]) == 1
    assert not Path("store").exists()


def test_a_link_out_of_the_project_cannot_travel(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").symlink_to("/etc")
    assert main(["valohai.yaml", "-p", "P", "--target", "airflow", "--code", "snapshot", "--store", "store"]) == 2
    assert "data is a link to /etc, which is not in the project" in capsys.readouterr().err
