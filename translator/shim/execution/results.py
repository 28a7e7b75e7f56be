"""Publish the outputs of an execution, and commit its manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.files.digest import no_pulse
from translator.shim.masking.uris import MASK
from translator.shim.store import HURRY, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim import run_contract
    from translator.shim.contract import FileRecord, Json, Manifest
    from translator.shim.execution.state import Execution
    from translator.shim.store import Store


def publish(execution: Execution, dialect: run_contract.Contract, work: run_contract.Work) -> list[str]:
    """Publish the outputs; return what is wrong with them."""
    try:
        to_publish = dialect.gather(work, execution.metadata.values)
    except RecursionError:
        return ["the directories of the outputs are nested too deep"]
    except (ValueError, KeyError, TypeError) as error:
        # Files that the command wrote, or may have written.
        return [f"cannot read the command's outputs: {type(error).__name__}: {error}"]
    for note in to_publish.notes:
        execution.note(f"warning: {note}")
    if to_publish.taken:
        return to_publish.problems
    try:
        published = work.store.publish(execution.id, work.space.outputs, to_publish.paths, work.pulse)
    except StoreError as error:
        execution.infrastructure = work.complete and not to_publish.problems
        return [*to_publish.problems, str(error)]
    execution.outputs = [_described(file, to_publish.properties.get(file.path, {}), execution) for file in published]
    if any(file.masked_path for file in execution.outputs):
        execution.note(f"warning: names of outputs contain secrets; run.json shows {MASK}, but the store has the names")
    execution.folders = to_publish.folders
    return to_publish.problems


def _described(file: FileRecord, properties: Mapping[str, Json], execution: Execution) -> FileRecord:
    """Return the record of an output with its properties; secrets are masked in these and in what is shown."""
    masked_path = execution.hidden(file.path)
    return replace(
        file,
        masked_path=masked_path if masked_path != file.path else "",
        properties=execution.masked(properties),
    )


def commit(execution: Execution, store: Store | None, state: State, reason: str | None) -> Manifest:
    """Write the manifest; if the store cannot hold it, at least write one without outputs, which may fit."""
    manifest = execution.manifest(state, reason)
    if store is None:
        return manifest
    if state is State.STOPPED:
        store.patience = HURRY
    store.pulse = no_pulse  # write the manifest of a stopped execution, too
    try:
        return store.commit(manifest)
    except StoreError as error:
        store.discard(execution.id)
        failed = State.ERROR if state is State.COMPLETE else state
        manifest = replace(
            manifest,
            outputs=[],
            state=failed,
            reason=manifest.reason or str(error),
            infrastructure=manifest.infrastructure or state is State.COMPLETE,
        )
    try:
        return store.commit(manifest)
    except StoreError:
        return manifest
