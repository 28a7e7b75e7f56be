"""Compare the quick search for entry points with the library that reads all metadata."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from translator import entry_points, registry


@pytest.fixture(autouse=True)
def fresh():
    entry_points._if_alone.cache_clear()
    yield
    entry_points._if_alone.cache_clear()


@pytest.mark.parametrize("group", [registry.DIALECTS, registry.TARGETS, "translator.rules"])
def test_ours_are_those_of_the_library(group):
    theirs = {point.name: point.module for point in importlib.metadata.entry_points(group=group)}
    assert entry_points.modules(group) == theirs
    assert entry_points._if_alone() is not None, "the slow way was taken, so this compares nothing"


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_those_of_other_packages_are_found(kind, tmp_path: Path, monkeypatch):
    info = tmp_path / f"other-1.0.{kind}"
    info.mkdir()
    (info / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_text("Name: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[translator.dialects]\nother = other.module\n")
    monkeypatch.syspath_prepend(tmp_path)
    known = entry_points.modules(registry.DIALECTS)
    assert known["other"] == "other.module"
    assert {"loom", "valohai"} <= known.keys()


@pytest.mark.parametrize("name", ["packages.zip", "old.egg"])
def test_archives_are_left_to_the_library(name, tmp_path: Path, monkeypatch):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path if name.endswith("egg") else tmp_path / name)])
    assert entry_points._if_alone() is None
    assert "valohai" in entry_points.modules(registry.DIALECTS)
