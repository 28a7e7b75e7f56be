"""Read the pipeline file as it is in another commit, for nodes with ``commit``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from translator.diagnostics import Diagnostics, SourceText
from translator.files import real
from translator.shim.workspace import commits
from translator.source import Rules, parse

if TYPE_CHECKING:
    from pathlib import Path

    from translator.dialects import Source
    from translator.source import Located

LIBRARY = "library:"
"""The beginning of names of steps that Valohai provides itself."""


def _name_in(project: Path, source: Source) -> str:
    """Return the name of the pipeline file in a project; the project may be another directory of the repository.

    Raises:
        CommitError: it is not known, because the text comes from the standard input.
    """
    if source.path is None:
        return source.name
    if source.path.name == "<stdin>":
        raise commits.CommitError(
            "a node's commit needs the path of the pipeline file", "give it with --stdin-name PATH"
        )
    return os.path.relpath(real(source.path.parent) / source.path.name, project).replace(os.sep, "/")


def read_commit(source: Source, place: Located, diagnostics: Diagnostics) -> tuple[str, Located] | None:
    """Return the hash of the commit that a node names, and the content of the pipeline file there.

    Args:
        source: the pipeline file; its project must be in a Git repository.
        place: the value of the node's ``commit``.
        diagnostics: receives why there is none, and a note about names that may move to another commit.
    """
    name = str(place.value)
    if name.startswith(LIBRARY):
        message = f"{name!r} is a step of Valohai's own library, which only its service can look up"
        diagnostics.error("bad-commit", message, place.span, hint="copy the step into this file, with its scripts")
        return None
    if source.project is None:
        diagnostics.error("bad-commit", "a node's commit needs the project's Git repository", place.span)
        return None
    project = real(source.project)
    try:
        commit = commits.resolve(project, name, source.git_remote)
        text = commits.read(project, commit, _name_in(project, source), source.git_remote)
    except commits.CommitError as error:
        diagnostics.error("bad-commit", error.message, place.span, hint=error.hint)
        return None
    if not commit.startswith(name):
        message = f"the commit {name!r} is {commit[:10]} now, which generated files keep"
        diagnostics.note("moving-commit", message, place.span, hint="name the hash of the commit")
    file = f"{source.name}@{commit[:10]}"
    own = Diagnostics()
    root = parse(text, file, own, Rules.YAML_1_1)
    if root is None or not own.ok:
        why = own.found[0].message if own.found else "it is empty"
        message = f"{source.name} of the commit {commit[:10]} cannot be read: {why}"
        diagnostics.error("bad-commit", message, place.span)
        return None
    source.others[file] = SourceText(file, text)
    return commit, root
