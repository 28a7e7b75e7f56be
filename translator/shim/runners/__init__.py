"""Load how each runner makes the place of an execution: one ``Runner`` per name, on first use.

A dialect says what runs, a runner says where. A runner is the ``RUNNER`` of a module: in this package the module named
like the runner, of other packages the one that they register under the entry point ``translator.shim.runners``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from translator.shim import extensions
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from translator.shim.contract import Connection, ExecutionId, FileRecord, Json, Step, StoreAddress
    from translator.shim.process.supervise import Ended, Limits, Ticket
    from translator.shim.run_contract import ProjectUse
    from translator.shim.store import Store
    from translator.shim.workspace import Workspace

GROUP = "translator.shim.runners"
DEFAULT = "process"
"""The runner of a step that names none."""


class RunnerError(TranslatorError):
    """An execution that cannot have a place; the message, for the user, says why and what to do."""


class UnfitError(RunnerError):
    """A place that the step's own image, settings or project do not allow: another try cannot help."""


class NotInstalledError(RunnerError):
    """A runner that this worker does not have."""


Meet: TypeAlias = "Callable[[Sequence[str]], None]"
"""Lets the members of a distributed task meet, given the IP addresses of one, before its command starts."""


class Run(Protocol):
    """Start a command in its place, follow it to its end, and end everything that it left behind."""

    def __call__(  # noqa: PLR0913 - what a process has
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
        """See ``translator.shim.process.supervise.run``, of which this is the form without the ticket.

        Raises:
            OSError: the program cannot be started.
            RunnerError: the place cannot be made, or is lost.
            BaseException: what the callbacks raise, or the engine in this thread; everything is ended before.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """The execution for which a place is wanted.

    Args:
        step: what runs: its image, its resources.
        id: which execution this is.
        space: its directories on this worker; they are removed after the place is closed.
        project: the directory of the source file.
        store: the directory of the artifact store, if it is a directory.
        address: the URI of the artifact store, with the options of its file system.
        use: what the command does with the project (``translator.shim.run_contract.Contract``). If it is ``copied``, it
            runs in a working copy of its own, ``repository`` of the workspace
            (``translator.shim.workspace.working_copy``).
        home: the fixed directory at which the commands expect the workspace (``/valohai``), if the dialect has one.
        programs: the file or directory of the dialect's own programs, which commands run at that path, if it has any.
        settings: the runner's, as the step has them.
        inherited: the worker's environment as a step may see it, without variables of the engine.
        ticket: tells whether the execution was killed; its ``mark`` is unique.
        note: tells the user something in the execution's log.
        pulse: called while the place is made; what it raises ends that.
        connection: asks the engine for a connection by its name.
        archive: the file of the artifact store with the project, which a place may unpack itself, if there is one.
    """

    step: Step
    id: ExecutionId
    space: Workspace
    project: Path
    store: Path | None
    address: StoreAddress
    use: ProjectUse
    home: str | None
    programs: Path | None
    settings: Mapping[str, Json]
    inherited: Mapping[str, str]
    ticket: Ticket
    note: Callable[[str], None]
    pulse: Callable[[], None]
    connection: Callable[[str], Connection | None]
    archive: FileRecord | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an execution, for as long as it runs.

    Args:
        view: the directories as the command sees them.
        surroundings: the environment that a command inherits there.
        run: runs a command there.
        python: the interpreter that runs there.
        where: ``where(path)``: says where on this worker is what the command saw at a path; None if at the same path.
        reaches_worker: whether the command can connect to the worker's own address, 127.0.0.1.
        ignored_image: the step's image, if the command runs without it.
        store: ``store(store)``: returns the artifact store as functions of the worker use it for this execution; a
            place may bring and publish artifacts itself.
        problems: what is wrong with the outputs, for the user; known when the command has ended.
        addresses: the IP addresses at which others reach the command, if they are known before it starts; only for
            members of a distributed task.
        meeting: otherwise, ``meeting(meet)`` returns what runs a command that starts once ``meet(addresses)`` has
            returned; what that raises ends the place. ``meet`` may write files into the configuration directory.
    """

    view: Workspace
    surroundings: Mapping[str, str]
    run: Run
    python: str = "python3"
    where: Callable[[str], Path | None] = lambda _: None
    reaches_worker: bool = False
    ignored_image: str | None = None
    store: Callable[[Store], Store] = lambda store: store
    problems: Sequence[str] = ()
    addresses: Sequence[str] = ()
    meeting: Callable[[Meet], Run] | None = None


def _no_problems(settings: Mapping[str, Json]) -> Sequence[str]:  # noqa: ARG001 - as the runner has it
    return ()


def _lacks_nothing(settings: Mapping[str, Json], image: str | None, dialect: str) -> Sequence[str]:  # noqa: ARG001
    return ()


@dataclass(frozen=True, slots=True)
class Runner:
    """A kind of place.

    Args:
        open: makes the place of an execution, and removes it at the end. It raises ``RunnerError`` or ``OSError`` if
            it cannot.
        check: ``check(settings)``: returns what is wrong with settings, for the user; none if nothing is. It may be
            asked of a part of them.
        lacks: ``lacks(settings, image, dialect)``: returns why a step of a dialect cannot run with all its settings
            and its image, for the user; none if it can.
    """

    open: Callable[[Request], AbstractContextManager[Place]]
    check: Callable[[Mapping[str, Json]], Sequence[str]] = field(default=_no_problems)
    lacks: Callable[[Mapping[str, Json], str | None, str], Sequence[str]] = field(default=_lacks_nothing)


NO_SETTINGS: Mapping[str, Json] = MappingProxyType({})


@cache
def load(name: str) -> Runner:
    """Load a runner.

    Raises:
        NotInstalledError: there is none of that name.
    """
    module = extensions.load(__name__, GROUP, name)
    if module is None:
        known = ", ".join(names())
        raise NotInstalledError(
            f"there is no runner {name!r} on this worker (it has: {known}): install the package that registers it"
        )
    return cast("Runner", module.RUNNER)


def names() -> tuple[str, ...]:
    """Return the names of all runners that are installed here."""
    return extensions.names(__name__, GROUP)


def required_variables(request: Request) -> dict[str, str]:
    """Return what a command in an image inherits: of the worker's environment only what the step requires."""
    required = request.step.required_environment
    return {name: value for name, value in request.inherited.items() if name in required}
