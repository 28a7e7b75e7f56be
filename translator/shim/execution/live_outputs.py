"""Publish the outputs that a command makes read-only while it runs (Valohai's live outputs).

A thread looks at the outputs directory about once a second, whenever the engine is asked whether to stop. So short
commands never have one, and nobody looks when the command has ended and its runner changes files. A file that became
read-only is taken out of the directory, as on Valohai, so that the command can write the next one with the same name,
and is published at once: a worker that is killed later does not lose it. Failed uploads are repeated, at the latest
when the command has ended.

Some read-only files stay until the end: links, files with several hard links, sidecar files, files that a process still
has open for writing, and copies of inputs. The latter are read-only only because here inputs are, and ``cp`` keeps
permissions.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import deque
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.shim.catalogue.properties import is_sidecar
from translator.shim.errors import TranslatorError
from translator.shim.files import digest
from translator.shim.files.paths import PathError, directories_of, relative
from translator.shim.files.sizes import size
from translator.shim.store import StoreError, uploads
from translator.shim.workspace import read_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from translator.shim.contract import ExecutionId, FileRecord
    from translator.shim.store import Store
    from translator.shim.workspace.read_only import ReadOnlyFile

EVERY = 1.0
"""The seconds between two looks at the outputs directory."""
_FRESH = 1.5
"""The seconds after a question whether to stop in which the command probably still runs."""
_SHARE = 20
"""The number of times that a pause is longer than the look, or than writing the list, before it."""
_FIRST_RETRY, _LAST_RETRY = 10.0, 300.0
_ENDING = 0.1
_NOTED = 10
"""The number of files that the log names after one look."""


class ConflictError(TranslatorError):
    """An output that cannot be in the same store as another: one of them would be a directory and a file."""


class _Ended(BaseException):
    """The end of an execution that does not wait for the upload; it is not an ``Exception``, which stores catch."""


@dataclass(slots=True)
class _Taken:
    """A file that was taken out of the outputs directory: its path there, and its place until it is published."""

    path: str
    file: Path


@dataclass(slots=True)
class LiveOutputs:
    """The outputs of an execution that are published while its command runs.

    Args:
        store: where they are published.
        identity: the attempt.
        outputs: the outputs directory on this worker.
        aside: a directory that does not exist yet, on the same file system and not seen by the command.
        inputs: the files that were staged.
        described: returns the record of a file with its secrets masked.
    """

    store: Store
    identity: ExecutionId
    outputs: Path
    aside: Path
    inputs: Mapping[str, Iterable[FileRecord]]
    described: Callable[[FileRecord], FileRecord]
    records: dict[str, FileRecord] = field(default_factory=dict)
    """What is published, by path."""
    _waiting: deque[_Taken] = field(default_factory=deque)
    _open: dict[str, tuple[Path, str]] = field(default_factory=dict)
    _messages: deque[str] = field(default_factory=deque)
    _stamps: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, str] = field(default_factory=dict)
    _files: set[str] = field(default_factory=set)
    """The paths of all that was taken."""
    _folders: set[str] = field(default_factory=set)
    """The directories that these files were in."""
    _count: int = 0
    _refusals: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _due: threading.Event = field(default_factory=threading.Event)
    _tended: float = 0.0
    _abandoned: bool = False
    _thread: threading.Thread | None = None
    _retry_at: float = 0.0
    _failures: int = 0
    _list_at: float = 0.0
    _listed: int = 0
    _changes: int = 0

    @property
    def paths(self) -> list[str]:
        """Return the paths of the files that were taken out of the outputs directory, published or not."""
        return [*self.records, *(taken.path for taken in self._waiting if taken.path not in self.records)]

    def tend(self, note: Callable[[str], None]) -> None:
        """Look from now on, and pass on what has happened; called now and then by the thread of the execution."""
        if self._thread is None:
            self.store = copy(self.store)
            self.store.pulse = self._pulse
            self._thread = threading.Thread(target=self._watch, name="live-outputs", daemon=True)
            self._thread.start()
        self._tended = time.monotonic()
        self._due.set()
        self._tell(note)

    def end(self, pulse: Callable[[], None], note: Callable[[str], None]) -> None:
        """Look no more, and wait until the upload of the moment has ended.

        Raises:
            BaseException: what ``pulse`` raises, called a few times a second.
        """
        self._ended.set()
        self._due.set()
        while self._thread is not None:
            self._thread.join(_ENDING)
            if not self._thread.is_alive():
                break
            pulse()
        self._tell(note)

    def abandon(self) -> None:
        """Look no more, and give up the upload of the moment."""
        self._abandoned = True
        self._ended.set()
        self._due.set()

    def publish_rest(self, paths: Iterable[str], pulse: Callable[[], None]) -> list[FileRecord]:
        """Publish what is left when the command has ended.

        Args:
            paths: the regular files in the outputs directory, relative to it.
            pulse: called between blocks; an exception ends the work.

        Returns:
            All outputs by path. Those that were published before are in ``records``, whatever happens.

        Raises:
            StoreError: a file cannot be read or the store cannot be written; then only ``records`` are in the store.
            ConflictError: a file has the path of a directory in which another one is.
        """
        rest = list(paths)
        published: dict[str, FileRecord] = {}
        try:
            self._finish_taken(set(rest), pulse)
            self._check(rest)
            for path in rest:
                record = self._published(path, pulse)
                (self.records if path in self.records else published)[path] = record
        except BaseException:
            with suppress(StoreError):
                for record in published.values():
                    self.store.remove(self.store.key(record.uri))
            raise
        return sorted([*self.records.values(), *published.values()], key=lambda record: record.path)

    def _finish_taken(self, rest: set[str], pulse: Callable[[], None]) -> None:
        """Publish what could not be published before, and again what was written to meanwhile."""
        while self._waiting:
            taken = self._waiting[0]
            if taken.path not in rest and taken.file.exists():
                self.records[taken.path] = self.store.upload(self.identity, taken.file, taken.path, pulse)
            self._waiting.popleft()
        for path, (file, stamp) in self._open.items():
            if digest.stamp(file.stat()) != stamp:
                self.records[path] = self.store.upload(self.identity, file, path, pulse)
        for path, record in self.records.items():
            self.records[path] = self.store.current(record, pulse)

    def _check(self, paths: Iterable[str]) -> None:
        for path in paths:
            if (other := self._conflict(path)) is not None:
                raise ConflictError(
                    f"the output {path!r} cannot be published beside {other!r}, which was published while the command "
                    "ran: a path is either a file or a directory"
                )

    def _published(self, path: str, pulse: Callable[[], None]) -> FileRecord:
        """Publish a file, unless the store has it already."""
        file, earlier = self.outputs / path, self.records.get(path)
        if (
            earlier is not None
            and file.stat().st_size == earlier.size
            and digest.of_file(file, pulse) == earlier.sha256
        ):
            return earlier
        return self.store.upload(self.identity, file, path, pulse)

    def _watch(self) -> None:
        next_look = 0.0
        while self._due.wait() and not self._ended.is_set():
            self._due.clear()
            began = time.monotonic()
            if began < next_look:
                continue
            try:
                spent = self._look()
            except _Ended:
                return
            except Exception as error:  # noqa: BLE001 - files are published at the end, whatever this is
                self._messages.append(f"warning: cannot look for read-only outputs: {type(error).__name__}: {error}")
                return
            # Not the whole second, else every other question would come too early.
            next_look = began + max(EVERY / 2, _SHARE * (time.monotonic() - began - spent))

    def _look(self) -> float:
        """Publish the read-only files; return the seconds that this took besides looking."""
        stamps: dict[str, str] = {}
        for file in self._candidates():
            if self._ended.is_set() or time.monotonic() > self._tended + _FRESH:
                break
            stamps[file.path] = file.stamp
            try:
                self._take(file)
            except FileNotFoundError:
                continue  # the command has removed or replaced it
            except OSError as error:
                self._keep(file, error.strerror or str(error))
        self._stamps = stamps
        spent = self._upload()
        return spent + self._list()

    def _candidates(self) -> Iterator[ReadOnlyFile]:
        for file in read_only.find(self.outputs, self._ended.is_set):
            if is_sidecar(file.path) or self._kept.get(file.path) == file.stamp:
                continue
            try:
                relative(file.path)
            except PathError:
                continue  # said at the end
            yield file

    def _take(self, file: ReadOnlyFile) -> None:
        """Take a file out of the outputs directory, if it is complete."""
        if self._conflict(file.path) is not None:
            self._kept[file.path] = file.stamp  # said at the end
            return
        written = file.is_written()
        if written or (written is None and self._stamps.get(file.path) != file.stamp):
            return
        if self._is_of_input(file):
            self._kept[file.path] = file.stamp
            return
        if not self.aside.exists():
            self.aside.mkdir(mode=stat.S_IRWXU)
        target = self.aside / str(self._count)
        self._count += 1
        if file.take(target):
            self._waiting.append(_Taken(file.path, target))
            self._files.add(file.path)
            self._folders.update(directories_of(file.path))

    def _keep(self, found: ReadOnlyFile, reason: str) -> None:
        """Leave a file until the end, and say why."""
        self._kept[found.path] = found.stamp
        self._refusals += 1
        if self._refusals <= _NOTED:
            self._messages.append(f"{found.path!r} cannot be uploaded before the command ends: {reason}")

    def _is_of_input(self, found: ReadOnlyFile) -> bool:
        alike = {file.sha256 for files in self.inputs.values() for file in files if file.size == found.status.st_size}
        return bool(alike) and found.sha256(self._pulse) in alike

    def _upload(self) -> float:
        """Publish what was taken, in this order; return the seconds that it took."""
        began = time.monotonic()
        count = 0
        while self._waiting and time.monotonic() >= self._retry_at and not self._ended.is_set():
            taken = self._waiting[0]
            if taken.file.exists():
                try:
                    record = self.store.upload(self.identity, taken.file, taken.path, self._pulse)
                except StoreError as error:
                    self._retry_later(taken, error)
                    break
                self._failures = 0
                count += 1
                if count <= _NOTED:
                    self._messages.append(_uploaded(record, replaces=taken.path in self.records))
                self.records[taken.path] = record
                self._changes += 1
                self._release(taken)
                self._list()
            self._waiting.popleft()
        if count > _NOTED:
            self._messages.append(f"uploaded {count - _NOTED} more files")
        return time.monotonic() - began

    def _retry_later(self, taken: _Taken, error: StoreError) -> None:
        pause = min(_FIRST_RETRY * 2**self._failures, _LAST_RETRY)
        self._messages.append(f"warning: {taken.path!r} is not uploaded: {error}; trying again in {pause:g} s")
        self._retry_at = time.monotonic() + pause
        self._failures += 1

    def _release(self, taken: _Taken) -> None:
        """Remove a file that is published, unless a process may still write to it."""
        if (earlier := self._open.pop(taken.path, None)) is not None:
            earlier[0].unlink(missing_ok=True)
        try:
            file = os.open(taken.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # it was moved into the store
        try:
            if read_only.is_written(file) is False:
                taken.file.unlink()
            else:
                self._open[taken.path] = taken.file, digest.stamp(os.fstat(file))
        finally:
            os.close(file)

    def _list(self) -> float:
        """Write the list of what is published, not too often; return the seconds that it took."""
        began = time.monotonic()
        if self._changes == self._listed or began < self._list_at:
            return 0.0
        changes = self._changes
        try:
            uploads.write(self.store, self.identity, [self.described(record) for record in self.records.values()])
            self._listed = changes
        except StoreError as error:
            self._messages.append(f"warning: the list of uploaded outputs cannot be written: {error}")
            self._list_at = time.monotonic() + _LAST_RETRY
            return time.monotonic() - began
        spent = time.monotonic() - began
        self._list_at = began + _SHARE * spent
        return spent

    def _conflict(self, path: str) -> str | None:
        """Return the file taken before that is a directory for this one, or that has this one for a directory."""
        if path in self._folders:
            return next(other for other in self._files if other.startswith(f"{path}/"))
        return next((above for above in directories_of(path) if above in self._files), None)

    def _pulse(self) -> None:
        if self._abandoned:
            raise _Ended

    def _tell(self, note: Callable[[str], None]) -> None:
        while self._messages:
            note(self._messages.popleft())


def _uploaded(record: FileRecord, *, replaces: bool) -> str:
    again = " again; it replaces the one before" if replaces else ""
    return f"uploaded {record.path!r} ({size(record.size)}){again}: {record.uri}"
