"""Put a snapshot of a project into the artifact store, from which workers fetch it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.code.selection import SelectionError, select
from translator.ir import Code
from translator.shim.code import SNAPSHOT, snapshots
from translator.shim.code.archive import pack
from translator.shim.files import digest

if TYPE_CHECKING:
    from translator import ir
    from translator.diagnostics import Diagnostics
    from translator.shim.store import Store


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in a store: its digest, the number of its files and their size in bytes, and whether it is new."""

    sha256: str
    files: int
    size: int
    is_new: bool
    absent: tuple[str, ...] = ()
    """Submodules that are not checked out."""

    @property
    def name(self) -> str:
        """The snapshot as a generated file names it."""
        return f"{SNAPSHOT}{self.sha256}"


def check(pipeline: ir.Pipeline, git_remote: str | None, diagnostics: Diagnostics) -> None:
    """Report what a pipeline needs that does not travel with its project, as a snapshot or a commit.

    Args:
        pipeline: the pipeline.
        git_remote: the repository that workers fetch commits from.
        diagnostics: receives the findings.
    """
    from translator.nodes import walk_steps

    if pipeline.code is Code.GIT and git_remote is None:
        message = "workers cannot fetch a commit from an unknown repository"
        diagnostics.error("bad-setting", message, pipeline.span, hint="write git_remote at the top of translator.toml")
    hint = 'let the project travel with the generated file: code = "path"'
    if pipeline.catalogue is not None and pipeline.catalogue.startswith("../"):
        message = f"{pipeline.catalogue}, which has the names of data, does not travel with the project"
        diagnostics.error(
            "bad-setting", message, pipeline.span, hint="move the file into the project, or name another file in it"
        )
    for _, node in walk_steps(pipeline.graph):
        if node.step.commit is not None:
            message = f"node {node.name!r} runs the code of another commit, and the repository does not travel"
            diagnostics.error("bad-setting", message, node.span, hint=hint)


def take(project: Path, store: Store) -> Snapshot:
    """Put a snapshot of a project into a store, if it is not there already.

    Args:
        project: the project's directory.
        store: the artifact store.

    Raises:
        SelectionError: the files cannot be listed, or there are none.
        CodeError: a file cannot travel.
        StoreError: the store cannot be read or written.
        OSError: there is no room for the archive.
    """
    scratch = store.scratch()
    selection = select(project, scratch.parent if scratch is not None else None)
    if not selection.files:
        message = f"no file of {project} travels: a .gitignore, also of a repository around it, or .vhignore names all"
        raise SelectionError(message)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        with archive.open("wb") as file:
            size = pack(project, selection.files, file)
        sha256 = digest.of_file(archive)
        is_new = not snapshots.is_stored(store, sha256)
        if is_new:
            snapshots.put(store, archive, sha256)
    return Snapshot(sha256, len(selection.files), size, is_new, selection.absent)
