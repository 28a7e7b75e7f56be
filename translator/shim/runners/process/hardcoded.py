"""Refuse scripts that name a directory which a worker without namespaces cannot provide.

What such a script writes there would be lost, or lie in a directory of the worker, while the execution is complete.
Paths in commands and parameters are mapped; those in files are not. A line that also uses the variable for the
directory (``os.getenv("VH_OUTPUTS_DIR", "/valohai/outputs")``) works everywhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from translator.shim.runners import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator.shim.contract import Step

_SCRIPTS = {".py", ".sh", ".bash", ".r", ".jl", ".js", ".ipynb", ".pl", ".rb", ".lua", ".m", ".scala"}
_LARGEST = 1 << 20
_MOST = 2_000
_SHOWN = 5
_WORD = re.compile(r"[\w./-]*[\w-]+(?:\.\w+)?")
_MODULE = re.compile(r"-m[\s=]+([\w.]+)")
_IMPORT = re.compile(
    r"(?:^|[;'\"])[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t(]*)|import[ \t]+([\w., \t]+))", re.M
)
_LAUNCHER = re.compile(
    r"(?<![\w./-])(?:python[\d.]*|Rscript|julia|node|npm|make|just|invoke|torchrun|accelerate|papermill|jupyter|pytest|poetry"
    r"|uv|dvc|bash|sh)(?![\w.-])(?!\s+-c\b)(?!\s+-m\s+pip\b)"
)
_GENERATED = re.compile(r"^from (?:airflow|prefect)_plugin import ", re.M)
_DIRECTORY = re.compile(r"/(?:inputs|outputs|config|repository)(?![\w.-])")
_VARIABLE = re.compile(r"\bVH_\w+_DIR\b")
_NOT_HERE = {".git", "node_modules", "__pycache__", ".venv", "venv"}


def refuse(step: Step, project: Path, home: str) -> None:
    """Refuse a step one of whose scripts names a directory below ``home``.

    Raises:
        RunnerError: there is such a script; the message names the lines.
    """
    mentions = list(findings(scripts(step, project), project, home))
    if not mentions:
        return
    shown = ", ".join(f"{where} ({path})" for where, path in mentions[:_SHOWN])
    more = f" and {len(mentions) - _SHOWN} more" if len(mentions) > _SHOWN else ""
    names = ", ".join(sorted({f"VH_{PurePosixPath(path).name.upper()}_DIR" for _, path in mentions}))
    raise RunnerError(
        f"the scripts name directories that this worker cannot provide, so their files would be lost: {shown}{more}; "
        f"let the scripts use the environment ({names}), or run the step on a worker that allows mount namespaces "
        "(install bubblewrap) or in a container; to run it all the same, set hardcoded-paths = 'allow'"
    )


def findings(files: Iterable[Path], project: Path, home: str) -> Iterator[tuple[str, str]]:
    """Yield the lines, as ``file:line``, with the directories that they name."""
    named = re.compile(rf"(?<![\w./~}}*-]){re.escape(home)}/(?:inputs|outputs|config|repository)(?![\w.-])")
    for path in files:
        for number, line in _script(path).lines:
            if match := named.search(line):
                yield f"{path.relative_to(project)}:{number}", match[0]


def scripts(step: Step, project: Path) -> list[Path]:
    """Return the files that a step's command names, and those that these name.

    If it starts an interpreter and does not say with which file, these are all scripts of the project.
    """
    read: dict[Path, None] = {}
    waiting = [path for item in step.command for path in _mentioned(_read(item), project, project)]
    if not waiting:
        return list(_all(project)) if any(_LAUNCHER.search(item) for item in step.command) else []
    while waiting and len(read) < _MOST:
        path = waiting.pop()
        if path in read:
            continue
        read[path] = None
        waiting += _mentioned(_script(path), project, path.parent)
    return list(read)


@dataclass(frozen=True, slots=True)
class _Script:
    """The content of a script: names of files and modules, and the lines that may hard-code a directory.

    ``generated`` tells whether it is a generated file, which no command runs.
    """

    words: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    lines: tuple[tuple[int, str], ...] = ()
    generated: bool = False


def _script(path: Path) -> _Script:
    """Read a script, once in this process for as long as it does not change."""
    try:
        status = path.stat()
    except OSError:
        return _Script()
    return _script_as_of(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=2 * _MOST)
def _script_as_of(path: Path, stamp: tuple[int, ...]) -> _Script:  # noqa: ARG001 - a part of the key
    return _read(_text(path), is_python=path.suffix == ".py")


def _read(text: str, *, is_python: bool = True) -> _Script:
    """Return what a text says."""
    modules = {*_MODULE.findall(text), *(_imported(text) if is_python else ())}
    lines = []
    before = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if _DIRECTORY.search(line):
            is_comment = line.lstrip().startswith(("#", "//"))
            if not is_comment and not _VARIABLE.search(f"{before}{line}"):
                lines.append((number, line))
        before = line
    words = frozenset(word for word in _WORD.findall(text) if "." in word or "/" in word)
    return _Script(words, frozenset(modules), tuple(lines), bool(_GENERATED.search(text)))


def _imported(text: str) -> Iterator[str]:
    """Yield the modules that a text imports, also those that may be names in a module."""
    for match in _IMPORT.finditer(text):
        if match[1] is None:
            yield from (name.split(" as ")[0].strip() for name in match[3].split(","))
            continue
        yield match[1]
        for name in re.findall(r"\w+", match[2]):
            yield f"{match[1]}{'' if match[1].endswith('.') else '.'}{name}"


def _mentioned(script: _Script, project: Path, here: Path) -> list[Path]:
    """Return the files of the project that a script in the directory ``here`` names."""
    found = [path for word in script.words for folder in {project, here} if (path := _inside(folder, word, project))]
    for module in script.modules:
        found += _module(module, project, here)
    return found


def _module(name: str, project: Path, here: Path) -> list[Path]:
    ups = len(name) - len(name.lstrip("."))
    folders = {project, here}
    if ups:
        folders = {here.joinpath(*[".."] * (ups - 1))}
    relative = name.lstrip(".").replace(".", "/")
    ends = [f"{relative}.py", f"{relative}/__init__.py", f"{relative}/__main__.py"] if relative else ["__init__.py"]
    return [path for folder in folders for end in ends if (path := _inside(folder, end, project))]


def _inside(folder: Path, name: str, project: Path) -> Path | None:
    """Return the file of a name, if it is one of the project."""
    path = Path(os.path.normpath(folder / name))
    return path if path.is_relative_to(project) and path.is_file() else None


def _all(project: Path) -> Iterator[Path]:
    count = 0
    for root, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in _NOT_HERE]
        for name in files:
            if os.path.splitext(name)[1].lower() in _SCRIPTS:  # noqa: PTH122 - of each file of a project
                count += 1
                if count > _MOST:
                    return
                if not _script(Path(root) / name).generated:
                    yield Path(root) / name


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
