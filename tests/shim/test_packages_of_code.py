"""Test which installed packages count for the code of a project."""

from __future__ import annotations

import os
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
    return packages.of_project(project, read(Project(project)), packages.Environment([str(installed)]))


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
        ("x=1; import numpy\n", {"numpy": "2.1"}),
        ("try: import numpy\nexcept ImportError: pass\n", {"numpy": "2.1"}),
        ("import json as j, \\\n  numpy\n", {"numpy": "2.1"}),
        ("import importlib\nimportlib.import_module('numpy.linalg')\n", {"numpy": "2.1"}),
        ("__import__('yaml')\n", {"pyyaml": "6.0"}),
        ("__import__('.x'); __import__('/etc'); __import__('../numpy'); __import__('a\\0b'); __import__(1)\n", {}),
        ("print 'Python 2'; import numpy\n", {"numpy": "2.1"}),
        ("# \xe9\nimport numpy\n", {"numpy": "2.1"}),
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


def of_command(command: str, installed: Path, tmp_path: Path, **environment: str) -> dict[str, str]:
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    found = packages.Environment([str(installed)], **environment)
    return packages.of_project(project, read(Project(project)), found, [command])


@pytest.mark.parametrize(
    "command", ["python -m numpy.f2py x", "python3 -u -mnumpy", "python -c 'import os; import numpy'", "x && f2py y"]
)
def test_commands(command: str, installed: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "f2py").touch()
    (installed / "numpy-2.1.dist-info" / "entry_points.txt").write_text("[console_scripts]\nf2py = numpy.f2py:main\n")
    programs = str(tmp_path / "bin")
    assert of_command(command, installed, tmp_path, programs=programs) == {"numpy": "2.1"}
    assert of_command("echo numpy", installed, tmp_path, programs=programs) == {}


def test_a_program_of_jupyter(installed: Path, tmp_path: Path) -> None:
    install(installed, "nbconvert", "7.1")
    (installed / "nbconvert-7.1.dist-info" / "entry_points.txt").write_text(
        "[other]\nx = y\n[console_scripts]\njupyter-nbconvert = nbconvert.app:main\n"
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jupyter-nbconvert").touch()
    found = of_command("jupyter nbconvert --execute x.ipynb", installed, tmp_path, programs=str(tmp_path / "bin"))
    assert found == {"nbconvert": "7.1"}


@pytest.mark.parametrize("kind", ["variable", "command", "link", "copied", "editable"])
def test_code_outside_the_project_without_a_version(kind: str, installed: Path, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    (lib / "mylib.py").write_text("1\n")
    path, command = "", "python -c 'import mylib'"
    if kind == "variable":
        path = f"lib:{lib}"
    elif kind == "command":
        command = f"PYTHONPATH={lib} {command}"
    elif kind == "link":
        (installed / "lib.pth").write_text(f"import os\n# x\n{lib}\n")
    elif kind == "copied":
        (installed / "mylib.py").write_text("1\n")
    else:
        install(installed, "my_lib", "1.0", module="mylib")
        (installed / "my_lib-1.0.dist-info" / "direct_url.json").write_text(
            f'{{"url": "{lib.as_uri()}", "dir_info": {{"editable": true}}}}'
        )
    with pytest.raises(packages.UnversionedError, match="outside the project, whose version is not known"):
        of_command(command, installed, tmp_path, path=path)
    assert of_command(command.replace("mylib", "numpy"), installed, tmp_path, path=path) == {"numpy": "2.1"}


def test_code_of_the_project_needs_no_version(installed: Path, tmp_path: Path) -> None:
    """Its files count, also if they are on the search path or installed as a link."""
    lib = tmp_path / "project" / "lib"
    lib.mkdir(parents=True)
    (lib / "mylib.py").write_text("1\n")
    (installed / "lib.pth").write_text(f"{lib}\n")
    (installed / "mylib-1.0.dist-info").mkdir()
    (installed / "mylib-1.0.dist-info" / "direct_url.json").write_text(
        f'{{"url": "{(tmp_path / "project").as_uri()}", "dir_info": {{"editable": true}}}}'
    )
    assert of_command("python -c 'import mylib'", installed, tmp_path, path=str(lib)) == {"mylib": "1.0"}


def test_code_is_not_read_again_when_other_files_change(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(installed, (1, 1))  # what has just changed is not cached
    before = of("import numpy", installed, tmp_path)
    (tmp_path / "project" / "prefect.db").write_text("changes with every execution")
    with monkeypatch.context() as patch:
        patch.setattr(packages.imports, "of_files", lambda *_: pytest.fail("the code is read again"))
        assert of("import numpy", installed, tmp_path) == before == {"numpy": "2.1"}
    assert of("import sys", installed, tmp_path) == {}
