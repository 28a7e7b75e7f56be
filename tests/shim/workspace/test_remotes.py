"""Test commits that are fetched from a configured remote, because the project's own repository lacks them."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.shim.workspace import test_commits
from tests.shim.workspace.test_commits import commit, git
from translator.shim.contract import Step
from translator.shim.files.digest import no_pulse
from translator.shim.files.git_address import ADDRESS
from translator.shim.workspace import remotes
from translator.shim.workspace.commits import CommitError, export, read, resolve

project = test_commits.project
DIRECTORY = "a b/project"


@pytest.fixture
def remote(project: Path) -> str:
    """Return the address of the project's repository, which has a branch more than the project's clones."""
    root = project.parents[1]
    git(root, "checkout", "-q", "-b", "later")
    (project / "valohai.yaml").write_text("of the branch")
    commit(project)
    git(root, "tag", "-a", "v1", "-m", "one")
    git(root, "checkout", "-q", "main")
    return root.as_uri()


@pytest.fixture
def clone(project: Path, remote: str, tmp_path: Path) -> Path:
    """Return the project in a clone of one branch."""
    git(tmp_path, "clone", "-q", "--single-branch", "--branch", "main", remote, str(tmp_path / "clone"))
    return tmp_path / "clone" / DIRECTORY


def test_a_commit_that_the_project_lacks_is_fetched(clone: Path, remote: str, project: Path) -> None:
    head = git(project, "rev-parse", "later")
    with pytest.raises(CommitError, match=f"has no commit '{head}'\n  fetch it: git -C"):
        export(clone, head)
    folder = export(clone, head, no_pulse, remote)
    assert (folder / "valohai.yaml").read_text() == "of the branch"
    assert not (folder / "above.txt").exists(), "the directory of the project only"
    with pytest.raises(CommitError, match="has no commit"):
        resolve(clone, head)
    assert read(clone, head, "valohai.yaml", remote) == "of the branch"
    assert export(clone, head, no_pulse, remote) == folder


@pytest.mark.parametrize("name", ["later", "v1", "short", "whole"])
def test_names_of_a_remote(clone: Path, remote: str, project: Path, name: str) -> None:
    head = git(project, "rev-parse", "later")
    assert resolve(clone, {"short": head[:9], "whole": head}.get(name, name), remote) == head
    own = resolve(clone, "main")
    (project / "more").touch()
    commit(project)
    assert resolve(clone, "main", remote) == own, "what the project's repository has counts"


def test_a_project_without_a_repository(remote: str, project: Path, tmp_path: Path) -> None:
    head = git(project, "rev-parse", "later")
    plain = tmp_path / "plain"
    plain.mkdir()
    folder = export(plain, head, no_pulse, remote)
    assert (folder / "above.txt").read_text() == "above", "the root of the repository"
    assert sorted(path.name for path in folder.iterdir()) == ["a b", "above.txt"]


def test_the_directory_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    (root / "deep/er").mkdir(parents=True)
    (root / "deep/er/file").write_text("inside")
    (root / "above").touch()
    git(root, "init", "-q")
    head = commit(root)
    plain = tmp_path / "plain"
    plain.mkdir()
    for written in ("deep/er", "/deep/er/"):
        folder = export(plain, head, no_pulse, f"{root.as_uri()}#{written}")
        assert [path.name for path in folder.iterdir()] == ["file"]
    assert read(plain, head, "file", f"{root.as_uri()}#deep/er") == "inside"
    for bad in ("../x", "deep/../..", "a/.git"):
        with pytest.raises(CommitError, match="cannot be exported"):
            export(plain, head, no_pulse, f"{root.as_uri()}#{bad}")
    with pytest.raises(CommitError, match="does not have the directory of the project"):
        export(plain, head, no_pulse, f"{root.as_uri()}#nowhere")


def test_what_the_remote_lacks(clone: Path, remote: str, tmp_path: Path) -> None:
    with pytest.raises(CommitError, match=f"nor {re.escape(remote)} has a commit 'none'"):
        resolve(clone, "none", remote)
    with pytest.raises(CommitError, match=f"has a commit '{'f' * 40}'"):
        export(clone, "f" * 40, no_pulse, remote)
    nowhere = (tmp_path / "nowhere").as_uri()
    with pytest.raises(CommitError, match=r"Git repository of .*: file:///.*/nowhere cannot be fetched: fatal: "):
        export(clone, "f" * 40, no_pulse, nowhere)


def fetches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that receives what each command of Git fetches last."""
    fetched: list[str] = []
    run = remotes._run

    def noted(url: str, arguments: tuple[str, ...], pulse: Callable[[], None]) -> None:
        if "fetch" in arguments:
            fetched.append(arguments[-1])
        run(url, arguments, pulse)

    monkeypatch.setattr(remotes, "_run", noted)
    return fetched


def test_branches_are_fetched_if_the_server_refuses_the_hash(
    remote: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = fetches(monkeypatch)
    head = git(project, "rev-parse", "later")
    remotes.fetch(remote, head, no_pulse)
    assert fetched == [head], "the hash alone"
    fetched.clear()
    remotes.fetch(remote, "f" * 40, no_pulse)
    assert fetched == ["f" * 40, "+refs/tags/*:refs/tags/*"]
    # By the old protocol, servers give what branches point at, and nothing else.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
    git(project.parents[1], "checkout", "-q", "later")
    (project / "valohai.yaml").write_text("of a later commit")
    commit(project)
    git(project.parents[1], "tag", "-d", "v1")
    shutil.rmtree(remotes.fetch(remote, None, no_pulse))
    fetched.clear()
    repository = remotes.fetch(remote, head, no_pulse)
    assert fetched == [head, "+refs/tags/*:refs/tags/*"]
    assert git(repository, "rev-parse", f"{head}^{{commit}}") == head


@pytest.mark.parametrize(
    "says",
    [
        "fatal: Authentication failed for 'https://host/x'",
        "git@host: Permission denied (publickey).",
        "fatal: unable to access 'https://host/x': Could not resolve host: host",
        "ERROR: Repository not found.",
    ],
)
def test_nothing_else_is_fetched_after_another_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "says").write_text(f"{says}\n")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"cat {tmp_path / 'says'} >&2; exit 128; #")
    fetched = fetches(monkeypatch)
    with pytest.raises(remotes.RemoteError, match="git@host:x cannot be fetched: "):
        remotes.fetch("git@host:x", "f" * 40, no_pulse)
    assert fetched == ["f" * 40]


def test_the_time_limit_ends_the_fetch(remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_SSH_COMMAND", "sleep 600; #")
    fetched = fetches(monkeypatch)
    remotes.fetch(remote, None, no_pulse)
    repository = next((tmp_path / "cache").rglob("remotes/*/HEAD")).parent
    fetched.clear()
    monkeypatch.setattr(remotes, "_TIMEOUT", -1.0)
    arguments = (f"--git-dir={repository}", "fetch", "--end-of-options", "git@host:x", "f" * 40)
    with pytest.raises(remotes.RemoteError, match="it took more than") as error:
        remotes._run("git@host:x", arguments, no_pulse)
    assert not isinstance(error.value, remotes._RefusedError), "so that branches are not fetched as well"
    assert fetched == ["f" * 40]


@pytest.mark.parametrize(
    ("written", "is_valid"),
    [
        ("https://host/team/project.git", True),
        ("https://host:8443/project#ml/deep", True),
        ("ssh://git@host:22/team/project.git", True),
        ("git@host.example:team/project.git", True),
        ("file:///srv/git/project.git", True),
        ("https://me:secret@host/project.git", False),
        ("https://token@host/project.git", False),
        ("http://host/project.git", False),
        ("git://host/project.git", False),
        ("ext::sh -c date", False),
        ("ext::sh%20-c", False),
        ("ssh://-oProxyCommand=date/x", False),
        ("ssh://git@-oProxyCommand=date/x", False),
        ("git@-oProxyCommand:x", False),
        ("git@host:-x", False),
        ("--upload-pack=date", False),
        ("/srv/git/project.git", False),
        ("file://host/x", False),
        ("https://host/a b", False),
    ],
)
def test_addresses(written: str, is_valid: bool, tmp_path: Path) -> None:
    assert (re.fullmatch(ADDRESS, written) is not None) is is_valid
    if not is_valid:
        with pytest.raises(remotes.RemoteError, match="is not an address of a Git repository"):
            remotes.fetch(written, "f" * 40, no_pulse)


def test_nothing_of_the_project_or_the_remote_runs(
    clone: Path,
    remote: str,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marker, evil = tmp_path / "ran", tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\n")
    evil.chmod(0o755)
    head = git(project, "rev-parse", "later")
    for key in ("core.sshCommand", "core.gitProxy", "credential.helper", "uploadpack.packObjectsHook", "core.askPass"):
        for folder in (clone, project):
            git(folder, "config", key, str(evil))
    git(clone, "config", f"url.ext::{evil}.insteadOf", "file://")
    for folder in (clone, project):
        for hook in ("post-checkout", "reference-transaction", "pre-receive", "fsmonitor-watchman"):
            path = folder / git(folder, "rev-parse", "--git-path", f"hooks/{hook}")
            path.parent.mkdir(exist_ok=True)
            shutil.copy(evil, path)
    marker.unlink(missing_ok=True)
    assert (export(clone, head, no_pulse, remote) / "valohai.yaml").read_text() == "of the branch"
    assert not marker.exists()
    # Not even a configuration of the user turns an address into a program.
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "config").write_text(f'[url "ext::{evil} "]\n\tinsteadOf = file://\n[protocol]\n\tallow = always\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    with pytest.raises(CommitError, match="transport 'ext' not allowed"):
        export(clone, head, no_pulse, remote)
    assert not marker.exists()


def test_a_stop_ends_git(clone: Path, processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = tmp_path / "asleep"
    ssh = tmp_path / "ssh.sh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {asleep}\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")

    class StopError(Exception):
        pass

    def pulse() -> None:
        if asleep.exists() and asleep.read_text():
            raise StopError

    with pytest.raises(StopError):
        export(clone, "f" * 40, pulse, "git@host:x")
    assert processes([int(asleep.read_text())])


def test_executions_fetch_at_once(clone: Path, remote: str, project: Path) -> None:
    head = git(project, "rev-parse", "later")
    barrier = threading.Barrier(4)

    def work(_: int) -> Path:
        barrier.wait()
        return export(clone, head, no_pulse, remote)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(4)))) == 1


def test_an_execution_sees_the_files_of_the_remote(worker, remote: str, project: Path) -> None:
    """Its project is not in a repository, as in a bundle of DAG files."""
    head = git(project, "rev-parse", "later")
    step = Step("s", ["cat valohai.yaml"], commit=head, source="valohai.yaml:3")
    missing = worker.run(step)
    assert (missing.state, missing.infrastructure) == ("error", False)
    assert "valohai.yaml:3: " in str(missing.reason)
    assert "is not in a Git repository that can be read" in str(missing.reason)
    worker.git_remote = f"{remote}#a%20b/project"
    assert "does not have the directory of the project" in str(worker.run(step, node="bad").reason)
    worker.git_remote = remote
    assert "cat: valohai.yaml" in worker.log[-2] + worker.log[-1] + str(worker.run(step, node="root").reason)
    (worker.project / "valohai.yaml").write_text("of the project")
    git(worker.project, "init", "-q")
    worker.log.clear()
    manifest = worker.run(Step("s", ["cat above.txt"], commit=head), node="whole")
    assert (manifest.state, worker.output) == ("complete", ["above"]), manifest.reason
