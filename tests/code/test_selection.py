"""Choose the files of projects that travel."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.installed import require
from tests.shim.workspace.test_commits import commit, git
from translator.code.selection import SelectionError, project_files
from translator.code.snapshot import take
from translator.shim.store import open_store
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


FILES = {
    "train.py": "",
    "data/big.bin": "",
    "data/small.csv": "",
    "data/.gitignore": "*.bin\n",
    ".gitignore": "/secret\n*.log\n!keep.log\n",
    "secret/key": "",
    "a.log": "",
    "keep.log": "",
    "__pycache__/train.pyc": "",
    "artifacts/p/run.json": "",
    "dags/p.py": f"{MARKER} valohai.yaml: p\n",
    "dags/own.py": "",
}
KEPT = [".gitignore", "dags/own.py", "data/.gitignore", "data/small.csv", "keep.log", "train.py"]


@pytest.mark.parametrize("in_repository", [False, True])
def test_what_git_ignores_stays(tmp_path: Path, *, in_repository: bool) -> None:
    require("git")
    project = tree(tmp_path / "project", FILES)
    if in_repository:
        git(project, "init", "-q")
    assert project_files(project, project / "artifacts") == KEPT
    (project / ".vhignore").write_text("data/\nkeep.*\n")
    assert project_files(project, project / "artifacts") == [".gitignore", ".vhignore", "dags/own.py", "train.py"]


def test_what_git_tracks_travels_even_if_it_is_ignored(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "repository" / "project", {"a.log": "", "gone.py": "", "b.log": ""})
    tree(project.parent, {".gitignore": "*.log\n", "outside.py": ""})
    git(project.parent, "init", "-q")
    git(project.parent, "add", "--force", "project/a.log", "project/gone.py")
    commit(project.parent)
    (project / "gone.py").unlink()
    assert project_files(project) == ["a.log"]


def test_repositories_in_a_project_travel_by_their_own_rules(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a.py": "", ".vhignore": "*.csv\n"})
    inner = tree(project / "vendored", {"b.py": "", "b.log": "", ".gitignore": "*.log\n"})
    for repository in (project, inner):
        git(repository, "init", "-q")
    assert project_files(project) == [".vhignore", "a.py", "vendored/.gitignore", "vendored/b.py"]


def test_without_patterns_git_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tree(tmp_path / "project", {"a.py": "", "b/c.txt": ""})
    (project / "link").symlink_to("b")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert project_files(project) == ["a.py", "b/c.txt", "link"]
    (project / ".vhignore").write_text("a.py\n")
    with pytest.raises(SelectionError, match=r"Git is not installed"):
        project_files(project)
    (project / ".vhignore").unlink()
    (project / ".git").mkdir()
    with pytest.raises(SelectionError, match=r"Git is not installed"):
        project_files(project)


def test_a_project_of_which_nothing_travels(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a.py": "", ".gitignore": "*\n"})
    with pytest.raises(SelectionError, match=r"no file of .* travels"):
        take(project, open_store(str(tmp_path / "store")))


def test_a_snapshot_is_the_same_wherever_the_project_lies(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    project = tree(tmp_path / "project", {"a.py": "1", "b.py": "2"})
    first = take(project, store)
    shutil.copytree(project, tmp_path / "copy")
    second = take(tmp_path / "copy", store)
    assert (first.sha256, first.is_new, first.files, first.size) == (second.sha256, True, 2, 2)
    assert not second.is_new
    tree(project, {"a.py": "3"})
    assert take(project, store).is_new
    assert len(store.names(".code")) == 2


def test_hooks_and_configuration_of_a_repository_run_nothing(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a.py": ""})
    git(project, "init", "-q")
    touched = tmp_path / "touched"
    git(project, "config", "core.fsmonitor", f"touch {touched}")
    git(project, "config", "core.hooksPath", str(tmp_path))
    tree(tmp_path, {"post-index-change": f"#!/bin/sh\ntouch {touched}\n"})
    (tmp_path / "post-index-change").chmod(0o755)
    assert project_files(project) == ["a.py"]
    assert not touched.exists()
