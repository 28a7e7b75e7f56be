"""Keep artifacts in a directory: publishing moves files and staging links them, so only digests cost time.

What is published becomes read-only (0444). Only manifests of outputs are synced to the disk: after a power cut an
artifact that did not get there fails its digest, it does not look whole.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, unquote

from translator.shim.contract import FileRecord
from translator.shim.files import digest
from translator.shim.files.digest import READ_ONLY
from translator.shim.files.paths import PathError, file_uri, relative
from translator.shim.store.base import DOCUMENT_LIMIT, Store, StoreError
from translator.shim.store.keys import LOG, OUTPUTS, attempts, key_of, segment, try_key
from translator.shim.store.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from translator.shim.contract import ExecutionId

SCRATCH = ".work"


class FileStore(Store):
    """A store in a directory; see ``translator.shim.store.Store``."""

    def __init__(self, uri: str) -> None:
        """Open the store in a directory that need not exist yet; ``uri`` is a path or a ``file://`` URI."""
        path = unquote(uri.removeprefix("file://").removeprefix("localhost")) if uri.startswith("file://") else uri
        if not path or "\x00" in path:
            raise StoreError(f"the store {uri!r} does not name a directory")
        self.folder = Path(path).expanduser().absolute()
        self.root = file_uri(self.folder).rstrip("/")

    @cached_property
    def _real_folder(self) -> Path:
        """The directory without links, which each file that is read must be in."""
        return self.folder.resolve()

    def uri(self, key: str) -> str:
        """See ``Store.uri``."""
        try:
            return f"{self.root}/{quote(key)}"
        except UnicodeEncodeError:
            raise StoreError(f"{key!r} is not in the store: it is not valid UTF-8") from None

    def key(self, uri: str) -> str:
        """See ``Store.key``."""
        try:
            return relative(unquote(uri[len(self.root) + 1 :]))
        except PathError as error:
            raise StoreError(f"{uri} is not in the store: {error}") from error

    def scratch(self) -> Path | None:
        """See ``Store.scratch``."""
        return self.folder / SCRATCH

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        path = self.folder / key
        try:
            # Do not wait for the other end of a pipe, if it is one.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise StoreError(f"{path} cannot be read: it is {digest.kind(status.st_mode)}, not a file")
                if status.st_size > DOCUMENT_LIMIT:
                    raise StoreError(
                        f"{path} cannot be read: it has {status.st_size} bytes, more than {DOCUMENT_LIMIT}"
                    )
                return file.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:  # a NUL, or not valid Unicode
            raise StoreError(f"{str(path)!r} cannot be read: {error}") from None

    def open(self, key: str) -> BinaryIO:
        """See ``Store.open``."""
        path = self.folder / key
        try:
            if not path.resolve().is_relative_to(self._real_folder):
                raise FileNotFoundError(path)
        except ValueError as error:
            raise StoreError(f"{str(path)!r} cannot be read: {error}") from None
        try:
            # Neither block at a pipe nor follow a link.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            file = os.fdopen(descriptor, "rb")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return file
        file.close()
        raise FileNotFoundError(path)

    def write(self, key: str, content: bytes, *, lasting: bool = True) -> None:
        """See ``Store.write``."""
        target = self.folder / key
        beside = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
        with self._writing():
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("xb", buffering=0) as file:
                    rest = memoryview(content)
                    while rest:
                        rest = rest[file.write(rest) :]
                    if lasting:
                        _sync(file.fileno())
                beside.replace(target)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise

    def create(self, key: str, content: bytes) -> bytes | None:
        """See ``Store.create``."""
        target = self.folder / key
        try:
            return self.read(key)
        except FileNotFoundError:
            pass
        beside = f"{key}.{os.urandom(4).hex()}"
        self.write(beside, content)
        with self._writing():
            try:
                os.link(self.folder / beside, target)
            except FileExistsError:
                return self.read(key)
            except OSError as error:
                if error.errno not in {errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}:
                    raise
                with target.open("xb") as file:  # a file system without hard links
                    file.write(content)
            finally:
                (self.folder / beside).unlink(missing_ok=True)
        return None

    def remove(self, key: str) -> None:
        """See ``Store.remove``."""
        with self._writing():
            (self.folder / key).unlink(missing_ok=True)

    def claim(self, identity: ExecutionId) -> ExecutionId:
        """See ``Store.claim``."""
        folder = self.folder / key_of(identity.pipeline, identity.run, identity.node, identity.index)
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            taken = attempts(directory.name for directory in _folders(folder))
            attempt = max([identity.attempt, *(number + 1 for number in taken)])
            while True:
                try:
                    (folder / f"try-{attempt}").mkdir()
                    return replace(identity, attempt=attempt)
                except FileExistsError:
                    attempt += 1

    def publish(
        self, identity: ExecutionId, folder: Path, paths: Sequence[str], pulse: Callable[[], None] = digest.no_pulse
    ) -> list[FileRecord]:
        """See ``Store.publish``."""
        try:
            with self._writing():
                target = self.folder / try_key(identity, OUTPUTS)
                if folder.stat().st_dev == target.parent.stat().st_dev:
                    records = [self._seal(identity, folder, path, pulse) for path in paths]
                    folder.rename(target)
                    return records
                key = try_key(identity, OUTPUTS)
                return [self._copy(folder / path, f"{key}/{path}", path, pulse) for path in paths]
        except BaseException:
            self.discard(identity)
            raise

    def upload(
        self, identity: ExecutionId, source: Path, path: str, pulse: Callable[[], None] = digest.no_pulse
    ) -> FileRecord:
        """See ``Store.upload``."""
        key = f"{try_key(identity, OUTPUTS)}/{path}"
        target = self.folder / key
        with self._writing():
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.stat().st_dev == target.parent.stat().st_dev:
                _make_read_only(source)
                source.replace(target)  # first, because computing the digest takes time
                return self._sealed(key, path, pulse)
            beside = self.folder / try_key(identity, f".{os.urandom(6).hex()}")
            try:
                _, sha256 = digest.copy_file(source, beside, pulse)
                beside.chmod(READ_ONLY)
                beside.replace(target)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            return self._record(key, path, target.stat(), sha256)

    def current(self, record: FileRecord, pulse: Callable[[], None] = digest.no_pulse) -> FileRecord:
        """See ``Store.current``."""
        key = self.key(record.uri)
        with self._writing():
            if digest.stamp(digest.regular(self.folder / key, follow=False)) == record.stamp:
                return record
            return self._sealed(key, record.path, pulse)

    def put(self, source: Path, key: str, pulse: Callable[[], None] = digest.no_pulse) -> FileRecord:
        """See ``Store.put``."""
        # Whoever finds the file takes it for whole.
        beside = f"{key}.{os.urandom(4).hex()}"
        with self._writing():
            try:
                record = self._copy(source, beside, source.name, pulse)
                (self.folder / beside).replace(self.folder / key)
            finally:
                (self.folder / beside).unlink(missing_ok=True)
        return replace(record, uri=self.uri(key))

    def log(self, identity: ExecutionId) -> Log:
        """See ``Store.log``."""
        path = self.folder / try_key(identity, LOG)
        try:
            return Log(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except OSError as error:
            return Log(None, failure=error.strerror or str(error))

    def discard(self, identity: ExecutionId) -> None:
        """See ``Store.discard``."""
        shutil.rmtree(self.folder / try_key(identity, OUTPUTS), ignore_errors=True)

    def bring(self, record: FileRecord, target: Path, pulse: Callable[[], None] = digest.no_pulse) -> None:
        """See ``Store.bring``."""
        source = self.folder / self.key(record.uri)
        try:
            digest.regular(source, follow=False)
            if not source.parent.resolve().is_relative_to(self._real_folder):
                raise StoreError(f"the artifact {source} is outside the store, through a link")
            try:
                os.link(source, target)
            except OSError as error:
                if error.errno not in {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP}:
                    raise
                _, sha256 = digest.copy_file(source, target, pulse)
                target.chmod(READ_ONLY)
            else:
                unchanged = digest.stamp(digest.regular(target, follow=False)) == record.stamp
                sha256 = record.sha256 if unchanged else digest.of_file(target, pulse)
        except FileNotFoundError:
            raise StoreError(f"the artifact {source} is missing from the store") from None
        except OSError as error:
            raise StoreError(f"the artifact {source} cannot be staged as {target}: {error.strerror}") from error
        if sha256 != record.sha256:
            raise StoreError(
                f"the artifact {source} has changed since it was published: "
                f"its SHA-256 is {sha256}, not {record.sha256}"
            )

    def is_unchanged(self, record: FileRecord, pulse: Callable[[], None] = digest.no_pulse) -> bool:
        """See ``Store.is_unchanged``; here, that is known for sure."""
        try:
            with self.open(self.key(record.uri)) as opened:
                status = os.fstat(opened.fileno())
            if status.st_size != record.size:
                return False
            return digest.stamp(status) == record.stamp or (
                digest.of_file(self.folder / self.key(record.uri), pulse) == record.sha256
            )
        except (StoreError, OSError, ValueError):
            return False

    def intact(self, record: FileRecord) -> bool:
        """See ``Store.intact``."""
        try:
            stamp = digest.stamp((self.folder / self.key(record.uri)).stat())
        except OSError:
            return True
        # Another inode: the file was staged as a copy.
        return stamp == record.stamp or stamp.partition(":")[0] != record.stamp.partition(":")[0]

    def keys(self, pipeline: str, run: str, node: str | None = None) -> list[str]:
        """See ``Store.keys``."""
        base = self.folder / key_of(pipeline, run)
        try:
            return self._keys([base / segment(node)] if node is not None else _folders(base))
        except OSError as error:
            raise StoreError(f"the store {self.folder} cannot be listed: {error.strerror}") from error

    def names(self, key: str = "") -> list[str]:
        """See ``Store.names``."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder / key))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"the store {self.folder} cannot be listed: {error.strerror}") from error
        except ValueError as error:
            raise StoreError(f"{key!r} cannot be listed: {error}") from None

    def _keys(self, nodes: Sequence[Path]) -> list[str]:
        return [
            f"{of_node.name}/{of_index.name}/{of_try.name}/{file.name}"
            for of_node in nodes
            for of_index in _folders(of_node)
            for of_try in _folders(of_index)
            for file in os.scandir(of_try)
            if not file.is_dir(follow_symlinks=False)
        ]

    def _seal(self, identity: ExecutionId, folder: Path, path: str, pulse: Callable[[], None]) -> FileRecord:
        file = folder / path
        file.chmod(READ_ONLY)
        status = file.stat()
        sha256 = digest.of_file(file, pulse)
        return self._record(f"{try_key(identity, OUTPUTS)}/{path}", path, status, sha256)

    def _sealed(self, key: str, path: str, pulse: Callable[[], None]) -> FileRecord:
        """Return the record of a file that is in the store already."""
        status = (self.folder / key).stat()
        return self._record(key, path, status, digest.of_file(self.folder / key, pulse))

    def _copy(self, source: Path, key: str, path: str, pulse: Callable[[], None]) -> FileRecord:
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        _, sha256 = digest.copy_file(source, target, pulse)
        target.chmod(READ_ONLY)
        return self._record(key, path, target.stat(), sha256)

    def _record(self, key: str, path: str, status: os.stat_result, sha256: str) -> FileRecord:
        return FileRecord(path, status.st_size, sha256, self.uri(key), digest.stamp(status))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"the store {self.folder} cannot be written: {error.strerror or error}") from error


def _make_read_only(file: Path) -> None:
    """Make a file read-only; that of another user, such as a container's, may stay as it is if it is."""
    mode = stat.S_IMODE(file.stat().st_mode)
    try:
        file.chmod(READ_ONLY)
    except PermissionError:
        if mode & ~READ_ONLY:
            raise


_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
