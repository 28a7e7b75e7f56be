"""Stage and publish the files of a pod, and keep what its command prints: the programs of our own containers.

``prepare`` is the first process of the init container: it waits until a worker has staged the files. ``watch`` is that
of the container beside the command: it copies the output, for ``kubectl logs`` and to files, so that a worker that lost
its connection can read on from where it was. Workers talk to ``attend``, which they start in either of the two with the
exec request of the Kubernetes API. If no worker does for some time, the pod ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import stat
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from translator.shim.catalogue.properties import is_sidecar
from translator.shim.code import archive as code_archive
from translator.shim.contract import ExecutionId, StoreAddress
from translator.shim.errors import TranslatorError
from translator.shim.files import digest
from translator.shim.files.paths import relative
from translator.shim.runners.kubernetes import archive, direct, frames
from translator.shim.store import open_store
from translator.shim.workspace import outputs as outputs_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator.shim.store import Store

CONTROL = Path("/translator/control")
"""What the containers tell each other, in memory; a hostile command can change it."""
FILES = Path("/translator/files")
"""The files of the execution: ``root``, its workspace, and ``log``; beside them, notes that the command cannot see."""
STREAMS = ("output", "errors")

_PIPES = (*STREAMS, "orders", "release", "ticks")
_LOOK_EVERY = 0.1
_TICK = 0.1
_LATER_LOOK = 1.0
_PULSE_EVERY = 2.0
_SILENCE = 60.0
"""The seconds without a sign of life after which a worker counts as gone; it answers the pulses that it gets."""
_GRACE = 3.0
_BLOCK = 1 << 16
_LONGEST = 2000
_CHANGES = frozenset({"receive", "fetch", "unpack", "collect", "publish"})
"""The requests that change files, or read them for long."""


def main(arguments: list[str]) -> int:
    """Run one of the programs; return its exit status."""
    match arguments:
        case ["prepare", seconds]:
            return prepare(float(seconds))
        case ["watch", seconds]:
            return watch(float(seconds))
        case ["attend"]:
            with contextlib.suppress(BrokenPipeError):
                Attendance(sys.stdin.fileno(), sys.stdout.fileno()).run()
            return 0
        case _:
            print("expected prepare SECONDS, watch SECONDS or attend", file=sys.stderr)  # noqa: T201 - a program
            return 2


def prepare(lost_after: float) -> int:
    """Make what the containers share, and wait until a worker has staged the files."""
    os.umask(0)
    for folder in (FILES / "root", FILES / "log"):
        folder.mkdir(exist_ok=True)
    for name in _PIPES:
        if not (CONTROL / name).exists():
            os.mkfifo(CONTROL / name, 0o666)
    if CONTROL.stat().st_uid == os.geteuid():  # that of a user other than root already is for all
        CONTROL.chmod(0o777)
    presence = Presence(lost_after)
    ending = _ending()
    while not (FILES / "staged").exists():
        if ending.is_set():
            return 1
        if presence.is_lost():
            print(_complaint(lost_after), file=sys.stderr)  # noqa: T201 - as above
            return 1
        ending.wait(_LOOK_EVERY)
    return 0


def watch(lost_after: float) -> int:
    """Keep what the command prints, and end it if no worker has been there for some time."""
    presence = Presence(lost_after)
    threads = [threading.Thread(target=_keep, args=(name,), daemon=True) for name in STREAMS]
    for thread in threads:
        thread.start()
    threading.Thread(target=_tick, daemon=True).start()
    ending = _ending()
    while not presence.is_lost():
        if not (FILES / "drained").exists() and not any(thread.is_alive() for thread in threads):
            (FILES / "drained").touch()
        if ending.is_set() and (FILES / "drained").exists() and (CONTROL / "status").exists():
            if not (FILES / "released").exists():
                _tell("release", "deleted")
            return 0
        time.sleep(_LOOK_EVERY)
    print(_complaint(lost_after), file=sys.stderr, flush=True)  # noqa: T201 - as above
    for order in ("TERM", "KILL"):
        _tell("orders", order)
        deadline = time.monotonic() + _GRACE
        while not (CONTROL / "status").exists() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
    _tell("release", "lost")
    return 1


def _ending() -> threading.Event:
    """Return what tells that the pod is being deleted."""
    event = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: event.set())
    return event


def _complaint(seconds: float) -> str:
    return f"no worker was connected to this pod for {seconds:g} s"


def _note_worker() -> None:
    """Note that a worker is there."""
    (FILES / "seen").touch()


@dataclass(slots=True)
class Presence:
    """A look at whether a worker is there; it begins as if one were.

    Times of files only tell that they have changed: somebody may set the clock of the node.

    Args:
        patience: the seconds without a worker after which there is none any more.
    """

    patience: float
    _seen: int = -1
    _since: float = 0.0

    def is_lost(self) -> bool:
        """Return whether no worker has been there for some time."""
        try:
            seen = (FILES / "seen").stat().st_mtime_ns
        except FileNotFoundError:
            seen = 0
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now > self._since + self.patience


def _keep(name: str) -> None:
    """Copy a stream of the command to a file, and to this container's own log."""
    shown = sys.stdout.fileno() if name == "output" else sys.stderr.fileno()
    with (
        _opened(name, os.O_RDONLY, stat.S_ISFIFO, wait=True) as pipe,
        (FILES / "log" / name).open("ab", buffering=0) as kept,
    ):
        while part := pipe.read(_BLOCK):
            kept.write(part)
            with contextlib.suppress(OSError):
                _write(shown, part)


def _tell(pipe: str, line: str) -> None:
    """Write a line to a pipe that the command's container reads, if it does."""
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), _opened(pipe, os.O_WRONLY, stat.S_ISFIFO) as file:
            file.write(f"{line}\n".encode())
            return
        time.sleep(_LOOK_EVERY / 2)


def _tick() -> None:
    """Let the wrapper around the command wait for a moment if its image has no ``sleep``: it reads a line."""
    while True:
        time.sleep(_TICK)
        with contextlib.suppress(OSError), _opened("ticks", os.O_WRONLY, stat.S_ISFIFO, wait=True) as file:
            file.write(b"\n")


def _write(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def opened(mode: int, directory: bool) -> int:  # noqa: FBT001 - a callback
    """Return the permissions with which any user of an image can work with a file that its owner can work with."""
    if directory:
        return 0o777
    mode = stat.S_IMODE(mode)
    return mode | 0o444 | (0o222 if mode & stat.S_IWUSR else 0) | (0o111 if mode & stat.S_IXUSR else 0)


@dataclass(slots=True)
class Attendance:
    """A connection with a worker.

    Args:
        requests: the file descriptor from which requests come.
        answers: that to which events, output and archives go.
        read: the bytes of each stream that the worker has; None if it does not follow the command.
    """

    requests: int
    answers: int
    read: dict[str, int] | None = None
    _parser: frames.Parser = field(default_factory=frames.Parser)
    _waiting: list[tuple[bytes, bytes]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    _ended: bool = False
    _drained_at: float | None = None
    _pulse_at: float = 0.0
    _heard_at: float = field(default_factory=time.monotonic)
    _turn: int | None = None

    def run(self) -> None:
        """Serve the worker until it goes."""
        self._event("hello", version=frames.VERSION)
        more = False
        while self._receive(0.0 if more else self._patience()):
            while self._waiting:
                self._handle(*self._waiting.pop(0))
            more = self._follow()
            self._pulse()

    def _patience(self) -> float:
        return _LATER_LOOK if self._ended or self.read is None else _LOOK_EVERY

    def _receive(self, seconds: float) -> bool:
        """Wait for a request for some seconds if none waits; return whether the worker is still there."""
        if not select.select([self.requests], [], [], 0.0 if self._waiting else seconds)[0]:
            # A machine that has lost its power or its network ends no connection.
            return time.monotonic() < self._heard_at + _SILENCE
        part = os.read(self.requests, 1 << 20)
        if part:
            _note_worker()
            self._heard_at = time.monotonic()
            self._waiting += [frame for frame in self._parser.feed(part) if frame[0] != frames.PULSE]
        return bool(part)

    def _handle(self, kind: bytes, content: bytes) -> None:
        if kind != frames.MESSAGE:
            return
        try:
            request = json.loads(content)
            if request["do"] in _CHANGES:
                self._take_turn()
            self._answer_to(request)
        except BrokenPipeError:
            raise
        except (TranslatorError, OSError) as error:
            self._event("problem", text=str(error))
        except Exception as error:  # noqa: BLE001 - the worker gets an answer, whatever happens, or it would ask again
            self._event("problem", text=f"{type(error).__name__}: {error}")

    def _answer_to(self, request: Mapping[str, Any]) -> None:
        match request["do"]:
            case "receive":
                self._unpack()
                self._event("received")
            case "begin":
                (FILES / "staged").touch()
                self._event("begun")
            case "follow":
                self.read = {name: int(request[name]) for name in STREAMS}
            case "release":
                (FILES / "released").touch()
                _tell("release", "done")
            case "signal":
                _tell("orders", str(request["signal"]))
            case "fetch":
                self._fetch(request)
            case "unpack":
                self._unpack_project(request)
            case "collect":
                self._collect(direct=bool(request["direct"]))
            case "publish":
                self._publish(request)

    def _take_turn(self) -> None:
        """Take the right to change the files of the execution, and end the process that has it.

        That one lost its worker, which has connected again. It may not know yet, because it waits for a store.

        Raises:
            BrokenPipeError: the worker does not wait for it any more.
        """
        if self._turn is None:
            self._turn = os.open(FILES / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # The lock of a process that ends is free at once, so this is the number of one that has not ended.
                if (holder := os.pread(self._turn, _LONGEST, 0).strip()).isdigit():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(holder), signal.SIGKILL)
                self._connected()
                time.sleep(_LOOK_EVERY)
            else:
                os.ftruncate(self._turn, 0)
                os.pwrite(self._turn, str(os.getpid()).encode(), 0)
                return

    def _unpack(self) -> None:
        """Unpack the archive that follows, for the command and for the wrapper around it."""

        def part() -> bytes | None:
            while not self._waiting:
                if not self._receive(_LATER_LOOK):
                    raise archive.ArchiveError("the connection ended before the files were transferred")
                self._pulse()
            kind, content = self._waiting.pop(0)
            return content if kind == frames.DATA else None if kind == frames.END else b""

        for name in ("root", "project"):
            shutil.rmtree(FILES / name, ignore_errors=True)
        archive.unpack(archive.Reader(part), FILES, opened)
        for name in ("run", "wrapper"):
            (FILES / name).replace(FILES / f".{name}")
            shutil.copyfile(FILES / f".{name}", CONTROL / name)
            (FILES / f".{name}").unlink()

    def _fetch(self, request: Mapping[str, Any]) -> None:
        """Download artifacts to the workspace, and check their digests."""
        store = _store(request["access"])
        for values in request["files"]:
            target = FILES / "root" / relative(values["place"])
            target.unlink(missing_ok=True)
            store.bring(direct.record_of(values), target, self._connected)
        self._event("fetched")

    def _unpack_project(self, request: Mapping[str, Any]) -> None:
        """Download the snapshot of the project, and make the working copy of it."""
        snapshot = FILES / "snapshot.tar"
        snapshot.unlink(missing_ok=True)
        _store(request["access"]).bring(direct.record_of(request["archive"]), snapshot, self._connected)
        repository = FILES / "root" / "repository"
        with snapshot.open("rb") as file:
            code_archive.unpack(file, repository, self._connected)
        snapshot.unlink()
        for name, entry in archive.walk(repository):
            if not entry.is_symlink():
                (repository / name).chmod(opened(entry.stat().st_mode, entry.is_dir()))
        self._event("fetched")

    def _publish(self, request: Mapping[str, Any]) -> None:
        """Publish outputs that are in this pod."""
        store = _store(request["access"])
        identity = ExecutionId(**request["identity"])
        outputs = Path(os.environ["TRANSLATOR_HOME"]) / "outputs"
        records = [store.upload(identity, outputs / relative(p), p, self._connected) for p in request["paths"]]
        self._event("published", files=direct.described((record.path, record) for record in records))

    def _connected(self) -> None:
        """Show and look for life during work.

        Raises:
            BrokenPipeError: the worker does not wait for it any more.
        """
        self._pulse()
        if not self._receive(0.0):
            raise BrokenPipeError

    def _follow(self) -> bool:
        """Send what the command has printed; return whether there may be more."""
        if self.read is None or self._ended:
            return False
        self._tell_once("problem", lambda text: {"text": text})
        self._tell_once("started", lambda _: {})
        drained = (FILES / "drained").exists()
        sent = [self._send(name, kind) for name, kind in zip(STREAMS, (frames.OUTPUT, frames.ERRORS), strict=True)]
        if any(sent) or not drained:
            return any(sent)
        status = _content("status")
        if status.endswith("\n") and status.strip().isdecimal():
            self._ended = True
            self._event("ended", status=int(status))
        elif self._drained_at is None:
            self._drained_at = time.monotonic()
        elif time.monotonic() > self._drained_at + _GRACE:
            self._ended = True
            self._event("gone")
        return False

    def _send(self, name: str, kind: bytes) -> bool:
        """Send the next part of a stream, if there is one."""
        if self.read is None:
            return False
        try:
            with (FILES / "log" / name).open("rb", buffering=0) as file:
                file.seek(self.read[name])
                part = file.read(_BLOCK)
        except FileNotFoundError:
            return False
        if part:
            self._answer(frames.framed(kind, part))
            self.read[name] += len(part)
        return bool(part)

    def _collect(self, *, direct: bool) -> None:
        """Send the outputs, and what links among them name; large ones stay here if they are published from here."""
        writer = archive.Writer(lambda part: self._answer(frames.framed(frames.DATA, part)), frames.PART)
        notes: list[str] = []
        problems: list[str] = []
        sizes: dict[str, int] = {}
        root = Path(os.environ["TRANSLATOR_HOME"]).resolve()
        is_there = (root / "outputs").is_dir() and not (root / "outputs").is_symlink()
        if direct and is_there:
            tidied = outputs_.tidy(root / "outputs", root, self._connected)
            notes, problems = tidied.notes, tidied.problems
        with archive.packing(writer) as packed:
            packer = archive.Packer(packed, self._connected)
            if is_there:
                _Collection(root, packer, notes, sizes if direct else None).add("outputs")
        writer.close()
        self._answer(frames.framed(frames.END))
        for files in frames.batches(sizes.items()):
            self._event("sizes", sizes=dict(files))
        for name, texts in (("notes", notes), ("problems", problems)):
            for some in frames.batches(texts):
                self._event(name, **{name: some})
        self._event("collected")

    def _tell_once(self, name: str, values: Callable[[str], dict[str, Any]]) -> None:
        if name not in self._told and (text := _content(name)).endswith("\n"):
            self._told.add(name)
            self._event(name, **values(text.strip()))

    def _pulse(self) -> None:
        """Tell the worker that this is alive."""
        now = time.monotonic()
        if now >= self._pulse_at:
            self._pulse_at = now + _PULSE_EVERY
            self._answer(frames.framed(frames.PULSE))

    def _event(self, name: str, **values: Any) -> None:
        self._answer(frames.message(event=name, **values))

    def _answer(self, content: bytes) -> None:
        """Send frames; a worker that is too busy to take them still gives signs of life.

        Raises:
            BrokenPipeError: it is gone.
        """
        remaining = memoryview(content)
        while remaining:
            if select.select([], [self.answers], [], _LATER_LOOK)[1]:
                remaining = remaining[os.write(self.answers, remaining[: select.PIPE_BUF]) :]
            elif not self._receive(0.0):
                raise BrokenPipeError


def _store(access: Mapping[str, Any]) -> Store:
    """Open the store as the worker does; what this container has for itself is stronger than the worker's variables."""
    has_login = any(name in os.environ for name in direct.LOGIN)
    for name, value in access["environment"].items():
        if not (has_login and name in direct.LOGIN):
            os.environ.setdefault(name, value)
    return open_store(StoreAddress(access["uri"], access["options"]))


def _is_text(name: str) -> bool:
    """Return whether a name can be in a message."""
    return name.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in name)


def _content(name: str) -> str:
    """Return what a file of the control directory has, which the command's container may be writing."""
    try:
        with _opened(name, os.O_RDONLY, stat.S_ISREG) as file:
            return file.read(_LONGEST).decode(errors="replace")
    except OSError:
        return ""


def _opened(name: str, flags: int, is_kind: Callable[[int], bool], *, wait: bool = False) -> BinaryIO:
    """Open a file of the control directory, in which a hostile command may have put something else.

    Args:
        name: of the file.
        flags: how it is opened.
        is_kind: whether a mode is that of the kind that it must have.
        wait: whether to wait for the other end of a pipe.

    Raises:
        OSError: it does not exist, is a link or is not of its kind.
    """
    handle = os.open(CONTROL / name, flags | os.O_NOFOLLOW | (0 if wait else os.O_NONBLOCK))
    if not is_kind(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{name} was replaced")
    return cast("BinaryIO", open(handle, "rb" if flags == os.O_RDONLY else "wb", buffering=0))  # noqa: PTH123 - a descriptor


@dataclass(frozen=True, slots=True)
class _Collection:
    """The files of the workspace that are sent back: those of a directory, and those that links in it name.

    ``sizes`` collects the large outputs that are not sent; None if all are. ``linked`` is still to be added: links of
    links may be many, so that this must not call itself for each.
    """

    root: Path
    packer: archive.Packer
    notes: list[str]
    sizes: dict[str, int] | None
    linked: list[str] = field(default_factory=list)

    def add(self, folder: str) -> None:
        """Add a directory, or a file, of the workspace; what it links to in the workspace as well."""
        self.linked.append(folder)
        while self.linked:
            name = self.linked.pop()
            path = self.root / name
            if path.is_dir():
                self.packer.directory(name)
                for inner, _ in archive.walk(path):
                    self._add(f"{name}/{inner}")
            else:
                self._add(name)

    def _add(self, name: str) -> None:
        if name in self.packer.names:
            return
        path = self.root / name
        mode = path.lstat().st_mode
        self.packer.directory(name.rpartition("/")[0])
        if stat.S_ISLNK(mode):
            self._add_link(name, path)
        elif stat.S_ISDIR(mode):
            self.packer.directory(name, mode | stat.S_IRWXU)
        elif stat.S_ISREG(mode) and self._stays(name, path):
            return
        elif stat.S_ISREG(mode):
            self.packer.file(name, path, mode | stat.S_IRUSR | stat.S_IWUSR)
        else:
            shown = name.removeprefix("outputs/")
            self.notes.append(f"the output {shown!r} is {digest.kind(mode)}, which has no content; not published")

    def _stays(self, name: str, path: Path) -> bool:
        """Return whether a file is not sent; files that describe others are read by the worker."""
        shown, size = name.removeprefix("outputs/"), path.lstat().st_size
        if self.sizes is None or size <= direct.SMALL or is_sidecar(shown) or not _is_text(shown):
            return False
        self.sizes[shown] = size
        return True

    def _add_link(self, name: str, path: Path) -> None:
        """Add a link; one that stays in the workspace leads straight to what it names, which is added."""
        written = os.readlink(path)  # noqa: PTH115 - as the command wrote it
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):  # up to Python 3.12, a loop is a RuntimeError
            target = None
        if target is None or not target.is_relative_to(self.root) or target == self.root:
            self.packer.link(name, written)
            return
        self.packer.link(name, str(target))
        inside = str(target.relative_to(self.root))
        if not path.is_relative_to(target) and not inside.startswith("inputs/"):  # the worker has the inputs
            self.linked.append(inside)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
