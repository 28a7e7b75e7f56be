"""Test the export of commits; whoever wrote a repository must not run code, or reach other files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.installed import require
from translator.shim.workspace import commits
from translator.shim.workspace.commits import CommitError, export, read, resolve


def git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    environment = {
        **os.environ,
        **{f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    ended = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=data, capture_output=True, check=True
    )
    return ended.stdout.decode().strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project in a directory of a repository with one commit; files have changed since."""
    require("git")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    repository = tmp_path / "repository"
    folder = repository / "a b" / "project"
    (folder / "bin").mkdir(parents=True)
    git(repository, "init", "-q", "-b", "main")
    (repository / "above.txt").write_text("above")
    (folder / "valohai.yaml").write_text("old")
    (folder / "bin" / "run.sh").write_text("echo")
    (folder / "bin" / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("bin/run.sh")
    commit(folder)
    (folder / "valohai.yaml").write_text("new")
    (folder / "later.txt").write_text("later")
    return folder


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "c")
    return git(folder, "rev-parse", "HEAD")


def commit_of(folder: Path, tree: bytes) -> str:
    """Make a commit of a tree that Git itself would not make; the project is its root."""
    digest = git(folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=tree)
    return git(folder, "commit-tree", "-m", "c", digest)


def entry(mode: str, name: str, digest: str) -> bytes:
    return f"{mode} {name}".encode() + b"\0" + bytes.fromhex(digest)


def test_an_export_is_the_project_as_it_was(project: Path) -> None:
    head = resolve(project, "main")
    assert resolve(project, head[:8]) == head
    assert read(project, head, "valohai.yaml") == "old"
    folder = export(project, head)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "bin", "bin/run.sh", "link", "valohai.yaml"
    ]  # fmt: skip
    assert (folder / "valohai.yaml").read_text() == "old"
    assert os.access(folder / "bin/run.sh", os.X_OK)
    assert not os.access(folder / "valohai.yaml", os.X_OK)
    assert (folder / "link").read_text() == "echo"
    assert export(project, head) == folder
    assert not list(folder.parent.glob(".*"))


def test_commits_with_the_same_tree_share_an_export(project: Path) -> None:
    head = resolve(project, "main")
    git(project, "commit", "-q", "--allow-empty", "-m", "empty")
    assert export(project, resolve(project, "main")) == export(project, head)


@pytest.mark.parametrize(
    "name",
    [
        "--help",
        "-n1",
        "--output=/tmp/x",
        "main..main",
        "main^",
        "main~1",
        "@{-1}",
        ":/c",
        "",
        "a b",
        "HEAD:a",
        "x" * 300,
    ],
)
def test_names_that_are_options_or_operators_are_refused(project: Path, name: str) -> None:
    with pytest.raises(CommitError, match="is not the name of a commit"):
        resolve(project, name)


def test_what_does_not_exist(project: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CommitError, match=r"has no commit 'f00'\n  fetch it: git -C '/.*/a b/project' fetch origin f00$"
    ):
        resolve(project, "f00")
    head = resolve(project, "main")
    with pytest.raises(CommitError, match=r"has no later\.txt"):
        read(project, head, "later.txt")
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(CommitError, match="is not in a Git repository that can be read"):
        resolve(outside, "main")
    with pytest.raises(CommitError, match="is not in a Git repository that can be read"):
        export(outside, head)
    with pytest.raises(CommitError, match="is not the hash of a commit"):
        export(project, "main")
    moved = project.parent / "new"
    moved.mkdir()
    with pytest.raises(CommitError, match="does not have the directory of the project"):
        export(moved, head)


def test_nothing_of_the_repository_runs(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "ran"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    evil.chmod(0o755)
    (project / ".gitattributes").write_text("* filter=evil diff=evil export-subst\nvaloh* export-ignore\n")
    (project / ".gitmodules").write_text('[submodule "s"]\n path = s\n url = ext::sh -c touch% ran\n')
    head = commit(project)
    hooks = git(project, "rev-parse", "--git-path", "hooks")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        target = project / hooks / hook
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(evil.read_bytes())
        target.chmod(0o755)
    for key in (
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.textconv",
        "core.fsmonitor",
    ):
        git(project, "config", key, str(evil))
    for key in ("core.pager", "core.sshCommand", "core.editor", "credential.helper", "uploadpack.packObjectsHook"):
        git(project, "config", key, str(evil))
    marker.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(evil))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(evil))
    assert resolve(project, head) == head
    folder = export(project, head)
    assert (folder / "valohai.yaml").read_text() == read(project, head, "valohai.yaml") == "new"
    assert not marker.exists()


def test_a_lost_object_is_not_fetched(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = resolve(project, "main")
    environment = commits.environment()
    del environment["GIT_NO_LAZY_FETCH"]  # versions of Git before 2.39.4 do not know it
    monkeypatch.setattr(commits, "environment", lambda: environment)
    marker = tmp_path / "ran"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\n")
    evil.chmod(0o755)
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "evil",
        "remote.evil.url": f"ext::{evil}",
        "remote.evil.promisor": "true",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }.items():
        git(project, "config", key, value)
    blob = git(project, "rev-parse", "HEAD:./valohai.yaml")
    objects = project / git(project, "rev-parse", "--git-path", "objects")
    (objects / blob[:2] / blob[2:]).unlink()
    with pytest.raises(CommitError, match=r"has no valohai\.yaml"):
        read(project, head, "valohai.yaml")
    with pytest.raises(CommitError, match="lacks the object"):
        export(project, head)
    with pytest.raises(CommitError, match="has no commit 'ffff"):
        resolve(project, "f" * 40)
    assert not marker.exists()


def test_a_repository_in_tracked_files_is_not_used(project: Path) -> None:
    git(project, "init", "-q", "--bare", ".")
    assert (project / "HEAD").exists()
    with pytest.raises(CommitError, match="is not in a Git repository that can be read"):
        resolve(project, "main")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("100644", "../evil", "blob")], "leaves its directory"),
        ([("100644", "..", "blob")], "leaves its directory"),
        ([("100644", "/tmp/evil", "blob")], "leaves its directory"),
        ([("40000", "..", "tree")], "leaves its directory"),
        ([("100644", ".git", "blob")], "it has the file '.git'"),
        ([("40000", ".GIT", "tree")], "it has the file '.GIT/evil'"),
        ([("120000", "a", "up"), ("40000", "a", "tree")], "is not valid"),
        ([("40000", "a", "tree"), ("100644", "a", "blob")], "is not valid"),
        ([("120000", "link", "up")], "its link 'link' leads elsewhere"),
        ([("120000", "one", "two"), ("120000", "two", "up")], "leads elsewhere"),
        ([("100644", "lost", "f" * 40)], "lacks the object"),
        ([("100644", "tree", "tree")], "lacks the object"),
    ],
)
def test_trees_that_lead_elsewhere_are_refused(project: Path, tmp_path: Path, entries, message: str) -> None:
    root = project.parents[1]
    blob = git(root, "hash-object", "-w", "--stdin", data=b"evil")
    objects = {
        "blob": blob,
        "up": git(root, "hash-object", "-w", "--stdin", data=b"../../.."),
        "two": git(root, "hash-object", "-w", "--stdin", data=b"two"),
        "tree": git(
            root, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=entry("100644", "evil", blob)
        ),
    }
    bad = commit_of(root, b"".join(entry(mode, name, objects.get(what, what)) for mode, name, what in entries))
    with pytest.raises(CommitError, match=message):
        export(root, bad)
    assert not list((tmp_path / "cache/pipeline-translator/commits").iterdir())
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("_ENTRY_LIMIT", 2, "it has more than 2 files"),
        ("_EXPORT_LIMIT", 5, "its files have more than 5 bytes"),
        ("_LINK_LIMIT", 5, "its link 'link' is too long"),
    ],
)
def test_large_commits_are_refused(project: Path, tmp_path: Path, monkeypatch, limit, value, message) -> None:
    head = resolve(project, "main")
    monkeypatch.setattr(commits, limit, value)
    with pytest.raises(CommitError, match=message):
        export(project, head)
    assert not list((tmp_path / "cache/pipeline-translator/commits").iterdir())
    monkeypatch.setattr(commits, limit, value * 10)
    assert export(project, head)


def test_a_lost_tree_is_an_error(project: Path) -> None:
    head = resolve(project, "main")
    tree = git(project, "rev-parse", "HEAD:./bin")
    (project / git(project, "rev-parse", "--git-path", "objects") / tree[:2] / tree[2:]).unlink()
    with pytest.raises(CommitError, match="lacks a part of the tree"):
        export(project, head)


def test_submodules_are_empty_directories(project: Path) -> None:
    root = project.parents[1]
    made = commit_of(root, entry("160000", "module", "1" * 40))
    assert list((export(root, made) / "module").iterdir()) == []


def test_a_cache_that_others_can_write_to_is_not_used(project: Path, tmp_path: Path) -> None:
    head = resolve(project, "main")
    cache = tmp_path / "cache" / "pipeline-translator"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    with pytest.raises(CommitError, match="has no cache directory\n  set XDG_CACHE_HOME"):
        export(project, head)


def test_a_long_pipeline_file_and_other_bytes_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "valohai.yaml").write_bytes(b"\xff\xfe\xfa")
    head = commit(project)
    with pytest.raises(CommitError, match="is not a text in UTF-8"):
        read(project, head, "valohai.yaml")
    monkeypatch.setattr(commits, "_DOCUMENT_LIMIT", 2)
    with pytest.raises(CommitError, match="has 3 bytes, more than 2"):
        read(project, head, "valohai.yaml")
