"""Make the place of an execution in a pod, and run its command there.

The files of the workspace travel between the worker and the pod, because the two share none.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from translator.shim.code.snapshots import is_stored
from translator.shim.files import digest
from translator.shim.runners import Place, RunnerError, UnfitError, required_variables
from translator.shim.runners.kubernetes import archive, frames, leftovers, pod
from translator.shim.runners.kubernetes.cluster import NATIVE_SIDECARS, Cluster, FullError, connect, insist
from translator.shim.runners.kubernetes.direct import Direct, described, record_of, stand_ins
from translator.shim.runners.kubernetes.follow import Follower, follow
from translator.shim.runners.kubernetes.settings import Settings, lacks, read
from translator.shim.runners.settings import settings_of
from translator.shim.store import open_store
from translator.shim.store.base import StoreError
from translator.shim.workspace import laid_out, moved, remove, working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from translator.shim.contract import Connection, ExecutionId, FileRecord
    from translator.shim.process.supervise import Ended, Limits
    from translator.shim.runners import Meet, Request
    from translator.shim.workspace import Workspace

_Result = TypeVar("_Result")
_PYTHON = "python3"
_QUOTA_LOOK = 5.0
_PULSE_EVERY = 0.25
_AT_ONCE = 500
"""The outputs of one request, whose answer must fit into a message."""
_TEMPORARY = Path("/tmp")  # noqa: S108 - the container's own
_WRAPPER = Path(__file__).with_name("wrapper.sh")
_REMEDY = "create it in Airflow (Admin > Connections) or as a block in Prefect, or correct its name"


@contextlib.contextmanager
def place(request: Request) -> Iterator[Place]:
    """Yield the place of an execution in a pod, which is created when the command is to run.

    Raises:
        RunnerError: the settings are wrong, the cluster does not answer, or the step cannot run in a pod.
    """
    settings = settings_of(request, read, "kubernetes")
    step = request.step
    problems = lacks(request.settings, step.image, step.dialect)
    if problems or request.home is None:
        raise UnfitError(f"step {step.name!r} cannot run in a pod: {'; '.join(problems)}")
    cluster = connect(settings, _connection(request, settings))
    direct = Direct(request.address) if _is_direct(request, settings) else None
    with contextlib.closing(cluster), contextlib.ExitStack() as ends:
        insist(
            lambda: leftovers.end_earlier_attempts(cluster, request),
            settings.lost_after,
            request.pulse,
            request.note,
        )
        view = laid_out(Path(request.home), _TEMPORARY)
        command = Command(cluster, request, settings, request.home, direct, ends)
        where = moved(view.root, request.space.root)
        place = Place(
            *(view, required_variables(request), command, _PYTHON, where),
            problems=command.problems,
            meeting=lambda meet: replace(command, meet=meet),
        )
        yield place if direct is None else replace(place, store=direct.store)


def _connection(request: Request, settings: Settings) -> Connection | None:
    if settings.connection is None:
        return None
    connection = request.connection(settings.connection)
    if connection is None:
        raise RunnerError(f"the connection {settings.connection!r} of the kubernetes runner does not exist: {_REMEDY}")
    return connection


def _is_direct(request: Request, settings: Settings) -> bool:
    """Return whether the pod can use the artifact store itself: if it is neither a directory nor in memory."""
    kind, separator, _ = request.address.uri.partition("://")
    return settings.transfer == "auto" and bool(separator) and kind not in {"file", "local", "memory"}


@dataclass(frozen=True, slots=True)
class Command:
    """A function that runs commands in pods, for one execution."""

    cluster: Cluster
    request: Request
    settings: Settings
    home: str
    direct: Direct | None
    ends: contextlib.ExitStack
    problems: list[str] = field(default_factory=list)
    meet: Meet | None = None

    def __call__(  # noqa: PLR0913 - as the contract has it
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: Callable[[bytes], None],
        errors: Callable[[bytes], None],
        limits: Limits,
        should_stop: Callable[[], str | None],
    ) -> Ended:
        """See ``translator.shim.runners.Run``."""
        request, settings, ticket = self.request, self.settings, self.request.ticket
        native = self._insist(self.cluster.version) >= NATIVE_SIDECARS
        manifest = pod.manifest(request, settings, self.home, native_sidecars=native)
        name = str(manifest["metadata"]["name"])
        follower = Follower(self.cluster, name, {"output": output, "errors": errors}, settings.lost_after, request.note)
        try:
            self._create(manifest)
            script = _script(arguments, folder, environment, set(settings.secrets))
            if nameless := [variable for variable in environment if not _is_variable(variable)]:
                request.note(
                    f"warning: a shell cannot set variables of these names, so they are not set: {', '.join(nameless)}"
                )
            snapshot = self._snapshot()
            fetch = self._fetch(snapshot)
            follower.stage(
                lambda send: self._send(send, script, with_project=snapshot is None),
                fetch,
                request.pulse,
                settings.start_timeout,
                self.meet,
            )
            ticket.remote = leftovers.Elsewhere(self.cluster.configuration, self.cluster.namespace, name)
            follower.begin(request.pulse, settings.start_timeout)
            ended = follow(follower, ticket, limits, should_stop)
            self._collect(follower, ended)
        except BaseException:
            self._end(follower)
            raise
        if self.direct is not None and self.direct.outputs:
            ticket.remote = None
            self.direct.upload = lambda identity, paths, pulse: self._publish(follower, identity, paths, pulse)
            self.ends.callback(self._end, follower)
        else:
            self._end(follower)
        return ended

    def _insist(self, work: Callable[[], _Result]) -> _Result:
        return insist(work, self.settings.lost_after, self.request.pulse, self.request.note)

    def _create(self, manifest: Mapping[str, Any]) -> None:
        """Create the pod; a quota that is used up is waited for, as a free node is.

        Raises:
            RunnerError: the pod is refused, or the quota is used up for too long.
        """
        deadline = time.monotonic() + self.settings.start_timeout
        noted = False
        while True:
            try:
                self._insist(lambda: self.cluster.create(manifest))
            except FullError as error:
                if time.monotonic() > deadline:
                    raise
                if not noted:
                    self.request.note(f"{error}; trying again for {self.settings.start_timeout:g} s")
                noted = True
            else:
                return
            again = time.monotonic() + _QUOTA_LOOK
            while time.monotonic() < again:
                self.request.pulse()
                time.sleep(_PULSE_EVERY)

    def _end(self, follower: Follower) -> None:
        """Delete the pod, in which nothing of the command runs any more, or nobody can end it otherwise."""
        self.request.ticket.remote = None
        follower.release()
        follower.close()
        leftovers.delete_later(self.cluster, follower.pod)

    def _snapshot(self) -> FileRecord | None:
        """Return the snapshot of the project that the pod unpacks; None if the worker sends the project."""
        snapshot = self.request.archive
        if self.direct is None or snapshot is None:
            return None
        if not is_stored(open_store(self.request.address), snapshot.sha256):
            self.request.note(
                f"the snapshot of the project is not in the store any more ({snapshot.uri}): "
                "this worker sends its own copy to the pod"
            )
            return None
        return snapshot

    def _fetch(self, snapshot: FileRecord | None) -> list[bytes]:
        """Return the requests for what the pod downloads: artifacts, and the snapshot of the project."""
        if self.direct is None:
            return []
        root, access = self.request.space.root, self.direct.access()
        files = described((str(path.relative_to(root)), record) for path, record in self.direct.inputs.items())
        requests = [frames.message(do="fetch", access=access, files=some) for some in frames.batches(files)]
        if snapshot is not None:
            (described_snapshot,) = described([("", snapshot)])
            requests.append(frames.message(do="unpack", access=access, archive=described_snapshot))
        return requests

    def _publish(
        self, follower: Follower, identity: ExecutionId, paths: Sequence[str], pulse: Callable[[], None]
    ) -> Mapping[str, FileRecord]:
        """Publish outputs from the pod.

        Raises:
            StoreError: they cannot be published.
        """
        access = self.direct.access() if self.direct is not None else {}
        records: dict[str, FileRecord] = {}
        try:
            for first in range(0, len(paths), _AT_ONCE):
                request = frames.message(
                    do="publish", access=access, identity=asdict(identity), paths=list(paths[first : first + _AT_ONCE])
                )
                files = follower.publish(request, pulse)["files"]
                records |= {record.path: record for record in map(record_of, files)}
        except RunnerError as error:
            raise StoreError(str(error)) from error
        return records

    def _send(self, send: Callable[[bytes], None], script: str, *, with_project: bool) -> None:
        """Send the workspace and the working copy, the command, and the wrapper around it."""
        request = self.request
        writer = archive.Writer(send, frames.PART)
        with archive.packing(writer) as packed:
            packer = archive.Packer(packed, request.pulse)
            packer.text("run", script, 0o644)
            packer.text("wrapper", _WRAPPER.read_text(encoding="utf-8"), 0o644)
            _pack_workspace(packer, request.space, self.direct.inputs if self.direct is not None else {})
            packer.directory("root/repository")
            if with_project:
                _pack_project(packer, request)
        writer.close()

    def _collect(self, follower: Follower, ended: Ended) -> None:
        """Fetch the outputs; those of a command that was stopped need not be had."""
        space = self.request.space
        remove(space.outputs)
        space.repository.unlink()
        check = digest.no_pulse if ended.cause != "exit" else self.request.pulse
        try:
            answer = follower.collect(space.root, direct=self.direct is not None, check=check)
            self.problems.extend(answer.get("problems") or ())
            if self.direct is not None:
                self.direct.outputs = stand_ins(space.outputs, answer.get("sizes") or {})
        except RunnerError as error:
            if ended.cause == "exit":
                raise
            self.request.note(f"warning: the outputs are lost: {error}")


def _script(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], secret: set[str]) -> str:
    """Return the shell script that becomes the command; values of variables stay out of the pod's manifest."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in environment.items()
        if _is_variable(name) and name not in secret
    ]
    lines += [f"cd {shlex.quote(str(folder))} || exit 126", f"exec {shlex.join(arguments)}"]
    return "\n".join([*lines, ""])


def _is_variable(name: str) -> bool:
    return name.isidentifier() and name.isascii()


def _pack_workspace(packer: archive.Packer, space: Workspace, without: Container[Path]) -> None:
    """Add the directories of the workspace, without what the pod downloads itself."""
    packer.directory("root")
    for name in ("inputs", "outputs", "config"):
        packer.directory(f"root/{name}")
        for path, entry in archive.walk(space.root / name):
            target = f"root/{name}/{path}"
            if entry.is_symlink():
                packer.link(target, str(Path(entry.path).readlink()))
            elif entry.is_dir():
                packer.directory(target)
            elif Path(entry.path) not in without:
                packer.file(target, Path(entry.path))


def _pack_project(packer: archive.Packer, request: Request) -> None:
    """Add the working copy, as ``working_copy.make`` makes it elsewhere."""
    listed = working_copy.listing(request.project, request.store, request.pulse)
    for path in listed.directories:
        packer.directory(f"root/repository/{path}")
    for path, _ in listed.files:
        try:
            packer.file(f"root/repository/{path}", request.project / path)
        except PermissionError:
            request.note(f"warning: the project's file {path!r} cannot be read, and is missing in the pod")
    for path in listed.links:
        with contextlib.suppress(FileNotFoundError):
            packer.link(f"root/repository/{path}", working_copy.link(request.project, path))
