"""Stage and store files of a run's catalog, by their paths relative to the project."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from translator.shim.dialects.magnus import patterns
from translator.shim.files.paths import PathError, relative
from translator.shim.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import FileRecord
    from translator.shim.inputs.stage import Source


def get(globs: Sequence[str], files: Mapping[str, FileRecord], folder: Path, source: Source) -> list[FileRecord]:
    """Place the catalog's files that match the patterns into the working directory, as copies that may be written.

    Raises:
        ValueError: a pattern matches nothing, or a file cannot be brought.
    """
    matching_files: dict[str, FileRecord] = {}
    for pattern in globs:
        here = matching(pattern, files)
        if not here:
            there = ", ".join(sorted(files)) or "none"
            raise ValueError(f"catalog: nothing matches {pattern!r}; the files in the catalog are: {there}")
        matching_files.update(here)
    for path, record in matching_files.items():
        place(record, folder / path, source)
    return list(matching_files.values())


def matching(pattern: str, files: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
    """Return the catalog's files whose paths match a pattern.

    Raises:
        ValueError: the pattern is invalid.
    """
    meant = patterns.compiled(pattern)
    return {path: record for path, record in files.items() if meant.fullmatch(path)}


def place(record: FileRecord, target: Path, source: Source) -> None:
    """Bring one file of the catalog to ``target``, as a copy that may be written.

    Raises:
        ValueError: the file cannot be brought.
    """
    beside = target.with_name(f".{os.urandom(6).hex()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        source.store.bring(record, beside, source.pulse)
        shutil.copyfile(beside, target)
    except (OSError, StoreError) as error:
        raise ValueError(f"catalog: cannot stage {record.path!r}: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def put(globs: Sequence[str], folder: Path, outputs: Path) -> list[str]:
    """Copy the working directory's files that match the patterns to the outputs; return patterns that match nothing.

    Raises:
        ValueError: a pattern is invalid, or a store cannot hold the name of a file.
    """
    missing = []
    for pattern in globs:
        files = patterns.matching(folder, pattern)
        if not files:
            missing.append(pattern)
        for file in files:
            try:
                target = outputs / relative(str(file.relative_to(folder)))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            except (PathError, OSError) as error:
                raise ValueError(f"catalog: {str(file.relative_to(folder))!r} cannot be stored: {error}") from error
    return missing
