"""Make the place of an execution in a container, and run its command there."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.runners import Place, RunnerError, UnfitError, required_variables
from translator.shim.runners.docker import connections, container, follow, images, leftovers, owners, watchdog
from translator.shim.runners.docker.container import Bind
from translator.shim.runners.docker.engine import Engine, address, connect, error_text, speaking
from translator.shim.runners.docker.settings import Settings, read
from translator.shim.runners.settings import settings_of
from translator.shim.workspace import laid_out, moved, working_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.shim.contract import Connection
    from translator.shim.process.supervise import Ended, Limits
    from translator.shim.runners import Meet, Request
    from translator.shim.workspace import Workspace

_PYTHON = "python3"
_NOT_FOUND = 127
_TEMPORARY = Path("/tmp")  # noqa: S108 - the container's own
_BEGIN = ".begin"
"""The file of the configuration directory that lets the command of a member of a distributed task begin."""
_WAIT = 'begin=$1; shift; while [ ! -e "$begin" ]; do sleep 0.1 2>/dev/null || :; done; exec "$@"'


@contextlib.contextmanager
def place(request: Request) -> Iterator[Place]:
    """Provide the image on the engine, and yield the place of an execution.

    Raises:
        RunnerError: the settings are wrong, the engine does not answer, or the image cannot be had.
    """
    settings = settings_of(request, read, "docker")
    if request.step.image is None:
        raise RunnerError(f"step {request.step.name!r} does not have an image, so it cannot run in a container")
    engine = connect(address(settings, _connection(request, settings)))
    with contextlib.closing(engine.client):
        leftovers.end_earlier_attempts(engine, request)
        resources = request.step.resources
        if (resources.cpu is not None or resources.memory is not None) and not engine.limits:
            request.note(
                "the limits of CPUs and memory are not enforced: the engine runs as a plain user with cgroup v1"
            )
        image = images.ready(engine, request.step.image, settings, request.connection, request.note, request.pulse)
        if request.use == "copied":
            working_copy.make(request.project, request.space.repository, request.store, request.pulse)
        view = _view(request)
        command = Command(engine, request, settings, image, view)
        where = moved(view.root, request.space.root)
        inherited = required_variables(request)
        yield Place(view, inherited, command, _PYTHON, where, meeting=lambda meet: replace(command, meet=meet))


def _connection(request: Request, settings: Settings) -> Connection | None:
    return None if settings.connection is None else connections.find(settings.connection, request.connection)


def _view(request: Request) -> Workspace:
    """Return the directories as the command sees them: at the fixed place of its dialect, else as on this worker."""
    root = Path(request.home) if request.home is not None else request.space.root
    return laid_out(root, _TEMPORARY)


@dataclass(frozen=True, slots=True)
class Command:
    """A function that runs commands in containers, for one execution."""

    engine: Engine
    request: Request
    settings: Settings
    image: Mapping[str, Any]
    view: Workspace
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
        engine, ticket = self.engine, self.request.ticket
        user = owners.user_of(engine, self.settings, self.image)
        owners.let_in(self.request.space.root, user)
        if self.settings.user == owners.WORKER:
            # Images do not know that user, who would have "/" for a home directory.
            environment = {"HOME": str(self.view.temporary), **environment}
        command = arguments if self.meet is None else self._waiting(arguments)
        created = self._create(command, folder, environment, user.name)
        reader = follow.Reader(engine, created)
        try:
            watchdog.begin(engine.address, created)
            ticket.remote = leftovers.Elsewhere(engine.address, created)
            follower = follow.Follower(reader, {"output": output, "errors": errors})
            with self._starting():
                follower.begin()
            if self.meet is not None:
                self._let_meet(self.meet, follower)
            leftovers.end_of_gone_workers(engine)
            ended = follow.follow(follower, ticket, limits, should_stop)
            if ended.exit_status == _NOT_FOUND and arguments[0] == _PYTHON:
                needed = f"steps of {self.request.step.dialect} need python3 in their image"
                errors(f"{needed}, and {self.request.step.image} has none\n".encode())
        except BaseException:
            self._close(reader)
            with contextlib.suppress(RunnerError):
                follow.remove(engine.address, engine, created)
                watchdog.forget(engine.address, created)
                owners.take_over(engine, self.request, self.settings, self.image)
            raise
        self._close(reader)
        if follower.ended:
            leftovers.remove_later(engine.address, created)
        else:
            follow.remove(engine.address, engine, created)
            watchdog.forget(engine.address, created)
        owners.take_over(engine, self.request, self.settings, self.image)
        return ended

    def _waiting(self, arguments: Sequence[str]) -> list[str]:
        """Return the command that waits in its container until the members of its group have met."""
        return ["/bin/sh", "-c", _WAIT, "sh", str(self.view.config / _BEGIN), *arguments]

    def _let_meet(self, meet: Meet, follower: follow.Follower) -> None:
        """Let the members of a distributed task meet, now that this one has an address; then its command begins."""
        addresses = follower.addresses()
        if not addresses:
            raise UnfitError(
                f"the container has no IP address in its network {self.settings.network or 'by default'!r}, at which "
                "the other members of a distributed task could reach it: choose another network"
            )
        meet(addresses)
        (self.request.space.config / _BEGIN).touch(mode=0o644)
        follower.start_clock()

    def _close(self, reader: follow.Reader) -> None:
        self.request.ticket.remote = None
        reader.close()

    def _create(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], user: str | None) -> str:
        with self._starting():
            host = container.host_config(self.engine, self.request, self.settings, self._binds())
            return container.create(
                self.engine, self.request, arguments, folder=folder, environment=environment, user=user, host=host
            )

    def _binds(self) -> list[Bind]:
        """Return the directories and files of this worker that the container sees."""
        space, project = self.request.space, self.request.project
        if self.request.home is not None:
            return [Bind(space.root, self.request.home)]
        # Paths are those of this worker.
        binds = [
            Bind(space.root, str(space.root)),
            Bind(project, str(project), read_only=self.request.use != "written"),
        ]
        if (programs := self.request.programs) is not None:
            binds.append(Bind(programs, str(programs), read_only=True))
        return binds

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        from docker.errors import APIError

        with speaking(self.engine.address, "start a container on"):
            try:
                yield
            except APIError as error:
                raise RunnerError(
                    f"the container of image {self.request.step.image} cannot start: {error_text(error)}"
                ) from error
