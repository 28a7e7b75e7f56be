"""Move artifacts between a pod and an object store without the worker, which has files without content in their place.

The worker still finds out which files there are, and commits the manifest. Small outputs come to the worker,
because it reads some of them (the properties of files), and so does what links among the outputs name.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from translator.shim.contract import FileRecord
from translator.shim.files.digest import READ_ONLY, no_pulse, stamp
from translator.shim.files.paths import relative
from translator.shim.json_values import thawed
from translator.shim.store.base import StoreError
from translator.shim.store.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId, StoreAddress
    from translator.shim.store import Store

SMALL = 1 << 16
"""The bytes up to which an output comes to the worker."""
LOGIN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_VARIABLES = (
    *LOGIN,
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_REGION", "GOOGLE_CLOUD_PROJECT"),
    *("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
    "AZURE_STORAGE_SAS_TOKEN",
)
"""The variables of the worker with which fsspec opens object stores, and which name no files of it."""
_OF_FSSPEC = "FSSPEC_"


@dataclass(slots=True)
class Direct:
    """The artifacts of one execution that do not pass through the worker.

    Args:
        address: of the store.
        inputs: the staged artifacts, by their place in the workspace of the worker.
        outputs: the stamps of the empty files for outputs that are in the pod, by their path in the outputs directory.
        upload: publishes some of these from the pod.
    """

    address: StoreAddress
    inputs: dict[Path, FileRecord] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    upload: Callable[[ExecutionId, Sequence[str], Callable[[], None]], Mapping[str, FileRecord]] | None = None

    def access(self) -> dict[str, Any]:
        """Return how the pod opens the store; it is sent to the containers of the runner, and written nowhere."""
        return {
            "uri": self.address.uri,
            "options": thawed(self.address.options),
            "environment": {
                name: value for name, value in os.environ.items() if name in _VARIABLES or name.startswith(_OF_FSSPEC)
            },
        }

    def store(self, store: Store) -> Store:
        """Return the store as the worker's functions use it."""
        return DirectStore(store, self) if isinstance(store, ObjectStore) else store


class DirectStore(ObjectStore):
    """An object store whose artifacts are brought to a pod, and published from there."""

    def __init__(self, store: ObjectStore, direct: Direct) -> None:
        """Use the connection of a store that is open."""
        self.__dict__.update(store.__dict__)
        self._direct = direct

    def bring(self, record: FileRecord, target: Path, pulse: Callable[[], None] = no_pulse) -> None:
        """Make an empty file of the same size; the pod downloads the artifact, and checks its digest."""
        pulse()
        if not self.exists(record.uri):
            raise StoreError(f"the artifact {record.uri} is missing from the store")
        with target.open("xb") as file:
            file.truncate(record.size)
        target.chmod(READ_ONLY)
        self._direct.inputs[target] = record

    def exists(self, uri: str) -> bool:
        """Return whether the store has a file."""
        with self._doing("read", missing=True):
            return bool(self._call(lambda: self._fs.exists(self._path(self.key(uri)))))

    def publish(
        self, identity: ExecutionId, folder: Path, paths: Sequence[str], pulse: Callable[[], None] = no_pulse
    ) -> list[FileRecord]:
        """See ``Store.publish``; what is in the pod is uploaded from there."""
        upload, stamps = self._direct.upload, self._direct.outputs
        there = [path for path in paths if path in stamps]
        here = [path for path in paths if path not in stamps]
        for path in there:
            if stamp((folder / path).stat(follow_symlinks=False)) != stamps[path]:
                raise StoreError(f"the output {path!r} was changed on the worker, but is in the pod")
        records = {record.path: record for record in super().publish(identity, folder, here, pulse)}
        if there and upload is not None:
            try:
                records |= upload(identity, there, pulse)
            except BaseException:
                self.discard(identity)
                raise
        return [records[path] for path in paths]


def stand_ins(outputs: Path, sizes: Mapping[str, int]) -> dict[str, str]:
    """Make a file without content for each output that is in the pod; return their stamps.

    Args:
        outputs: the outputs directory on the worker, which has the directories of the files.
        sizes: by path.

    Raises:
        PathError: a path leads out of the directory.
        OSError: a file cannot be made.
    """
    stamps = {}
    for path, size in sizes.items():
        with (outputs / relative(path)).open("xb") as file:
            file.truncate(size)
        stamps[path] = stamp((outputs / path).stat(follow_symlinks=False))
    return stamps


def described(records: Iterable[tuple[str, FileRecord]]) -> list[dict[str, Any]]:
    """Return records as a message has them, with the paths at which their files are to be."""
    return [{**asdict(record), "properties": {}, "place": place} for place, record in records]


def record_of(values: Mapping[str, Any]) -> FileRecord:
    """Return the record of a message."""
    return FileRecord(str(values["path"]), int(values["size"]), str(values["sha256"]), str(values["uri"]))
