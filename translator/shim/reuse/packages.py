"""Find the versions of the installed packages that the code of a project imports.

A process of the worker sees the packages of the engine's environment. Those that the project's Python files import, and
those that these require, count for its results; others, such as the engine itself, do not. So two engines whose
environments have the same version of NumPy can share results.

Code outside the project that has no version cannot be told from what it was: a directory of ``PYTHONPATH``, an editable
installation of another project, a file that somebody copied into ``site-packages``. Whoever imports that has no key.

A package that the command itself installs is as good as its ``requirements.txt``, which is part of the code.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from translator.shim.errors import TranslatorError
from translator.shim.files.cache import cache_directory, read_cached, write_cached
from translator.shim.reuse import imports
from translator.shim.reuse.project_files import RECENT, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator.shim.reuse.project_files import ProjectFiles

_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_REQUIRES = re.compile(r"^Requires-Dist:[ \t]*(?P<name>[A-Za-z0-9][\w.-]*)(?P<rest>.*)$", re.MULTILINE)
_EXTRA = re.compile(r"\bextra\s*==")
_SCRIPTS = re.compile(r"^\[(?:console|gui)_scripts\]$(?P<scripts>[^\[]*)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9_][\w.-]*")
_PATH = re.compile(r"\bPYTHONPATH=[\"']?(?P<path>[^\s\"';&|]+)")
_STARTUP = frozenset({"sitecustomize", "usercustomize"})
"""The modules that Python imports when it starts."""
_CACHED = "imports"


class UnversionedError(TranslatorError):
    """Code outside the project whose version is not known; the message says which."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python environment of a command that runs as a process of the worker.

    ``directories`` are those of the packages, such as ``site-packages``; ``programs`` that of their programs; ``path``
    the value of ``PYTHONPATH``.
    """

    directories: Sequence[str]
    programs: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Installed:
    """A package in a directory of packages."""

    name: str
    version: str
    information: Path


def of_project(
    project: Path, files: ProjectFiles, environment: Environment, commands: Sequence[str] = ()
) -> dict[str, str]:
    """Return the versions of the packages that a project's files and the commands use, by normalised name.

    Args:
        project: the project's directory.
        files: its files.
        environment: what the commands find.
        commands: those of the step.

    Raises:
        UnversionedError: they use code outside the project that has no version.
    """
    searched = _search_path(project, environment, commands)
    linked = _linked_directories(project, environment.directories)
    # Other files may change with every execution, and import nothing.
    code = {path: sha256 for path, sha256 in files.files.items() if path.endswith(imports.CODE)}
    own = _modules_in(files.files)
    states = [digest_of(code), repr(sorted(own)), *commands, environment.programs]
    place = _cache_of([*environment.directories, *searched, *linked], states)
    if place is None or (known := _cached(place)) is None:
        imported = imports.of_files(project, code).union(*map(imports.of_command, commands))
        known = _read(project, imported, own, environment, commands, (searched, linked))
        if place is not None:
            write_cached(place, known)
    versions, unversioned = known
    if unversioned:
        raise UnversionedError(unversioned)
    return versions


def _read(  # noqa: PLR0913, PLR0917 - what versions depend on
    project: Path,
    imported: set[str],
    own: set[str],
    environment: Environment,
    commands: Sequence[str],
    elsewhere: tuple[Sequence[str], Sequence[str]],
) -> tuple[dict[str, str], str]:
    """Return the versions, and which code has none.

    Args:
        project: the project's directory.
        imported: the modules that the project's files and the commands import.
        own: the modules that the project may have itself.
        environment: what the commands find.
        commands: those of the step.
        elsewhere: the directories outside the project that Python searches before and after those of the packages.
    """
    installed = _installed(environment.directories)
    used = list(_packages_of(imported, installed, environment.directories))
    used += _packages_of_programs(commands, installed, environment.programs)
    required = list(_required(used, installed))
    searched, linked = elsewhere
    versioned = {module for one in installed.values() for module in (*_modules(one), one.name)}
    unversioned = [
        *((module, place) for module in imported | _STARTUP for place in searched if _has(place, module)),
        *((module, place) for module in imported - own for place in linked if _has(place, module)),
        *(
            (module, place)
            for module in imported - own - versioned
            if _normal(module) not in installed
            for place in environment.directories
            if _has(place, module)
        ),
        *((one.name, place) for one in required if (place := _editable(one, project))),
    ]
    reason = ""
    if unversioned:
        module, place = min(unversioned)
        reason = f"it imports {module!r} from {place}, outside the project, whose version is not known"
    return dict(sorted((one.name, one.version) for one in required)), reason


def _search_path(project: Path, environment: Environment, commands: Sequence[str]) -> list[str]:
    """Return the directories and archives of ``PYTHONPATH`` outside the project, also if a command sets it."""
    written = [match["path"] for command in commands for match in _PATH.finditer(command)]
    paths = [path for text in (environment.path, *written) for path in text.split(os.pathsep)]
    return [path for path in dict.fromkeys(paths) if os.path.isabs(path) and not _is_inside(path, project)]  # noqa: PTH117 - texts


def _linked_directories(project: Path, directories: Sequence[str]) -> list[str]:
    """Return the directories outside the project that files of packages (``.pth``) add to the search path."""
    linked: dict[str, None] = {}
    for directory in directories:
        for name in _names(directory, ".pth"):
            for line in _text(Path(directory, name)).splitlines():
                path = os.path.join(directory, line.strip())  # noqa: PTH118 - a text
                if not line.startswith(("import ", "import\t", "#")) and line.strip() and os.path.isdir(path):  # noqa: PTH112
                    linked[path] = None
    return [path for path in linked if path not in directories and not _is_inside(path, project)]


def _names(directory: str, suffix: str = "") -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(suffix))  # noqa: PTH208 - on every execution's path
    except OSError:
        return []


def _modules_in(paths: Iterable[str]) -> set[str]:
    """Return the names of the directories and Python files of a project that code can import."""
    names: set[str] = set()
    directories: set[str] = set()
    for path in paths:
        directory, _, name = path.rpartition("/")
        directories.add(directory)
        if name.endswith(".py") or "." not in name:
            names.add(name)
    names.update(part for directory in directories for part in directory.split("/"))
    return {module for name in names if (module := name.removesuffix(".py")).isidentifier()}


def _is_inside(path: str, project: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(project))


def _editable(package: _Installed, project: Path) -> str:
    """Return the directory of a package that is installed as a link to it; an empty text if the project has it."""
    try:
        document = json.loads(_text(package.information / "direct_url.json") or "{}")
        url = urlsplit(document["url"]) if document.get("dir_info", {}).get("editable") else None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return ""
    if url is None or _is_inside(path := unquote(url.path), project):
        return ""
    return path


def _installed(directories: Sequence[str]) -> dict[str, _Installed]:
    """Return the installed packages by normalised name; of two versions, the first directory's is imported."""
    installed: dict[str, _Installed] = {}
    for directory in directories:
        for name in _names(directory):
            match = _DISTRIBUTION.fullmatch(name)
            if match is not None:
                normal = _normal(match["name"])
                installed.setdefault(normal, _Installed(normal, match["version"], Path(directory, name)))
    return installed


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


def _packages_of_programs(
    commands: Sequence[str], installed: Mapping[str, _Installed], programs: str
) -> Iterator[_Installed]:
    """Yield the packages whose programs are in commands; ``jupyter nbconvert`` is ``jupyter-nbconvert``, too."""
    called: set[str] = set()
    for command in commands:
        words = _WORD.findall(command)
        called.update(words, map("-".join, pairwise(words)))
    called = {word for word in called if programs and os.path.isfile(f"{programs}/{word}")}  # noqa: PTH113
    if called:
        yield from (one for one in installed.values() if not called.isdisjoint(_programs(one)))


@lru_cache(maxsize=2048)
def _programs(package: _Installed) -> frozenset[str]:
    found = _SCRIPTS.findall(_text(package.information / "entry_points.txt"))
    return frozenset(line.partition("=")[0].strip() for part in found for line in part.splitlines() if "=" in line)


def _has(place: str, module: str) -> bool:
    """Return whether a directory has a module; whatever a file (an archive) has, it may."""
    if any(os.path.exists(f"{place}/{module}{end}") for end in ("", ".py")):  # noqa: PTH110 - as above
        return True
    return os.path.isfile(place) or any(Path(place).glob(f"{glob.escape(module)}.*.so"))  # noqa: PTH113


@lru_cache(maxsize=2048)
def _modules(package: _Installed) -> frozenset[str]:
    """Return the modules that a package has installed."""
    listed = _text(package.information / "top_level.txt")
    if listed:
        return frozenset(listed.split())
    paths = [line.split(",")[0] for line in _text(package.information / "RECORD").splitlines()]
    return frozenset(path.split("/")[0].removesuffix(".py") for path in paths if not path.startswith(("..", "/")))


def _required(packages: Iterable[_Installed], installed: Mapping[str, _Installed]) -> Iterator[_Installed]:
    """Yield packages, and what they require without an extra."""
    waiting = list(packages)
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        yield one
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


def _cache_of(directories: Sequence[str], others: Sequence[str]) -> Path | None:
    """Return the file with the packages of the same code in the same environment; None if this user has no cache.

    Whatever installs a package, or another version, changes the time of its directory.
    """
    cache = cache_directory()
    if cache is None:
        return None
    states = [*others]
    for directory in directories:
        try:
            status = os.stat(directory)  # noqa: PTH116 - on every execution's path
        except OSError:
            continue
        if time.time_ns() - status.st_mtime_ns < RECENT:
            return None
        states.append(f"{directory} {status.st_ino} {status.st_mtime_ns}")
    return cache / _CACHED / f"{hashlib.sha256(repr(states).encode()).hexdigest()[:32]}.json"


def _cached(place: Path) -> tuple[dict[str, str], str] | None:
    try:
        versions, unversioned = read_cached(place)
        return {str(name): str(version) for name, version in versions.items()}, str(unversioned)
    except (ValueError, TypeError, AttributeError):
        return None
