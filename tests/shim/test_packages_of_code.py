"""Test which installed packages count for the code of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from translator.shim.files import cache
from translator.shim.reuse import packages
from translator.shim.reuse.project_files import Project, read


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a directory of packages."""
    site = tmp_path / "site-packages"
    install(site, "numpy", "2.1")
    install(site, "scikit_learn", "1.5", module="sklearn", requires=["numpy>=1.2", 'pandas; extra == "frames"'])
    install(site, "pandas", "2.0", requires=["numpy"])
    install(site, "PyYAML", "6.0", module="yaml", record=True)
    install(site, "prefect", "3.9", requires=["pandas"])
    return site


def install(
    site: Path,
    name: str,
    version: str,
    module: str | None = None,
    requires: list[str] | None = None,
    record: bool = False,
) -> None:
    information = site / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (site / (module or name)).mkdir()
    required = "".join(f"Requires-Dist: {one}\n" for one in requires or [])
    (information / "METADATA").write_text(f"Name: {name}\n{required}\nRequires-Dist: nothing\n")
    if record:
        (information / "RECORD").write_text(f"{module}/__init__.py,sha256=x,1\n../../bin/x,,\n")
    elif module:
        (information / "top_level.txt").write_text(f"{module}\n")


def of(code: str, installed: Path, tmp_path: Path, name: str = "train.py") -> dict[str, str]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / name).write_text(code)
    return packages.of_project(project, read(Project(project)), [str(installed)])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", {}),
        ("import os, json\n", {}),
        ("import numpy as np\n", {"numpy": "2.1"}),
        ("def f():\n    from sklearn.svm import SVC\n", {"numpy": "2.1", "scikit-learn": "1.5"}),
        ("import os, yaml.nodes, numpy\n", {"numpy": "2.1", "pyyaml": "6.0"}),
        ("from . import numpy\n", {}),
        ("x = 'import pandas'\n", {}),
    ],
)
def test_imports(code: str, expected: dict[str, str], installed: Path, tmp_path: Path) -> None:
    assert of(code, installed, tmp_path) == expected
    assert of(code, installed, tmp_path) == expected  # from the cache


def test_a_notebook(installed: Path, tmp_path: Path) -> None:
    cells = '{"cells": [{"source": [\n    "import numpy\\n",\n    "from sklearn import svm"\n]}]}'
    assert of(cells, installed, tmp_path, "train.ipynb") == {"numpy": "2.1", "scikit-learn": "1.5"}


def test_a_new_version_is_noticed(installed: Path, tmp_path: Path) -> None:
    assert of("import numpy\n", installed, tmp_path) == {"numpy": "2.1"}
    (installed / "numpy-2.1.dist-info").rename(installed / "numpy-2.2.dist-info")
    assert of("import numpy\n", installed, tmp_path) == {"numpy": "2.2"}


def test_a_damaged_cache_is_as_good_as_none(installed: Path, tmp_path: Path) -> None:
    of("import numpy\n", installed, tmp_path)
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text("[")
    assert of("import numpy\n", installed, tmp_path) == {"numpy": "2.1"}


def test_the_cache_stays_small(tmp_path: Path) -> None:
    place = cache.cache_directory()
    assert place is not None
    for number in range(300):
        cache.write_cached(place / "some" / f"{number}.json", number)
    assert len(list((place / "some").iterdir())) <= 256
    assert cache.read_cached(place / "some" / "299.json") == 299
