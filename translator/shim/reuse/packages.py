"""Find the versions of the installed packages that the code of a project imports.

A process of the worker sees the packages of the engine's environment. Those that the project's Python files import, and
those that these require, count for its results; others, such as the engine itself, do not. So two engines whose
environments have the same version of NumPy can share results.

A package that the command itself installs is as good as its ``requirements.txt``, which is part of the code.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.cache import cache_directory, read_cached, write_cached
from translator.shim.reuse.project_files import RECENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.shim.reuse.project_files import ProjectFiles

# In a notebook, lines of code are strings.
_IMPORT = re.compile(rb"^[ \t\"]*(?:from[ \t]+(?P<source>\w+)|import[ \t]+(?P<names>\w[\w., \t]*))", re.MULTILINE)
_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_REQUIRES = re.compile(r"^Requires-Dist:[ \t]*(?P<name>[A-Za-z0-9][\w.-]*)(?P<rest>.*)$", re.MULTILINE)
_EXTRA = re.compile(r"\bextra\s*==")
_LARGEST = 2 << 20
"""Bytes of a Python file beyond which it contains data rather than imports."""
_CACHED = "packages"


@dataclass(frozen=True, slots=True)
class _Installed:
    """A package in a directory of packages."""

    name: str
    version: str
    information: Path


def of_project(project: Path, files: ProjectFiles, directories: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that a project's Python files import, by normalised name.

    Args:
        project: the project's directory.
        files: its files.
        directories: those of the packages, such as ``site-packages``.
    """
    place = _cache_of(files, directories)
    if place is not None and (known := _cached(place)) is not None:
        return known
    installed = _installed(directories)
    imported = _imported(project, files)
    versions = dict(sorted(_required(_packages_of(imported, installed, directories), installed)))
    if place is not None:
        write_cached(place, versions)
    return versions


def _installed(directories: Sequence[str]) -> dict[str, _Installed]:
    """Return the installed packages by normalised name; of two versions, the first directory's is imported."""
    installed: dict[str, _Installed] = {}
    for directory in directories:
        try:
            names = sorted(os.listdir(directory))  # noqa: PTH208 - on every execution's path
        except OSError:
            continue
        for name in names:
            match = _DISTRIBUTION.fullmatch(name)
            if match is not None:
                normal = _normal(match["name"])
                installed.setdefault(normal, _Installed(normal, match["version"], Path(directory, name)))
    return installed


def _imported(project: Path, files: ProjectFiles) -> set[str]:
    """Return the modules that Python files import, without submodules."""
    modules: set[str] = set()
    for path in files.files:
        if not path.endswith((".py", ".ipynb")):
            continue
        try:
            with (project / path).open("rb") as file:
                content = file.read(_LARGEST)
        except OSError:
            continue
        for match in _IMPORT.finditer(content):
            names = [match["source"]] if match["source"] else match["names"].split(b",")
            modules.update(name.split()[0].split(b".")[0].decode("ascii", "replace") for name in names if name.split())
    return modules


def _packages_of(
    modules: set[str], installed: Mapping[str, _Installed], directories: Sequence[str]
) -> Iterator[_Installed]:
    """Yield the installed packages that have the modules."""
    unnamed = set()
    for module in modules:
        if (one := installed.get(_normal(module))) is not None:
            yield one
        if any(_has(directory, module) for directory in directories):
            unnamed.add(module)
    if unnamed:
        for one in installed.values():
            if not unnamed.isdisjoint(_modules(one)):
                yield one


def _has(directory: str, module: str) -> bool:
    return any(os.path.exists(f"{directory}/{module}{end}") for end in ("", ".py"))  # noqa: PTH110 - as above


@lru_cache(maxsize=2048)
def _modules(package: _Installed) -> frozenset[str]:
    """Return the modules that a package has installed."""
    listed = _text(package.information / "top_level.txt")
    if listed:
        return frozenset(listed.split())
    paths = [line.split(",")[0] for line in _text(package.information / "RECORD").splitlines()]
    return frozenset(path.split("/")[0].removesuffix(".py") for path in paths if not path.startswith(("..", "/")))


def _required(packages: Iterator[_Installed], installed: Mapping[str, _Installed]) -> Iterator[tuple[str, str]]:
    """Yield the names and versions of packages, and of what they require without an extra."""
    waiting = list(packages)
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        yield one.name, one.version
        metadata = _text(one.information / "METADATA").partition("\n\n")[0]
        for match in _REQUIRES.finditer(metadata):
            required = installed.get(_normal(match["name"]))
            if required is not None and not _EXTRA.search(match["rest"]):
                waiting.append(required)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _cache_of(files: ProjectFiles, directories: Sequence[str]) -> Path | None:
    """Return the file with the packages of the same code in the same environment; None if this user has no cache.

    Whatever installs a package, or another version, changes the time of its directory.
    """
    cache = cache_directory()
    if cache is None:
        return None
    states = [files.digest]
    for directory in directories:
        try:
            status = os.stat(directory)  # noqa: PTH116 - on every execution's path
        except OSError:
            continue
        if time.time_ns() - status.st_mtime_ns < RECENT:
            return None
        states.append(f"{directory} {status.st_ino} {status.st_mtime_ns}")
    return cache / _CACHED / f"{hashlib.sha256(repr(states).encode()).hexdigest()[:32]}.json"


def _cached(place: Path) -> dict[str, str] | None:
    document = read_cached(place)
    return {str(name): str(version) for name, version in document.items()} if isinstance(document, dict) else None
