"""Test the working directory of a step: it shows the project, and the step's changes do not reach the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from translator.shim.contract import Catalog, Context, ExecutionId, Scope, Step
from translator.shim.dialects.magnus import view
from translator.shim.execution import execute
from translator.shim.store import open_store
from translator.shim.workspace import workspace


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path in ("a.py", "data/b.csv", "pkg/c.py", "pkg/deep/big.bin", ".git/x", "env/pyvenv.cfg", "env/lib.py",
                 "node_modules/n.js", "pkg/__pycache__/c.pyc", "store/.work/y"):  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "pkg" / "deep" / "big.bin").write_bytes(b"x" * (view.COPIED + 1))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "away").symlink_to(tmp_path)
    (folder / "gone").symlink_to("nowhere")
    return folder


@pytest.fixture
def show(project: Path, tmp_path: Path):
    def show(name: str, *put: str) -> Path:
        show.linked = view.show(project, tmp_path / name, put, project / "store", tmp_path / "shared")
        return tmp_path / name

    return show


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SEEN = ["a.py", "data/b.csv", "pkg/c.py", "pkg/deep/big.bin", "run.sh"]


def test_what_is_shown(show, project: Path, tmp_path: Path) -> None:
    made = show("one")
    assert sorted(files(made)) == SEEN
    assert (made / "away").resolve() == tmp_path
    for path in SEEN:
        here, there = (made / path).stat(), (project / path).stat()
        assert (here.st_mtime_ns, here.st_mode, here.st_size) == (there.st_mtime_ns, there.st_mode, there.st_size)
        assert here.st_ino != there.st_ino, path


def test_writing_in_place_changes_neither_the_project_nor_later_views(show, project: Path) -> None:
    before = files(project)
    made = show("one")
    for path in SEEN:
        with (made / path).open("r+b") as file:
            file.write(b"changed")
    assert files(project) == before
    assert {path: before[path] for path in SEEN} == files(show("two"))


def test_sources_and_large_files_are_shared_and_others_are_not(show) -> None:
    one, two, three = show("one"), show("two"), show("three", "pkg/*.py", "**/*.bin")
    shared = ["a.py", "pkg/c.py", "pkg/deep/big.bin", "run.sh"]
    assert [path for path in SEEN if (one / path).samefile(two / path)] == shared
    assert [path for path in SEEN if (one / path).samefile(three / path)] == ["a.py", "run.sh"]


def test_what_changes_in_the_project_is_shown(show, project: Path) -> None:
    show("one")
    (project / "a.py").write_text("A.py")
    (project / "pkg" / "c.py").unlink()
    made = files(show("two"))
    assert made["a.py"] == b"A.py"
    assert "pkg/c.py" not in made


def test_without_a_place_for_shared_copies_each_view_has_its_own(show, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("no folder")
    assert sorted(files(show("one"))) == SEEN


def test_shared_copies_are_swept_away_when_nobody_has_used_them_for_long(show, project: Path, tmp_path: Path) -> None:
    made = show("one")
    kept = tmp_path / "shared" / f"project-{view.key(project)}"
    os.utime(kept, (0, 0))
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "store").mkdir(exist_ok=True)
    (tmp_path / "shared").rename(tmp_path / "store" / ".work")
    with workspace(store, ExecutionId("p", "r", "n"), project, "magnus"):
        pass
    assert list((tmp_path / "store" / ".work").iterdir()) == []
    assert sorted(files(made)) == SEEN


def test_files_too_large_to_copy_are_linked_and_watched(show, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "COPIED_IN_TOTAL", 10)
    made = show("one")
    assert (made / "pkg/deep/big.bin").is_symlink()
    assert view.changed(project, show.linked) == []
    with (made / "pkg/deep/big.bin").open("ab") as file:
        file.write(b"more")
    assert view.changed(project, show.linked) == ["pkg/deep/big.bin"]
    assert not (show("two", "pkg/**/*.bin") / "pkg/deep/big.bin").is_symlink()


def test_a_step_that_writes_to_the_project_fails(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no namespace keeps it from doing so, in which the project cannot be written to."""
    monkeypatch.setattr(view, "COPIED_IN_TOTAL", 10)
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")
    context = Context(ExecutionId("p", "r", "n"), str(tmp_path / "store"), project, "airflow", str)
    step = Step("s", ["echo 1 >> pkg/deep/big.bin"], dialect="magnus", kind="shell", catalog=Catalog())
    manifest = execute(step, context, scope=Scope())
    assert manifest.state == "error"
    assert "wrote to the project's file 'pkg/deep/big.bin'" in str(manifest.reason)
    assert os.listdir(tmp_path / "store" / ".work") == [f"project-{view.key(project)}"]  # noqa: PTH208
