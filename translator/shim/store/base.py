"""Define the interface of artifact stores."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from translator.shim.errors import TranslatorError
from translator.shim.files.digest import no_pulse
from translator.shim.store import manifest as manifests_
from translator.shim.store.keys import CLAIMED, MANIFEST, STARTED, TRY_FILE, key_of, try_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId, FileRecord, Manifest, Value
    from translator.shim.store.log import Log

DOCUMENT_LIMIT = 256 << 20
"""The size of the largest manifest or record that is read."""
PATIENCE = 60.0
"""The seconds that a remote store may take for a small file or a listing."""
HURRY = 10.0
"""The same limit if the execution must stop."""


class StoreError(TranslatorError):
    """A failed operation of the store; the message says what, where and why."""


class NoManifestError(StoreError):
    """A try without a manifest."""


class Store(ABC):
    """An artifact store. ``root`` is its URI, without a trailing slash and without secrets."""

    root: str
    pulse: Callable[[], None] = staticmethod(no_pulse)
    """Called while a remote store is busy; an exception ends the wait."""
    patience: float = PATIENCE

    @abstractmethod
    def uri(self, key: str) -> str:
        """Return the URI of ``key``."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return the content of ``key``.

        Raises:
            FileNotFoundError: the key does not exist.
            StoreError: it cannot be read.
        """

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """Open ``key`` for reading, to be read in blocks.

        Raises:
            FileNotFoundError: the key does not exist or is not a regular file.
            StoreError: it cannot be read.
        """

    @abstractmethod
    def write(self, key: str, content: bytes, *, lasting: bool = True) -> None:
        """Write ``key`` so that readers see the old or the new content, never a part of it.

        Args:
            key: where to.
            content: what.
            lasting: whether it must survive a power cut.

        Raises:
            StoreError: it cannot be written.
        """

    @abstractmethod
    def create(self, key: str, content: bytes) -> bytes | None:
        """Write ``key`` if it does not exist, else return its content. Of several concurrent writers one wins.

        Raises:
            StoreError: the store cannot be read or written.
        """

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove the file at ``key``, if it exists.

        Raises:
            StoreError: the store cannot be written.
        """

    @abstractmethod
    def claim(self, identity: ExecutionId) -> ExecutionId:
        """Claim an unused attempt of an execution; return it with its number, at least the requested one.

        Raises:
            StoreError: the store cannot be written.
        """

    @abstractmethod
    def publish(
        self, identity: ExecutionId, folder: Path, paths: Sequence[str], pulse: Callable[[], None] = no_pulse
    ) -> list[FileRecord]:
        """Bring the files of an execution's outputs directory into the store, with their digests.

        Args:
            identity: the try that they belong to.
            folder: the outputs directory; it may be moved away.
            paths: regular files, relative to ``folder``.
            pulse: called between blocks; an exception ends the work.

        Raises:
            StoreError: a file cannot be read or the store cannot be written; nothing of the outputs is left in it.
        """

    @abstractmethod
    def upload(
        self, identity: ExecutionId, source: Path, path: str, pulse: Callable[[], None] = no_pulse
    ) -> FileRecord:
        """Bring one output of an execution into the store, with its digest. It replaces an earlier one as a whole.

        Args:
            identity: the try that it belongs to.
            source: a regular file; it may be moved away.
            path: of the output, relative to the outputs directory.
            pulse: called between blocks; an exception ends the work.

        Raises:
            StoreError: the file cannot be read or the store cannot be written.
        """

    def current(self, record: FileRecord, pulse: Callable[[], None] = no_pulse) -> FileRecord:  # noqa: ARG002 - see below
        """Return the record of an output of this worker, to which a process may have written since it was published.

        In most stores it is a copy, which no process can write to.

        Raises:
            StoreError: it cannot be read.
        """
        return record

    @abstractmethod
    def put(self, source: Path, key: str, pulse: Callable[[], None] = no_pulse) -> FileRecord:
        """Copy a local file into the store, whole or not at all; the record's ``path`` is the name of the file.

        Raises:
            StoreError: it cannot be read, or the store cannot be written.
        """

    @abstractmethod
    def bring(self, record: FileRecord, target: Path, pulse: Callable[[], None] = no_pulse) -> None:
        """Bring a published file to the new read-only file ``target`` and check its digest.

        Raises:
            StoreError: the file is missing or has changed since it was published.
        """

    def is_unchanged(self, record: FileRecord, pulse: Callable[[], None] = no_pulse) -> bool:  # noqa: ARG002 - others ask
        """Return whether a published file is still there, as far as that is known without downloading it."""
        try:
            with self.open(self.key(record.uri)) as opened:
                return opened.seek(0, os.SEEK_END) == record.size
        except (StoreError, OSError, ValueError):
            return False

    def intact(self, record: FileRecord) -> bool:  # noqa: ARG002 - a copy does not need this
        """Return whether a file is unchanged since it was staged with ``stamp``."""
        return True

    @abstractmethod
    def log(self, identity: ExecutionId) -> Log:
        """Begin the log of a try; if it cannot be written, it is dropped."""

    @abstractmethod
    def discard(self, identity: ExecutionId) -> None:
        """Remove the outputs of a try that has no manifest, as far as possible."""

    @abstractmethod
    def keys(self, pipeline: str, run: str, node: str | None = None) -> list[str]:
        """Return ``<node>/<index>/try-<n>/<file>`` for each file directly in an attempt's directory."""

    @abstractmethod
    def names(self, key: str = "") -> list[str]:
        """Return the names directly below ``key``, or in the whole store; none if it does not exist.

        Raises:
            StoreError: the store cannot be listed.
        """

    @abstractmethod
    def scratch(self) -> Path | None:
        """Return a local directory from which files can be moved into the store, if there is one."""

    def owns(self, uri: str) -> bool:
        """Return whether ``uri`` is in this store."""
        return uri.startswith(f"{self.root}/")

    def location(
        self, pipeline: str, run: str, node: str | None = None, index: int | None = None, attempt: int | None = None
    ) -> str:
        """Return the URI of the directory of a run, a node, an execution or an attempt."""
        return self.uri(key_of(pipeline, run, node, index, attempt))

    def read_json(self, key: str) -> Any:
        """Return the JSON document at ``key``; raise like ``read``, and StoreError if it is not JSON."""
        content = self.read(key)
        try:
            return json.loads(content)
        except UnicodeDecodeError:
            raise StoreError(f"{self.uri(key)} is not JSON: it is not UTF-8") from None
        except ValueError as error:
            raise StoreError(f"{self.uri(key)} is not JSON: {error}") from error
        except RecursionError:
            raise StoreError(f"{self.uri(key)} cannot be read: it is nested too deep") from None

    def write_json(self, key: str, document: object, *, lasting: bool = True) -> None:
        """Write an indented JSON document; arguments and errors as for ``write``."""
        self.write(key, _json(document), lasting=lasting)

    def create_json(self, key: str, document: object) -> bytes | None:
        """Write an indented JSON document if ``key`` does not exist; result and errors as for ``create``."""
        return self.create(key, _json(document))

    def begin(self, identity: ExecutionId, parameters: Mapping[str, Value], started: str) -> None:
        """Record that a try has begun, so that a killed worker leaves a trace."""
        document = {
            "node": identity.node,
            "attempt": identity.attempt,
            "started": started,
            "parameters": dict(parameters),
        }
        self.write(try_key(identity, STARTED), f"{json.dumps(document)}\n".encode(), lasting=False)

    def commit(self, manifest: Manifest) -> Manifest:
        """Write a manifest, which makes its outputs exist; returns it with its URI.

        If it has outputs of its own, it survives a power cut. One without may be lost, like running executions:
        waiting for a busy disk can take longer than a short command.
        """
        key = try_key(manifest.id, MANIFEST)
        own_outputs = bool(manifest.outputs) and not manifest.reused
        self.write_json(key, manifests_.to_json(manifest, self.root), lasting=own_outputs)
        return replace(manifest, uri=self.uri(key))

    def manifest(self, uri: str) -> Manifest:
        """Read the manifest at ``uri``.

        Raises:
            StoreError: it cannot be read or is not a manifest.
        """
        if not self.owns(uri):
            raise StoreError(f"the manifest {uri} is not in the store {self.root}; all workers must use the same store")
        return self._manifest(self.key(uri))

    @abstractmethod
    def key(self, uri: str) -> str:
        """Return the key of a URI of this store."""

    def tries(self, pipeline: str, run: str, node: str | None = None) -> dict[tuple[str, int], dict[int, set[str]]]:
        """Return the files of each attempt, ordered by node and index: ``{(segment, index): {attempt: {file}}}``."""
        found: dict[tuple[str, int], dict[int, set[str]]] = {}
        for key in self.keys(pipeline, run, node):
            match = TRY_FILE.fullmatch(key)
            if match and not match["file"].startswith(CLAIMED):
                execution = found.setdefault((match["node"], int(match["index"])), {})
                execution.setdefault(int(match["attempt"]), set()).add(match["file"])
        return {execution: dict(sorted(found[execution].items())) for execution in sorted(found)}

    def _manifest(self, key: str) -> Manifest:
        try:
            return manifests_.from_json(self.read_json(key), self.root, self.uri(key))
        except FileNotFoundError:
            raise NoManifestError(f"manifest {self.uri(key)} does not exist") from None
        except ValueError as error:
            raise StoreError(str(error)) from error


def _json(document: object) -> bytes:
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "replace")
