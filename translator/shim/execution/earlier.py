"""Keep the results of a complete execution, of an earlier attempt at a run or of the run that this one resumes.

An execution is kept if it is at the same place in the run and has the same parameters and inputs. Its command, image
and code do not count: whoever resumes a run has often just mended the step that failed. Where not all that an execution
depends on is recorded, it runs again: steps that use the project directory itself (Loom, Magnus, runnable), inputs that
the command downloads, empty directories, values of edges in environment variables.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.json_values import thawed
from translator.shim.json_values.storable import sane
from translator.shim.outcome import resumed
from translator.shim.store import MANIFEST, NoManifestError, StoreError, key_of, segment
from translator.shim.store.keys import attempts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import FileRecord, InputFiles, Manifest
    from translator.shim.execution.state import Execution
    from translator.shim.store import Store

_MOST = 100
"""How many runs one after the other are looked at, each of which resumes the one before."""


def find(execution: Execution, store: Store, *, use: str, inputs: Mapping[str, InputFiles]) -> Manifest | None:
    """Return the complete execution whose results may be kept, as far as that is known before the inputs are there.

    Args:
        execution: one that is about to begin.
        store: the artifact store.
        use: what the step does with the project (``translator.shim.run_contract.Contract``).
        inputs: by name what edges bring.
    """
    run = execution.context.resumes
    if run is None or use != "copied" or execution.scope is not None:
        return None
    try:
        manifest = _last(execution, store, run)
    except (StoreError, OSError) as error:
        execution.note(f"warning: nothing is kept from an earlier run: {error}")
        return None
    if manifest is None or manifest.state is not State.COMPLETE:
        return None
    if (reason := _unrecorded(execution, inputs) or _other_parameters(execution, manifest)) is not None:
        _again(execution, reason)
        return None
    if (gone := _missing(execution, store, manifest.outputs)) is not None:
        _again(execution, f"its output {gone.masked_path or gone.path!r} is not in the store any more")
        return None
    return manifest


def keep(execution: Execution, earlier: Manifest | None) -> bool:
    """Give an execution, whose inputs have been brought, the results of an earlier one, if it has the same inputs.

    Args:
        execution: the execution.
        earlier: the manifest that ``find`` returned.

    Returns:
        Whether it has them; else its log says why not.
    """
    if earlier is None:
        return False
    for name in sorted({*execution.inputs, *earlier.inputs}):
        if _files(execution.inputs.get(name, ())) != _files(earlier.inputs.get(name, ())):
            _again(execution, f"the files of input {name!r} are not the same")
            return False
    where = "an earlier attempt" if earlier.id.run == execution.id.run else f"run {earlier.id.run}"
    execution.note(f"kept from {where}, where it was complete: try {earlier.id.attempt}")
    execution.reused = earlier.reused or earlier.uri
    execution.outputs = list(earlier.outputs)
    execution.metadata.values.update(earlier.metadata)
    execution.folders = list(earlier.folders)
    execution.exit_status = earlier.exit_status
    return True


def origin(execution: Execution) -> str | None:
    """Return in a few words that the results of an execution are kept, if they are."""
    return "kept from an earlier run or attempt" if execution.reused else None


def _last(execution: Execution, store: Store, run: str) -> Manifest | None:
    """Return the manifest of the last try that has one, in the run that is resumed or in those that it resumes."""
    identity = execution.id
    for _ in range(_MOST):
        folder = key_of(identity.pipeline, run, identity.node, identity.index)
        numbers = attempts(store.names(folder))
        for number in sorted(numbers, reverse=True):
            if run == identity.run and number >= identity.attempt:
                continue
            try:
                manifest = store.manifest(store.uri(f"{folder}/try-{number}/{MANIFEST}"))
            except NoManifestError:  # it was killed
                continue
            of = manifest.id
            place = (segment(of.pipeline), segment(of.run), of.node, of.index, of.kind)
            expected = (segment(identity.pipeline), segment(run), identity.node, identity.index, identity.kind)
            if place != expected or not _is_manifest(manifest.reused, store):
                raise StoreError(f"the manifest {manifest.uri} is not of this execution")
            return manifest
        before = resumed.read(store, identity.pipeline, run)
        if before is None:
            return None
        run = before
    return None


def _is_manifest(uri: str, store: Store) -> bool:
    """Return whether a manifest names none whose results it has, or one of this store."""
    return not uri or (store.owns(uri) and ".." not in uri.split("/") and uri.endswith(f"/{MANIFEST}"))


def _unrecorded(execution: Execution, inputs: Mapping[str, InputFiles]) -> str | None:
    """Return what an execution depends on that no manifest records."""
    if execution.from_edges:
        return "edges bring values into its environment"
    for one in execution.step.inputs:
        if one.on_demand:
            return f"its command downloads the input {one.name!r}"
        if one.name in inputs and inputs[one.name].folders:
            return f"empty directories belong to the input {one.name!r}"
    return None


def _missing(execution: Execution, store: Store, outputs: Sequence[FileRecord]) -> FileRecord | None:
    """Return the first output that is not in the store any more, or not with its size."""
    for file in outputs:
        execution.pulse()
        if not store.owns(file.uri):
            return file
        try:
            with store.open(store.key(file.uri)) as opened:
                if opened.seek(0, os.SEEK_END) != file.size:
                    return file
        except (StoreError, OSError, ValueError):
            return file
    return None


def _other_parameters(execution: Execution, manifest: Manifest) -> str | None:
    """Return which parameter has another value; never the values, which may be secrets."""
    now, then = sane(thawed(execution.values)), sane(thawed(manifest.parameters))
    if not isinstance(now, dict) or not isinstance(then, dict):
        return "its parameters cannot be compared"
    for name in sorted({*now, *then}):
        # JSON tells 1 from true and from 1.0, as command lines do.
        if name not in now or name not in then or json.dumps(now[name]) != json.dumps(then[name]):
            return f"the parameter {name!r} has another value, or is a secret"
    return None


def _files(files: Sequence[FileRecord]) -> list[tuple[str, str, str]]:
    """Return what a command sees of files: their paths, contents and properties."""
    return sorted((file.path, file.sha256, json.dumps(sane(thawed(file.properties)), sort_keys=True)) for file in files)


def _again(execution: Execution, reason: str) -> None:
    execution.note(f"runs again, although it was complete before: {reason}")
