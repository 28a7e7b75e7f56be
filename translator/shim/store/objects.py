"""Keep artifacts at any URI of fsspec, and check digests when they are downloaded."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit, urlunsplit

from translator.shim.contract import FileRecord
from translator.shim.files import abandon
from translator.shim.files.digest import READ_ONLY, no_pulse
from translator.shim.files.object_stores import fsspec_uri, missing_package
from translator.shim.files.paths import PathError, relative
from translator.shim.json_values import thawed
from translator.shim.masking.uris import flaw, redact_quoted
from translator.shim.store import multipart, transfer
from translator.shim.store.base import HURRY, Store, StoreError
from translator.shim.store.keys import CLAIMED, LOG, OUTPUTS, attempts, key_of, try_key
from translator.shim.store.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId

SILENT = 3.0
"""The seconds that a store may take for its first answer."""
S3_TIMEOUTS = MappingProxyType({"connect_timeout": 20, "read_timeout": 60})
"""The seconds that a client of S3 waits for a connection, and for an answer.

With those of s3fs (5 and 15), an artifact was lost on a machine that was only busy.
"""
_ROUNDS = 20
_PAUSE = 0.1
_SETTLED, _GIVEN_UP = 20, 200
"""Pauses."""


class ObjectStore(Store):
    """A store in an object store such as S3; see ``translator.shim.store.Store``.

    The file system's own library reads its options (credentials, end points), for example from ``AWS_ENDPOINT_URL``
    or fsspec's configuration files.
    """

    def __init__(self, uri: str, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Open the store at ``uri``, with options of its file system."""
        if (problem := flaw(uri)) is not None:
            raise StoreError(problem)
        self.root = without_password(uri).rstrip("/")
        self._uri = uri
        self._silent = False
        if (missing := missing_package(uri)) is not None:
            package, install = missing
            raise StoreError(f"the store {self.root} needs the package {package}, which is missing here; {install}")
        try:
            self._fs, base = abandon.run(lambda: file_system(uri, options), abandon.limited(no_pulse, self.patience))
        except Exception as error:  # noqa: BLE001 - each file system has its own exceptions
            raise StoreError(f"the store {self.root} cannot be opened: {redact_quoted(str(error), uri)}") from None
        self._base = base.rstrip("/")

    def uri(self, key: str) -> str:
        """See ``Store.uri``."""
        return f"{self.root}/{key}"

    def key(self, uri: str) -> str:
        """See ``Store.key``."""
        try:
            return relative(uri[len(self.root) + 1 :])
        except PathError as error:
            raise StoreError(f"{uri} is not in the store: {error}") from error

    def scratch(self) -> Path | None:
        """See ``Store.scratch``."""
        return None

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        with self._doing("read", missing=True):
            content: bytes = self._call(lambda: self._fs.cat_file(self._path(key)))
            return content

    def open(self, key: str) -> BinaryIO:
        """See ``Store.open``."""
        with self._doing("read", missing=True):
            file: BinaryIO = self._fs.open(self._path(key), "rb")
            return file

    def write(self, key: str, content: bytes, *, lasting: bool = True) -> None:  # noqa: ARG002 - object stores always persist
        """See ``Store.write``."""
        with self._doing("written"):
            self._call(lambda: self._fs.pipe_file(self._path(key), content))

    def create(self, key: str, content: bytes) -> bytes | None:
        """See ``Store.create``.

        This needs no conditional writes. Each writer leaves a mark, and writes at once if there are no other marks.
        Of several writers, the one with the first mark in order writes, after the others had time to see the marks.
        If it does not, because it has ended, another writer does.
        """
        folder, _, name = key.rpartition("/")
        own = f"{name}.{hashlib.sha256(content).hexdigest()[:16]}"
        waited = 0
        while True:
            with suppress(FileNotFoundError):
                there = self.read(key)
                return None if waited and there == content else there
            if not waited:
                self.write(f"{folder}/{own}", content)
            marks = sorted(mark for mark in self.names(folder) if mark.startswith(f"{name}."))
            if marks == [own] or waited >= (_SETTLED if marks[0] == own else _GIVEN_UP):
                self.write(key, content)
            else:
                time.sleep(_PAUSE)
            waited += 1

    def remove(self, key: str) -> None:
        """See ``Store.remove``."""
        folder, _, name = key.rpartition("/")
        marks = [mark for mark in self.names(folder) if mark.startswith(f"{name}.")]  # which ``create`` left
        for path in (key, *(f"{folder}/{mark}" for mark in marks)):
            with self._doing("written", missing=True), suppress(FileNotFoundError):
                self._call(partial(self._fs.rm_file, self._path(path)))

    def claim(self, identity: ExecutionId) -> ExecutionId:
        """See ``Store.claim``.

        Many stores, and many servers that speak S3, have no conditional writes. So each worker writes a claim with a
        unique name and then lists all claims. Of two concurrent workers at least one sees the other, and a worker
        that sees another takes another number. This needs listings that show recent writes, which all big stores
        have.
        """
        token = os.urandom(8).hex()
        for others in range(_ROUNDS):
            execution = key_of(identity.pipeline, identity.run, identity.node, identity.index)
            taken = attempts(self.names(execution))
            # Workers that saw each other must not collide again.
            attempt = max([identity.attempt, *(number + 1 for number in taken)]) + secrets.randbelow(1 + 4 * others)
            claimed = replace(identity, attempt=attempt)
            own = f"{CLAIMED}{token}"
            self.write(try_key(claimed, own), b"claimed\n")
            # Some stores include a directory in its own listing.
            if not set(self.names(try_key(claimed))) - {own, f"try-{attempt}"}:
                return claimed
            with suppress(Exception):
                self._call(partial(self._fs.rm_file, self._path(try_key(claimed, own))))
        raise StoreError(f"the store {self.root} cannot be written: other workers claimed {_ROUNDS} attempts in a row")

    def names(self, key: str = "") -> list[str]:
        """See ``Store.names``."""
        paths: list[Any] = []
        with self._doing("listed", missing=True), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            paths = self._call(lambda: _listed(lambda: self._fs.ls(self._path(key), detail=False)))
        return [str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths]

    def publish(
        self, identity: ExecutionId, folder: Path, paths: Sequence[str], pulse: Callable[[], None] = no_pulse
    ) -> list[FileRecord]:
        """See ``Store.publish``."""
        try:
            key = try_key(identity, OUTPUTS)
            return [self._upload(folder / path, f"{key}/{path}", path, pulse) for path in paths]
        except BaseException:
            self.discard(identity)
            raise

    def upload(
        self, identity: ExecutionId, source: Path, path: str, pulse: Callable[[], None] = no_pulse
    ) -> FileRecord:
        """See ``Store.upload``."""
        return self._upload(source, f"{try_key(identity, OUTPUTS)}/{path}", path, pulse)

    def put(self, source: Path, key: str, pulse: Callable[[], None] = no_pulse) -> FileRecord:
        """See ``Store.put``."""
        return self._upload(source, key, source.name, pulse)

    def bring(self, record: FileRecord, target: Path, pulse: Callable[[], None] = no_pulse) -> None:
        """See ``Store.bring``."""
        key = self.key(record.uri)
        try:
            with self._doing("read", missing=True):
                _, sha256 = transfer.download(lambda: self._opened(record, self._path(key)), target, pulse)
        except FileNotFoundError:
            raise StoreError(f"the artifact {record.uri} is missing from the store") from None
        target.chmod(READ_ONLY)
        if sha256 != record.sha256:
            raise StoreError(
                f"the artifact {record.uri} has changed since it was published: "
                f"its SHA-256 is {sha256}, not {record.sha256}"
            )

    def _opened(self, record: FileRecord, path: str) -> Any:
        """Open a published file to read it once from its beginning to its end."""
        if multipart.is_worth_it(self._fs, record.size):
            return multipart.Parts.opened(self._fs, path)
        return self._fs.open(path, "rb")

    def keys(self, pipeline: str, run: str, node: str | None = None) -> list[str]:
        """See ``Store.keys``."""
        base = key_of(pipeline, run)
        prefix = key_of(pipeline, run, node)
        paths: list[Any] = []
        with self._doing("listed", missing=True), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            paths = self._call(lambda: _listed(lambda: self._fs.find(self._path(prefix))))
        start = len(self._path(base)) + 1
        return [key for path in paths if f"/{OUTPUTS}/" not in (key := str(path)[start:])]

    def _upload(self, source: Path, key: str, path: str, pulse: Callable[[], None]) -> FileRecord:
        try:
            with source.open("rb") as file:
                length = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise StoreError(f"the output {path!r} cannot be read: {error.strerror}") from error
        # Write block by block, because put_file cannot be stopped.
        with self._doing("written"):
            if multipart.is_worth_it(self._fs, length):
                size, sha256 = transfer.upload_in_parts(source, self._fs, self._path(key), pulse)
                return FileRecord(path, size, sha256, self.uri(key))
            size, sha256 = transfer.upload(source, lambda: self._fs.open(self._path(key), "wb"), pulse)
        return FileRecord(path, size, sha256, self.uri(key))

    def log(self, identity: ExecutionId) -> Log:
        """See ``Store.log``."""
        import tempfile

        path = self._path(try_key(identity, LOG))
        try:
            with tempfile.TemporaryFile() as file:
                return Log(os.dup(file.fileno()), lambda content: self._fs.pipe_file(path, content))
        except OSError as error:
            return Log(None, failure=error.strerror or str(error))

    def discard(self, identity: ExecutionId) -> None:
        """See ``Store.discard``."""
        try:
            path = self._path(try_key(identity, OUTPUTS))
            # Do this even if the execution must stop.
            abandon.run(lambda: self._fs.rm(path, recursive=True), abandon.limited(no_pulse, HURRY))
        except Exception:  # noqa: BLE001 - files that cannot be removed have no manifest, so they do not count
            return

    def _call(self, work: Callable[[], Any]) -> Any:
        """Call the file system, as long as the execution may continue and at most for ``patience``."""
        try:
            return abandon.run(
                work, abandon.limited(self.pulse, SILENT if self._silent else self.patience), name="store"
            )
        except TimeoutError:
            self._silent = True
            raise

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}".rstrip("/")

    @contextmanager
    def _doing(self, what: str, *, missing: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if missing:
                raise
            raise StoreError(
                f"the store {self.root} cannot be {what}: {redact_quoted(str(error), self._uri)}"
            ) from None
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - each file system has its own exceptions
            reason = redact_quoted(str(error), self._uri) or type(error).__name__
            raise StoreError(f"the store {self.root} cannot be {what}: {reason}") from None


def _listed(listing: Callable[[], Any]) -> list[Any]:
    """Return a listing; fsspec's memory file system fails if a file disappears meanwhile."""
    for _ in range(_ROUNDS):
        with suppress(KeyError, RuntimeError):
            return list(listing())
    return list(listing())


def file_system(uri: str, options: Mapping[str, Any] = MappingProxyType({})) -> tuple[Any, str]:
    """Return the fsspec file system of ``uri``, without listing caches, and the path in it.

    Args:
        uri: the address.
        options: of the file system; what they do not say, it reads from its environment.

    Raises:
        ImportError: the library for this kind of URI is not installed.
        ValueError: fsspec does not know this kind of URI.
    """
    import fsspec.core  # type: ignore[import-untyped]  # it has no type hints

    # Other machines write to the same store, so a cached listing may be wrong.
    system, path = fsspec.core.url_to_fs(fsspec_uri(uri), **{**thawed(options), "use_listings_cache": False})
    for name, seconds in S3_TIMEOUTS.items():
        if hasattr(system, name):  # what the options or fsspec's configuration say (``config_kwargs``) is stronger
            setattr(system, name, seconds)
    return system, str(path)


def without_password(uri: str) -> str:
    """Return ``uri`` without a user's password, safe to write down."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))
