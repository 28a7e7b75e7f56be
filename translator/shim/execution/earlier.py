"""Keep the results of a complete execution, of an earlier attempt at a run or of the run that this one resumes.

An execution is kept if it is at the same place in the run and has the same parameters and inputs. Its command, image
and code do not count: whoever resumes a run has often just mended the step that failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.json_values import thawed
from translator.shim.json_values.storable import sane
from translator.shim.store import MANIFEST, StoreError, key_of
from translator.shim.store.keys import attempts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import FileRecord, InputFiles, Manifest, Step
    from translator.shim.execution.state import Execution
    from translator.shim.store import Store

_LONGEST = 60


def find(execution: Execution, store: Store) -> Manifest | None:
    """Return the last complete execution at the same place in the run that is resumed, if its parameters are the same.

    Args:
        execution: one that is about to begin. With a scope, it is never kept, because what it sees and passes on is not
            in its parameters alone.
        store: the artifact store.
    """
    run, identity = execution.context.resumes, execution.id
    if run is None or execution.scope is not None:
        return None
    folder = key_of(identity.pipeline, run, identity.node, identity.index)
    try:
        numbers = attempts(store.names(folder))
        if run == identity.run:
            numbers = [number for number in numbers if number < identity.attempt]
        manifest = _last_complete(store, folder, numbers)
    except StoreError as error:
        execution.note(f"warning: nothing is kept from run {run}: {error}")
        return None
    if manifest is None:
        return None
    if (reason := _other_parameters(execution, manifest)) is not None:
        _again(execution, manifest, reason)
        return None
    if (gone := _missing(store, manifest.outputs)) is not None:
        _again(execution, manifest, f"its output {gone.masked_path or gone.path!r} cannot be read")
        return None
    return manifest


def keep(execution: Execution, earlier: Manifest | None, inputs: Mapping[str, Sequence[FileRecord]] | None) -> bool:
    """Give an execution the results of an earlier one, if it has the same inputs; else say in its log that it has not.

    Args:
        execution: the execution.
        earlier: the manifest that ``find`` returned.
        inputs: by name the files that the execution has; None if they are not known yet.

    Returns:
        Whether the execution has its results.
    """
    if earlier is None or inputs is None or execution.compared:
        return False
    execution.compared = True
    for name in sorted({*inputs, *earlier.inputs}):
        if _digests(inputs.get(name, ())) != _digests(earlier.inputs.get(name, ())):
            _again(execution, earlier, f"the files of input {name!r} are not the same")
            return False
    where = "an earlier attempt" if earlier.id.run == execution.id.run else f"run {earlier.id.run}"
    execution.note(f"kept from {where}, where it was complete: try {earlier.id.attempt}, {earlier.ended}")
    execution.reused = earlier.reused or earlier.uri
    execution.inputs = {name: list(files) for name, files in earlier.inputs.items()}
    execution.outputs = list(earlier.outputs)
    execution.metadata.values.update(earlier.metadata)
    execution.data = list(earlier.data)
    execution.folders = list(earlier.folders)
    execution.exit_status = earlier.exit_status
    return True


def _again(execution: Execution, earlier: Manifest, reason: str) -> None:
    execution.note(f"runs again, although it was complete in run {earlier.id.run}: {reason}")


def where_from(execution: Execution) -> str | None:
    """Return where the results of an execution are from, in a few words, if they are kept."""
    return f"kept from run {execution.reused.split('/')[-5]}" if execution.reused else None


def known_inputs(step: Step, inputs: Mapping[str, InputFiles]) -> Mapping[str, Sequence[FileRecord]] | None:
    """Return the files of all inputs if they are known before they are staged: if all come from edges.

    Args:
        step: the step.
        inputs: what edges bring.
    """
    known = {}
    for one in step.inputs:
        brought = inputs.get(one.name)
        if one.on_demand or (one.default if brought is None else brought.defaults):
            return None
        known[one.name] = brought.files if brought is not None else ()
    return known


def _last_complete(store: Store, folder: str, numbers: Sequence[int]) -> Manifest | None:
    for number in sorted(numbers, reverse=True):
        try:
            manifest = store.manifest(store.uri(f"{folder}/try-{number}/{MANIFEST}"))
        except StoreError:  # a try that was killed has none
            continue
        if manifest.state is State.COMPLETE:
            return manifest
    return None


def _missing(store: Store, outputs: Sequence[FileRecord]) -> FileRecord | None:
    """Return the first output that is not in the store any more."""
    for file in outputs:
        try:
            store.open(store.key(file.uri)).close()
        except (StoreError, OSError):
            return file
    return None


def _other_parameters(execution: Execution, manifest: Manifest) -> str | None:
    """Return the first difference in parameters."""
    now, then = sane(thawed(execution.values)), sane(thawed(manifest.parameters))
    if not isinstance(now, dict) or not isinstance(then, dict):
        return "its parameters cannot be compared"
    for name in sorted({*now, *then}):
        if name not in now or name not in then or now[name] != then[name]:
            was = _short(then[name]) if name in then else "not there"
            return f"{name} was {was}, and is {_short(now[name]) if name in now else 'not there'} now"
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _digests(files: Sequence[FileRecord]) -> list[str]:
    return sorted(file.sha256 for file in files)
