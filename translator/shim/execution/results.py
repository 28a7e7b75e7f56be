"""Publish the outputs of an execution, and commit its manifest."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.execution.live_outputs import ConflictError
from translator.shim.files.digest import no_pulse
from translator.shim.files.paths import directories_of
from translator.shim.masking.uris import MASK
from translator.shim.store import HURRY, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.shim import run_contract
    from translator.shim.contract import FileRecord, Manifest
    from translator.shim.execution.state import Execution
    from translator.shim.store import Store


def publish(execution: Execution, dialect: run_contract.Contract, work: run_contract.Work) -> list[str]:
    """Publish the outputs; return what is wrong with them."""
    if execution.live is not None:
        execution.live.end(work.pulse, execution.note)
        execution.outputs = execution.uploads()
        work = replace(work, uploaded=execution.live.paths)
    try:
        to_publish = dialect.gather(work, execution.metadata.values)
    except RecursionError:
        return ["the directories of the outputs are nested too deep"]
    except (ValueError, KeyError, TypeError) as error:
        # Files that the command wrote, or may have written.
        return [f"cannot read the command's outputs: {type(error).__name__}: {error}"]
    for note in to_publish.notes:
        execution.note(f"warning: {note}")
    if to_publish.taken and not work.uploaded:
        return to_publish.problems
    try:
        published = _published(execution, work, () if to_publish.taken else to_publish.paths)
    except ConflictError as error:
        return [*to_publish.problems, str(error)]
    except StoreError as error:
        execution.infrastructure = work.complete and not to_publish.problems
        return [*to_publish.problems, str(error)]
    execution.outputs = [execution.described(file, to_publish.properties.get(file.path, {})) for file in published]
    if any(file.masked_path for file in execution.outputs):
        execution.note(f"warning: names of outputs contain secrets; run.json shows {MASK}, but the store has the names")
    directories = {directory for path in work.uploaded for directory in directories_of(path)}
    execution.folders = [folder for folder in to_publish.folders if folder not in directories]
    return to_publish.problems


def _published(execution: Execution, work: run_contract.Work, paths: Sequence[str]) -> list[FileRecord]:
    """Publish the files in the outputs directory; return all outputs."""
    if execution.live is None or not work.uploaded:
        return work.store.publish(execution.id, work.space.outputs, paths, work.pulse)
    try:
        return execution.live.publish_rest(paths, work.pulse)
    finally:
        execution.outputs = execution.uploads()


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
        failed = State.ERROR if state is State.COMPLETE else state
        manifest = replace(
            manifest,
            outputs=_only_uploaded(execution, store),
            state=failed,
            reason=manifest.reason or str(error),
            infrastructure=manifest.infrastructure or state is State.COMPLETE,
        )
    try:
        return store.commit(manifest)
    except StoreError:
        return manifest


def _only_uploaded(execution: Execution, store: Store) -> list[FileRecord]:
    """Remove the outputs from the store, except those that were published while the command ran; return these."""
    uploaded = execution.live.records if execution.live is not None else {}
    if not uploaded:
        store.discard(execution.id)
        return []
    for file in execution.outputs:
        if file.path not in uploaded:
            with contextlib.suppress(StoreError):
                store.remove(store.key(file.uri))
    return [file for file in execution.outputs if file.path in uploaded]
