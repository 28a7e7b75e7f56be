"""Collect what edges pass from upstream executions: files of inputs and values of parameters.

Only manifests of complete executions are asked. Output patterns are ``fnmatch`` on the path below the outputs
directory, so ``*`` crosses ``/``; a pattern that is spelled exactly as a path matches it. Files that describe other
outputs (``<file>.metadata.json`` and ``valohai.metadata.jsonl``) flow along no edge.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, cast

from translator.shim import run_contract
from translator.shim.catalogue.properties import is_sidecar
from translator.shim.contract import DEFAULT_DIALECT, InputFiles, Output, ParameterOf, SameInput
from translator.shim.files.paths import PathError, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.shim.contract import ArtifactSource, Dialect, FileRecord, Input, Manifest, Value, ValueSource


def files(  # noqa: PLR0913, PLR0917 - all that decides which files an input has
    step_input: Input,
    edges: Sequence[ArtifactSource],
    merge: Literal["replace", "append"],
    upstream: Mapping[str, Sequence[Manifest]],
    dialect: Dialect = DEFAULT_DIALECT,
    launch_uris: Sequence[str] | None = None,
) -> InputFiles:
    """Collect what ``edges`` bring to one input.

    If two files have the same path below the input's directory, that of the later edge (within an edge, of the
    highest grid index) is used, with a warning. With ``replace``, the input's own defaults are used only if it has no
    edges, even if these bring nothing.

    Args:
        step_input: the input.
        edges: its edges, in the order of the source file.
        merge: whether files from edges replace the defaults or join them.
        upstream: by source, the manifests of its complete executions in grid order.
        dialect: the source language, which decides whether files keep their whole path.
        launch_uris: the URIs that this run has in place of the input's own defaults.
    """
    whole = run_contract.load(dialect).whole_paths
    if whole:
        step_input = replace(step_input, keep_directories="full")
    own = step_input.default if launch_uris is None else launch_uris
    called: dict[str, str] = {}
    placed: dict[str, tuple[FileRecord, str]] = {}
    available: list[str] = []
    warnings: list[str] = []
    for edge in edges:
        for manifest in upstream.get(edge.source, ()):
            called.setdefault(edge.source, manifest.id.node)
            whose = f"{manifest.id.node}[{manifest.id.index}]" if manifest.id.kind == "task" else manifest.id.node
            for record, matches, shown in _offered(edge, manifest, whole=whole):
                available.append(f"{whose}: {shown}")
                if not matches:
                    continue
                destination = _destination(record.path, step_input)
                earlier = placed.pop(destination, None)
                if earlier is not None and earlier[0].uri != record.uri:
                    warnings.append(
                        f"input {step_input.name!r}: {record.path!r} of {whose} overwrites "
                        f"{earlier[0].path!r} of {earlier[1]}"
                    )
                placed[destination] = (record, whose)
    return InputFiles(
        files=tuple(record for record, _ in placed.values()),
        defaults=tuple(own) if merge == "append" or not edges else (),
        launched=launch_uris is not None,
        edges=tuple(describe(edge, called.get(edge.source)) for edge in edges),
        available=tuple(dict.fromkeys(available)),
        warnings=tuple(warnings),
        folders=tuple(
            folder for edge in edges for manifest in upstream.get(edge.source, ()) for folder in manifest.folders
        ),
        ran=tuple(called),
    )


def besides_launched(edges: Sequence[ArtifactSource]) -> list[ArtifactSource]:
    """Return the edges that count for an input that the run was given: those from nodes of this run."""
    return [edge for edge in edges if edge.run is None]


def value(edge: ValueSource, upstream: Mapping[str, Sequence[Manifest]], *, many: bool) -> tuple[bool, Value]:
    """Take the value that ``edge`` brings.

    Args:
        edge: a parameter or a metadata key of a node.
        upstream: by source node, the manifests of its complete executions in grid order.
        many: whether the target accepts several values (an axis of a task node's grid, or a ``multiple`` parameter).
            Then the values of several executions become one flat list in grid order; otherwise the complete execution
            with the highest index gives the value.

    Returns:
        Whether there is a value, and the value.
    """
    candidates = [item for manifest in upstream.get(edge.source, ()) if (item := _value(edge, manifest)) is not None]
    if not candidates:
        return False, None
    if not many or len(candidates) == 1:
        return True, cast("Value", candidates[-1])
    values: list[object] = []
    for item in candidates:
        values.extend(item if isinstance(item, (list, tuple)) else [item])
    return True, cast("Value", values)


def describe(edge: ArtifactSource | ValueSource, node: str | None = None) -> str:
    """Return the edge's source as users write it, such as ``train.output.*.pkl``."""
    source = node or edge.source
    match edge:
        case Output():
            return f"{source}.output.{edge.pattern}"
        case SameInput():
            return f"{source}.input.{edge.pattern}"
        case ParameterOf():
            return f"{source}.parameter.{edge.name}"
        case _:
            return f"{source}.metadata.{edge.key}"


def matches(path: str, pattern: str) -> bool:
    """Return whether an output at ``path`` flows along an edge with ``pattern``."""
    return not is_sidecar(path) and (path == pattern or fnmatchcase(path, pattern))


def _offered(edge: ArtifactSource, manifest: Manifest, *, whole: bool) -> Iterator[tuple[FileRecord, bool, str]]:
    if isinstance(edge, Output):
        for record in manifest.outputs:
            if whole:
                yield record, record.path == edge.pattern or fnmatchcase(record.path, edge.pattern), record.path
            elif not is_sidecar(record.path):
                yield record, matches(record.path, edge.pattern), record.path
        return
    for name, records in manifest.inputs.items():
        for record in records:
            yield record, name == edge.pattern or fnmatchcase(name, edge.pattern), f"{name}/{record.path}"


def _destination(path: str, step_input: Input) -> str:
    try:
        return place(path, step_input.keep_directories)
    except PathError:
        return path


def _value(edge: ValueSource, manifest: Manifest) -> object:
    if isinstance(edge, ParameterOf):
        return manifest.parameters.get(edge.name)
    return manifest.metadata.get(edge.key)
