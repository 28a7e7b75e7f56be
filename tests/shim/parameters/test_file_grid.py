"""Test loops over files: which files there are, and in which order, for each source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from translator.shim.contract import FileAxis, FileRecord, Input, InputFiles, Parameter, Step
from translator.shim.parameters import file_grid
from translator.shim.parameters.grid import GridError

FILES = ("1.png", "10.png", "2.png", ".hidden", "notes.txt", "sub/3.png", "sub/deep/4.png", "sub.d/5.png", "Sub/6.PNG")


def step(over: str = "in", into: str = "out", **keys) -> Step:
    parameters = [Parameter("item"), Parameter("made"), Parameter("loop.over", default=over)]
    return Step(
        "s",
        ["t.py"],
        dialect="loom",
        kind="script",
        parameters=[*parameters, Parameter("loop.into", default=into)],
        inputs=[Input("loop.over", optional=True)],
        **keys,
    )


def axis(pattern: str | None = None) -> FileAxis:
    return FileAxis("loop.over", "loop.into", pattern, ["item"], ["made"])


def brought(*paths: str, folders: tuple[str, ...] = ()) -> InputFiles:
    return InputFiles(files=[FileRecord(path, 0, "", "") for path in paths], edges=["make.output.*"], folders=folders)


def fill(project: Path, names) -> None:
    for name in names:
        path = project / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def items(project: Path, pattern: str | None, given: InputFiles | None = None) -> list[str]:
    return [str(row["item"]) for row in file_grid.points(step(), axis(pattern), {}, given, project)]


@pytest.mark.parametrize(
    "pattern", [None, "*", "*.png", "**/*.png", "**/*", "**", "s*", "[12]*", "sub/*", "*/*/*", "x*"]
)
@pytest.mark.parametrize("share", [0, 1, 2, 3])
def test_the_source_of_files_does_not_matter(tmp_path, pattern: str | None, share: int) -> None:
    fill(tmp_path / "all", FILES)
    whole = tmp_path / "all" / "in"
    found = whole.glob(pattern) if pattern else (path for path in whole.iterdir() if path.is_file())
    expected = [os.path.normpath(f"in/{path.relative_to(whole)}") for path in sorted(found)]
    of_project = [name for i, name in enumerate(FILES) if (i % 4 < share)]
    fill(tmp_path / "some", of_project)
    (tmp_path / "some").mkdir(exist_ok=True)
    of_edges = brought(*(f"in/{name}" for name in FILES if name not in of_project), "other/7.png", "inside/8.png")
    assert items(tmp_path / "some", pattern, of_edges) == expected


def test_outputs_are_named_after_their_files(tmp_path) -> None:
    rows = file_grid.points(step(), axis("**/*.png"), {"loop.into": "other"}, brought("in/sub/deep/4.png"), tmp_path)
    assert rows == [{"item": "in/sub/deep/4.png", "made": "other/4.png"}]


def test_patterns_match_empty_directories(tmp_path) -> None:
    assert items(tmp_path, None, brought(folders=("in",))) == []
    assert items(tmp_path, None, brought(folders=("in/x/y",))) == []
    assert items(tmp_path, "x/*", brought(folders=("in/x/y",))) == ["in/x/y"]


@pytest.mark.parametrize(
    ("pattern", "message"), [("../*", "leaves"), ("sub/../../*", "leaves"), ("/etc/*", "is not a valid pattern")]
)
def test_invalid_filters_are_errors(tmp_path, pattern: str, message: str) -> None:
    fill(tmp_path, FILES)
    with pytest.raises(GridError, match=message):
        items(tmp_path, pattern, brought("in/a"))


def test_no_directory(tmp_path) -> None:
    with pytest.raises(GridError, match="does not exist"):
        items(tmp_path, None, brought("inside/x"))
    (tmp_path / "in").write_text("a file")
    with pytest.raises(GridError, match="cannot be read"):
        items(tmp_path, None)
    assert items(tmp_path, "*") == []


def test_a_directory_named_by_an_environment_variable(tmp_path, monkeypatch) -> None:
    fill(tmp_path, ["a"])
    named = step("${PLACE}", required_environment=["PLACE"])
    with pytest.raises(GridError, match="'PLACE' is not set"):
        file_grid.points(named, axis(), {}, None, tmp_path)
    monkeypatch.setenv("PLACE", "in")
    assert [row["item"] for row in file_grid.points(named, axis(), {}, brought("in/b"), tmp_path)] == [
        "${PLACE}/a",
        "${PLACE}/b",
    ]


def test_a_directory_outside_the_project(tmp_path) -> None:
    fill(tmp_path, ["a"])
    (tmp_path / "project").mkdir()
    rows = file_grid.points(step("../in"), axis(), {}, brought("in/b"), tmp_path / "project")
    assert [row["item"] for row in rows] == ["../in/a"]
