"""Define how the steps of a dialect run, and load this run contract on first use.

A contract is the ``CONTRACT`` of a module: in the package ``translator.shim.dialects`` the module named like the
dialect, of other packages the one that they register under the entry point of that name.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId, FileRecord, InputFiles, Json, NamedData, Scope, Step, Value
    from translator.shim.distributed.group import Announcement
    from translator.shim.store import Store
    from translator.shim.store.access import Access
    from translator.shim.workspace import Workspace
    from translator.shim.workspace.outputs import OutputFiles

ProjectUse: TypeAlias = Literal["copied", "read", "written"]

DIALECTS = "translator.shim.dialects"
"""The package of our own contracts, and the entry point of others."""


class NotInstalledError(TranslatorError, LookupError):
    """A dialect whose steps cannot run here; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Work:
    """The context that a dialect gets for one execution.

    ``input_files`` are the files that edges bring, by input. ``note`` writes a line for the user to the log; ``pulse``,
    called between blocks of a transfer, raises if the execution must stop. ``scope`` is what a step of a control-flow
    graph sees, and ``written`` collects what it writes; ``complete`` tells ``gather`` whether the command succeeded.
    ``secret`` asks the engine's own store of secrets; ``hide`` takes secrets out of a text when the command has ended.
    Contexts in ``ends`` end with the execution. ``catalogue`` is the configuration file with names of data, and
    ``data`` collects what those in the inputs stand for. ``offered`` collects the inputs that the command downloads
    itself; it can only do so if it ``reaches_worker``. ``uploaded`` are the paths of outputs that were taken out of the
    outputs directory while the command ran. ``project_name`` is the name of the
    project in the source system, ``OWNER/NAME``, else that of its directory. It and ``creator``, who or what started
    the run, are empty if they are not known. ``origin`` is the execution that wrote the outputs, if it is another.

    ``space`` are the directories on this worker. The command sees them as ``view``: paths in its arguments, its
    environment and its files are those; ``where`` says where such a path is on this worker, or None if it is the same.
    The command inherits ``surroundings``, and ``python`` is the interpreter there.
    """

    step: Step
    id: ExecutionId
    values: Mapping[str, Value]
    input_files: Mapping[str, InputFiles]
    space: Workspace
    store: Store
    project: Path
    note: Callable[[str], None]
    pulse: Callable[[], None]
    scope: Scope | None = None
    written: dict[str, Json] = field(default_factory=dict)
    complete: bool = True
    secret: Callable[[str], str | None] = lambda _: None
    hide: Callable[[str], str] = str
    ends: ExitStack = field(default_factory=ExitStack)
    catalogue: Path | None = None
    data: list[NamedData] = field(default_factory=list)
    offered: dict[str, Mapping[str, FileRecord | str]] = field(default_factory=dict)
    reaches_worker: bool = False
    uploaded: Sequence[str] = ()
    project_name: str = ""
    creator: str | None = None
    origin: ExecutionId | None = None
    access: Access = field(kw_only=True)
    view: Workspace = field(kw_only=True)
    surroundings: Mapping[str, str] = field(kw_only=True)
    python: str = field(kw_only=True)
    where: Callable[[str], Path | None] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to run: the program with its arguments, and the dialect's additions to the environment.

    ``names`` are the names of directories in reasons, which must not contain the random name of a workspace. Without
    arguments nothing runs. ``folder`` is the directory in which it runs (default: the project). ``bare``: it sees no
    other environment. ``hide`` takes secrets out of a text for people; ``take`` gets each line of output, in place of
    the metadata. ``group_files`` are the files of the configuration directory, by name, that tell a member of a
    distributed task of its group: of the group's number and of all members.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    bare: bool = False
    hide: Callable[[str], str] | None = None
    take: Callable[[bytes, int], None] | None = None
    group_files: Callable[[int, Sequence[Announcement]], Mapping[str, bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Scoping:
    """The rules by which nodes of control-flow graphs pass parameters on.

    Args:
        prefix: the prefix of environment variables that hold parameters.
        returns: steps write what their ``returns`` list and nothing else; a map reduces it to one value per name.
        keeps_failed: a composite node that fails still leaves what its branches wrote.
        variadic: functions may have ``*args`` and ``**kwargs``.
    """

    prefix: str
    returns: bool
    keeps_failed: bool
    variadic: bool


@dataclass(frozen=True, slots=True)
class Contract:
    """The run contract of a source system: everything besides the command.

    Args:
        label: ``label(step, given)``: returns a short line that identifies an execution by the values of its
            parameters.
        bring: ``bring(work, records)``: brings the files of the inputs, and records them by input as they come. It
            raises ``translator.shim.inputs.stage.InputError`` where an input cannot be filled, and ``ValueError`` where
            a value is none; the messages of both are for the user.
        launch: ``launch(work, records)``: writes the files that the command expects and says how it is run. It raises
            ``ValueError``, with a message for the user, where the command cannot be built.
        gather: ``gather(work, metadata)``: when the command has ended, makes the outputs directory of the workspace
            what is published; it may add to the metadata that the command printed.
        register: ``register(work, outputs)``: when the command has succeeded and its outputs are published, enters them
            in the store's catalogue under the names that they ask for. It raises ``ValueError`` where that cannot be.
        whole_paths: files keep their whole path along edges, and all of them flow, even those that describe others.
        scoping: the rules of control-flow graphs; None for dataflow graphs.
        home: the directory at which commands expect their workspace, whatever machine they run on; None if they expect
            none. A runner that can shows it there.
        use: ``use(step)``: what its command does with the project: it is ``copied`` for each execution, only ``read``,
            or ``written``.
        live_outputs: whether a file that the command makes read-only in its outputs directory is published at once
            (``translator.shim.execution.live_outputs``).
        programs: the file or directory of the dialect's own programs, if commands run any. They import only Python's
            standard library, because a runner may show them to an interpreter that has nothing else.
    """

    label: Callable[[Step, Mapping[str, Value]], str]
    bring: Callable[[Work, dict[str, list[FileRecord]]], None]
    launch: Callable[[Work, Mapping[str, Sequence[FileRecord]]], Launch]
    gather: Callable[[Work, dict[str, object]], OutputFiles]
    register: Callable[[Work, Sequence[FileRecord]], None] = lambda work, outputs: None  # noqa: ARG005 - most name none
    whole_paths: bool = False
    scoping: Scoping | None = None
    home: str | None = None
    use: Callable[[Step], ProjectUse] = lambda _: "written"
    live_outputs: bool = False
    programs: Path | None = None


@cache
def load(name: str) -> Contract:
    """Load the contract of a dialect.

    Raises:
        NotInstalledError: no dialect with that name is installed.
    """
    module = f"{DIALECTS}.{name}"
    try:
        return cast("Contract", import_module(module).CONTRACT)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    # Search entry points last: it takes each process that runs a step a tenth of a second.
    from importlib.metadata import entry_points

    for point in entry_points(group=DIALECTS, name=name):
        return cast("Contract", point.load().CONTRACT)
    raise NotInstalledError(f"steps of {name} cannot run here: install the package that registers this dialect")


def scoping(name: str) -> Scoping:
    """Return how the control-flow graphs of a dialect pass parameters on.

    Raises:
        NotInstalledError: the dialect does not exist, or has no control-flow graphs.
    """
    rules = load(name).scoping
    if rules is None:
        raise NotInstalledError(f"the dialect {name} has no control-flow graphs")
    return rules


def own_dialects() -> tuple[str, ...]:
    """Return the names of the dialects whose contracts are in our own package."""
    from pkgutil import iter_modules

    return tuple(sorted(module.name for module in iter_modules(import_module(DIALECTS).__path__)))
