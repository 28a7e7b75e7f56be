"""Collect the seeds of the fuzzer: pipeline files of the project and, if it exists, of the corpus beside it."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from translator import registry
from translator.diagnostics import Diagnostics
from translator.source import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "tests" / "fuzz" / "files", ROOT / "tests" / "goldens" / "cases", ROOT / "examples")
_SHARED = Path(os.environ.get("TRANSLATOR_SHARED", ROOT.parent / "shared"))
SHARED = (_SHARED / "corpus", _SHARED / "cases")
DIALECTS = registry.names(registry.DIALECTS)
LONGEST = 6_000
"""Longer files tell no more, but cost more."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A pipeline file and the directory its steps run in; ``tree`` is its value, not to be changed."""

    dialect: str
    path: Path
    text: str
    tree: Any = field(compare=False, repr=False)

    @property
    def project(self) -> Path:
        """The directory of the file."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class Pool:
    """What files of one dialect are made of: their keys, and the values they have below each."""

    keys: tuple[str, ...]
    values: dict[str, list[Any]]


@cache
def seeds(*, shared: bool = True) -> tuple[Seed, ...]:
    """Return all seeds, sorted by path; without ``shared`` those of the project only."""
    folders = [*FOLDERS, *(SHARED if shared else ())]
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.rglob("*.y*ml")))
    return tuple(seed for path in files if (seed := _seed(path)))


@cache
def settings_files() -> tuple[str, ...]:
    """Return the texts of the project's ``translator.toml`` files."""
    files = (path for folder in FOLDERS for path in sorted(folder.rglob("translator.toml")))
    return tuple(path.read_text(encoding="utf-8") for path in files)


@cache
def pool(dialect: str, *, shared: bool = True) -> Pool:
    """Return the keys and values of all seeds of a dialect."""
    values: dict[str, list[Any]] = defaultdict(list)
    for seed in seeds(shared=shared):
        if seed.dialect == dialect:
            for key, value in _entries(seed.tree):
                values[key].append(value)
    return Pool(tuple(values), dict(values))


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(key, str):
                yield key, below
            yield from _entries(below)
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item)


def _seed(path: Path) -> Seed | None:
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.safe_load(text)
    except (UnicodeDecodeError, yaml.YAMLError):
        return None
    if tree is None or len(text) > LONGEST:
        return None
    dialect = _dialect(text)
    return dialect and Seed(dialect, path, text, tree)


def _dialect(text: str) -> str | None:
    for name in DIALECTS:
        language = registry.dialect(name)
        root = parse(text, "seed.yaml", Diagnostics(), language.rules)
        if root is not None and language.detect(root):
            return name
    return None
