"""Check that nothing imports itself through others: no module, and no room (a directory of modules)."""

from __future__ import annotations

import ast
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from translator.graphs import cycles

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("translator", "airflow_plugin", "prefect_plugin")


def imports(root: Path, file: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports, also in functions and for type checkers only."""
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.parts[: -node.level] if node.level else ()
            within = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{within}.{alias.name}" for alias in node.names)


def circles(root: Path, packages: tuple[str, ...]) -> list[str]:
    """Return the circles in each room, between its modules and the rooms inside it, each of which counts as one.

    A package's ``__init__`` is a module of its room like any other.
    """
    files = {path.relative_to(root) for package in packages for path in (root / package).rglob("*.py")}
    below: dict[PurePath, dict[str, set[str]]] = {}
    for file in files:
        for name in imports(root, file):
            other = module(name, files)
            if other is None or other == file:
                continue
            depth = next(i for i, (a, b) in enumerate(zip(file.parts, other.parts, strict=False)) if a != b)
            room = below.setdefault(PurePath(*file.parts[:depth]), {})
            room.setdefault(file.parts[depth], set()).add(other.parts[depth])
            room.setdefault(other.parts[depth], set())
    found = []
    for room, arrows in below.items():
        ordered = {name: sorted(others) for name, others in sorted(arrows.items())}
        found += [f"{room}: {' -> '.join(path)}" for _, path in cycles(ordered)]
    return sorted(found)


def module(name: str, files: set[Path]) -> Path | None:
    """Return the file of the module that a dotted name is, or is in; None if it is not ours."""
    parts = name.split(".")
    while parts:
        for path in (Path(*parts, "__init__.py"), Path(*parts).with_suffix(".py")):
            if path in files:
                return path
        parts.pop()
    return None


def test_no_module_and_no_room_imports_itself_through_others() -> None:
    assert circles(ROOT, PACKAGES) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Between modules and between rooms, whichever way something is imported."""
    sources = {
        "house/__init__.py": "",
        "house/low.py": "",
        "house/store/__init__.py": "from house.store.base import Store",
        "house/store/base.py": "from house import low",
        "house/store/manifest.py": "def read():\n    from house.scopes import parse",
        "house/scopes.py": "if TYPE_CHECKING:\n    import house.inputs.stage",
        "house/inputs/stage.py": "from house.store import Store",
        "house/inputs/fetch.py": "from . import stage",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert circles(tmp_path, ("house",)) == ["house: inputs -> store -> scopes.py -> inputs"]
    (tmp_path / "house/scopes.py").write_text("")
    assert circles(tmp_path, ("house",)) == []
    (tmp_path / "house/store/base.py").write_text("from . import Store")
    assert circles(tmp_path, ("house",)) == ["house/store: __init__.py -> base.py -> __init__.py"]
