"""Walk a tree, and read each pipeline file in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from translator import registry
from translator.audit.model import FileAudit, Needs, PipelineAudit, Reason, Survey
from translator.audit.needs import needs_of
from translator.config.unmet_requests import SETTLED
from translator.diagnostics import Diagnostics, Severity
from translator.load import load
from translator.nodes import walk_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from translator.diagnostics import Diagnostic
    from translator.load import Loaded
    from translator.targets import Target

SUFFIXES = (".yaml", ".yml")
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})
"""Directories that hold no one's pipelines; hidden ones are skipped as well."""


def survey(root: Path, targets: Sequence[Target]) -> Survey:
    """Read the pipeline files of a tree.

    Args:
        root: a directory, or one file.
        targets: the engines that pipelines shall run on.
    """
    usual = {name for dialect in registry.dialects() for name in dialect.files}
    files: list[FileAudit] = []
    others = 0
    for path in _yaml_files(root):
        if is_special(path):
            others += 1
            continue
        audit = _audit(path, root, targets, expected=path.name in usual)
        if audit is None:
            others += 1
        else:
            files.append(audit)
    return Survey(str(root), tuple(files), others)


def is_special(path: Path) -> bool:
    """Return whether a path is neither a file nor a directory, but a pipe or a device, which may have no end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # reading it reports why
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _yaml_files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if name.endswith(SUFFIXES))


def _audit(path: Path, root: Path, targets: Sequence[Target], *, expected: bool) -> FileAudit | None:
    """Return what is found in a file; None if it does not hold pipelines."""
    loaded = load(path)
    alone = False
    shown = str(path.relative_to(root)) if path != root else str(path)
    if loaded.dialect is None:
        return FileAudit(shown, "unknown", (), _reasons(loaded.diagnostics, None)) if expected else None
    language = registry.dialect(loaded.dialect)
    if not loaded.names and language.everything is not None:
        loaded = load(path, choices=language.everything)
        alone = True
    pipelines = tuple(_pipeline(loaded, name, targets, alone=alone) for name in loaded.names)
    return FileAudit(shown, language.title, pipelines, _reasons(loaded.diagnostics, None))


def _pipeline(loaded: Loaded, name: str, targets: Sequence[Target], *, alone: bool) -> PipelineAudit:
    concerning = [one for one in loaded.concerning(name) if one.pipeline is not None]
    reasons = _reasons(concerning, name)
    warnings = sum(one.severity is Severity.WARNING for one in concerning)
    pipeline = loaded.by_name.get(name)
    if pipeline is None:
        return PipelineAudit(name, alone, 0, reasons, warnings, Needs())
    for target in targets:
        about = Diagnostics(pipeline=name)
        target.check(pipeline, about)
        reasons += _reasons(about, name, target.NAME)
    return PipelineAudit(name, alone, sum(1 for _ in walk_steps(pipeline.graph)), reasons, warnings, needs_of(pipeline))


def _reasons(findings: Iterable[Diagnostic], pipeline: str | None, target: str | None = None) -> tuple[Reason, ...]:
    """Return the errors about a pipeline, or about the file as a whole."""
    reasons = [
        Reason(one.code, one.message, one.span.line if one.span else None, target, one.code in SETTLED)
        for one in findings
        if one.severity is Severity.ERROR and (pipeline is None) == (one.pipeline is None)
    ]
    return tuple(dict.fromkeys(reasons))
