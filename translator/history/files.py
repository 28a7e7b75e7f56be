"""Find the logs and output files of executions in the store, and copy outputs out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.history.runs import HistoryError
from translator.shim.files.paths import PathError, relative
from translator.shim.files.resumable import DownloadError
from translator.shim.store import LOG, MANIFEST, NoManifestError, StoreError, segment, transfer, uploads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from translator.history.records import Execution
    from translator.history.runs import Run
    from translator.shim.contract import FileRecord
    from translator.shim.store import Store


def log(store: Store, run: Run, execution: Execution, attempt: int | None = None) -> str | None:
    """Return what an execution printed.

    Args:
        store: the store.
        run: its run.
        execution: the execution.
        attempt: the number of an attempt; None for the one that counts.

    Returns:
        The log; None if there is none.

    Raises:
        StoreError: it cannot be read.
    """
    folder = attempt_folder(store, run, execution, attempt)
    if folder is None:
        return None
    try:
        return store.read(f"{folder}/{LOG}").decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def outputs(store: Store, run: Run, execution: Execution) -> Sequence[FileRecord]:
    """Return the output files of an execution, ordered by path.

    Its manifest names them, because records mask secrets in paths. An attempt without a manifest may have published
    some while its command ran.

    Raises:
        HistoryError: its manifest is not in the store.
        StoreError: the manifest cannot be read.
    """
    if not execution.entry["outputs"]:
        return ()
    folder = attempt_folder(store, run, execution)
    if folder is None:
        raise HistoryError(f"the manifest of {execution.name} is not in the store")
    try:
        files = store.manifest(store.uri(f"{folder}/{MANIFEST}")).outputs
    except NoManifestError:
        if not (files := uploads.read(store, folder)):
            raise
    return sorted(files, key=lambda file: file.path)


def copy(store: Store, run: Run, execution: Execution, target: Path) -> int:
    """Copy the output files of an execution below a directory, and check their digests.

    Args:
        store: the store.
        run: its run.
        execution: the execution.
        target: where to; it is created if there is something to copy.

    Returns:
        The number of files.

    Raises:
        HistoryError: a file exists there already or cannot be written, or its manifest names a path outside.
        StoreError: a file is missing from the store, or has changed.
    """
    files = outputs(store, run, execution)
    for file in files:
        try:
            path = relative(file.path)
        except PathError as error:
            raise HistoryError(f"{execution.name} has an output with the path {file.path!r}: {error}") from None
        _copy(store, file, target / path)
    return len(files)


def _copy(store: Store, file: FileRecord, target: Path) -> None:
    if not store.owns(file.uri):
        raise StoreError(f"the output {file.uri} is not in the store {store.root}")
    key = store.key(file.uri)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _, digest = transfer.download(lambda: store.open(key), target, lambda: None)
    except FileExistsError:
        raise HistoryError(f"{target} exists already; choose another directory with --to") from None
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        raise StoreError(f"{file.uri} is missing from the store") from None
    except OSError as error:
        raise HistoryError(f"{target} cannot be written: {error.strerror}") from error
    except DownloadError as error:
        target.unlink(missing_ok=True)
        raise HistoryError(f"{file.uri} cannot be copied to {target}: {error}") from error
    if digest != file.sha256:
        target.unlink(missing_ok=True)
        raise StoreError(f"{file.uri} has changed since it was published: its SHA-256 is {digest}")


def attempt_folder(store: Store, run: Run, execution: Execution, attempt: int | None = None) -> str | None:
    """Return the key of an attempt's directory; None if it is not known.

    Args:
        store: the store.
        run: its run.
        execution: the execution.
        attempt: the number of an attempt; None for the one that counts.
    """
    counting = execution.folder
    of_execution = f"{segment(execution.node)}/{execution.entry['index']}"
    if counting is not None:
        try:
            counting = relative(counting)
        except PathError:
            return None
        of_execution = counting.rpartition("/")[0]
    if attempt is not None:
        return f"{run.key}/{of_execution}/try-{attempt}"
    if counting is not None:
        return f"{run.key}/{counting}"
    tries = [name for name in store.names(f"{run.key}/{of_execution}") if name.startswith("try-")]
    numbers = [int(number) for name in tries if (number := name.removeprefix("try-")).isdecimal()]
    return f"{run.key}/{of_execution}/try-{max(numbers)}" if numbers else None
