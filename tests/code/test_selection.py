"""Choose the files of projects that travel."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.installed import require
from tests.shim.workspace.test_commits import commit, git
from translator.code.commit import commit_of
from translator.code.selection import Selection, SelectionError, select
from translator.code.snapshot import take
from translator.shim.code import CodeError
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
    assert list(select(project, project / "artifacts").files) == KEPT
    (project / ".vhignore").write_text("data/\nkeep.*\n")
    assert list(select(project, project / "artifacts").files) == [".gitignore", ".vhignore", "dags/own.py", "train.py"]


def test_what_git_tracks_travels_even_if_it_is_ignored(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "repository" / "project", {"a.log": "", "gone.py": "", "b.log": ""})
    tree(project.parent, {".gitignore": "*.log\n", "outside.py": ""})
    git(project.parent, "init", "-q")
    git(project.parent, "add", "--force", "project/a.log", "project/gone.py")
    commit(project.parent)
    (project / "gone.py").unlink()
    assert list(select(project).files) == ["a.log"]


def test_repositories_in_a_project_travel_by_their_own_rules(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a.py": "", ".vhignore": "*.csv\n"})
    inner = tree(project / "vendored", {"b.py": "", "b.log": "", ".gitignore": "*.log\n"})
    for repository in (project, inner):
        git(repository, "init", "-q")
    assert list(select(project).files) == [".vhignore", "a.py", "vendored/.gitignore", "vendored/b.py"]


def test_without_patterns_git_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tree(tmp_path / "project", {"a.py": "", "b/c.txt": ""})
    (project / "link").symlink_to("b")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(select(project).files) == ["a.py", "b/c.txt", "link"]
    (project / ".vhignore").write_text("a.py\n")
    with pytest.raises(SelectionError, match=r"Git is not installed"):
        select(project)
    (project / ".vhignore").unlink()
    (project / ".git").mkdir()
    with pytest.raises(SelectionError, match=r"Git is not installed"):
        select(project)


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
    assert list(select(project).files) == ["a.py"]
    assert not touched.exists()


def test_a_submodule_that_is_not_checked_out_is_named(tmp_path: Path) -> None:
    require("git")
    inner = tree(tmp_path / "inner", {"a.py": ""})
    git(inner, "init", "-q")
    commit(inner)
    outer = tree(tmp_path / "outer", {"b.py": ""})
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    commit(outer)
    git(tmp_path, "clone", "-q", str(outer), "clone")
    assert select(tmp_path / "clone") == Selection((".gitmodules", "b.py"), ("sub",))
    assert select(outer).files == (".gitmodules", "b.py", "sub/a.py")


def test_patterns_of_the_project_reach_into_repositories_in_it(tmp_path: Path) -> None:
    require("git")
    project = tree(
        tmp_path, {"lib/a.py": "", "lib/secret.key": "", "lib/data/big": "", ".vhignore": "*.key\nlib/data/\n"}
    )
    git(project / "lib", "init", "-q")
    assert select(project).files == (".vhignore", "lib/a.py")


def test_what_lies_behind_a_link_does_not_travel(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a/b.py": "", "real/c.py": ""})
    git(project, "init", "-q")
    git(project, "add", ".")
    tree(tmp_path / "outside", {"b.py": "secret"})
    shutil.rmtree(project / "a")
    (project / "a").symlink_to("../outside")
    (project / ".gitignore").write_text("/a\n")
    assert select(project).files == (".gitignore", "real/c.py")
    (project / "a").unlink()
    (project / "real").rename(project / "moved")
    (project / "real").symlink_to("moved")
    assert select(project).files == (".gitignore", "moved/c.py", "real")
    assert take(project, open_store(str(tmp_path / "store"))).files == 3


def test_stores_and_environments_stay(tmp_path: Path) -> None:
    project = tree(
        tmp_path,
        {"a.py": "", "results/p/run/run.json": "", "results/.work/x": "", "env/pyvenv.cfg": "", "env/bin/python": ""},
    )
    assert select(project).files == ("a.py",)
    with pytest.raises(SelectionError, match="cannot be the artifact store"):
        select(project, project)


def test_links_that_would_not_work_elsewhere_are_refused(tmp_path: Path) -> None:
    project = tree(tmp_path / "project", {"a.py": "", "b.txt": "", ".vhignore": "b.txt\n"})
    require("git")
    store = open_store(str(tmp_path / "store"))
    for target, reason in (("../project/a.py", "not in the project"), ("b.txt", "does not travel")):
        (project / "link").symlink_to(target)
        with pytest.raises(CodeError, match=reason):
            take(project, store)
        (project / "link").unlink()
    (project / "link").symlink_to("nowhere")  # as broken there as here
    assert take(project, store).files == 3


def test_no_program_of_a_repository_runs_for_its_commit(tmp_path: Path) -> None:
    require("git")
    project = tree(tmp_path / "project", {"a.py": "1", ".gitattributes": "* filter=evil\n"})
    git(project, "init", "-q")
    commit(project)
    touched = tmp_path / "touched"
    for key in ("clean", "smudge"):
        git(project, "config", f"filter.evil.{key}", f"touch {touched}; cat")
    git(project, "config", "filter.evil.required", "true")
    (project / "a.py").write_text("2")
    named = commit_of(project, "https://git.example.com/a.git")
    assert any("lacks changes of a.py" in problem for problem in named.problems)
    assert not touched.exists()
