"""Fetch commits of repositories that may be hostile, or gone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.installed import require
from tests.shim.workspace.test_commits import commit, git
from translator.shim import code
from translator.shim.code import CodeError, checkouts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    require("git")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)
    return tmp_path / "cache" / "pipeline-translator" / "code"


def repository(folder: Path) -> tuple[str, str]:
    """Make a repository with a project in it; return its address and its commit."""
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.py").write_text("a")
    (folder / "b.py").write_text("b")
    git(folder, "init", "-q")
    return f"file://{folder}", commit(folder)


def test_a_commit_is_fetched_once(tmp_path: Path) -> None:
    address, head = repository(tmp_path / "repository")
    whole, part = checkouts.name(address, head), checkouts.name(f"{address}#sub", head)
    assert sorted(path.name for path in code.directory(whole, "nowhere://").iterdir()) == ["b.py", "sub"]
    assert [path.name for path in code.directory(part, "nowhere://").iterdir()] == ["a.py"]
    shutil.rmtree(tmp_path / "repository")
    assert [path.name for path in code.directory(part, "nowhere://").iterdir()] == ["a.py"]


@pytest.mark.parametrize(
    "name",
    [
        "git+https://example.com/a.git",
        "git+https://example.com/a.git@main",
        f"git+ext::sh -c id@{'0' * 40}",
        f"git+--upload-pack=id@{'0' * 40}",
        f"git+http://example.com/a.git@{'0' * 40}",
        f"git+https://user:hidden@example.com/a.git@{'0' * 40}",
        f"git+file:///nowhere/at/all@{'0' * 40}",
    ],
)
def test_what_cannot_be_fetched(name: str) -> None:
    with pytest.raises(CodeError) as raised:
        checkouts.fetch(name)
    assert "hidden" not in str(raised.value)


def test_a_commit_or_a_directory_that_is_not_there(tmp_path: Path, cache: Path) -> None:
    address, head = repository(tmp_path / "repository")
    for name in (checkouts.name(address, "0" * 40), checkouts.name(f"{address}#other", head)):
        with pytest.raises(CodeError, match="the project cannot be fetched from"):
            checkouts.fetch(name)
    with pytest.raises(CodeError):
        checkouts.fetch(checkouts.name(f"{address}#../..", head))
    assert [path for path in cache.iterdir() if not path.name.endswith(".lock")] == []
