"""What a source system's own run contract asks for beside a command; one module per dialect, imported when needed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId, FileRecord, InputFiles, Json, Scope, Step, Value
    from translator.shim.outputs import Found
    from translator.shim.store import Store
    from translator.shim.workspace import Workspace

_MODULES = {
    "valohai": "translator.shim.dialects.valohai",
    "loom": "translator.shim.dialects.loom",
    "magnus": "translator.shim.dialects.magnus",
    "runnable": "translator.shim.dialects.magnus",
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a dialect has at hand for one execution.

    ``wanted`` is what edges bring, by input. ``note`` tells the user something in the log; ``pulse``, called between
    blocks of a transfer, raises where the execution must stop. ``scope`` is what a step of a control-flow graph sees,
    into ``written`` goes what it writes; ``complete`` is whether the command was, when ``gather`` is called. ``secret``
    asks the engine's own store of secrets; ``hide`` takes secrets out of a text when the command has ended. What enters
    ``ends`` ends with the execution.
    """

    step: Step
    id: ExecutionId
    values: Mapping[str, Value]
    wanted: Mapping[str, InputFiles]
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


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be run: the program with its arguments, and what the dialect adds to the environment.

    ``names`` are by folder what a reason calls it: a workspace has another name each time, a reason must not. Without
    arguments nothing runs. ``folder`` is where it runs, the project without. ``bare``: the environment is all that it
    sees. ``hide`` takes secrets out of a text for people; ``take`` gets each line of output, in place of the metadata.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    bare: bool = False
    hide: Callable[[str], str] | None = None
    take: Callable[[bytes, int], None] | None = None


class Dialect(Protocol):
    """The functions of a dialect's module."""

    def label(self, step: Step, given: Mapping[str, Value]) -> str:
        """How people recognise an execution by the values that it was given; one short line."""

    def bring(self, work: Work, records: dict[str, list[FileRecord]]) -> None:
        """Bring the files of the inputs, and record them by input as they come.

        Raises:
            translator.shim.inputs.stage.InputError: an input cannot be filled.
            ValueError: a value is none; the message is for the user, as that of the other error.
        """

    def launch(self, work: Work, records: Mapping[str, Sequence[FileRecord]]) -> Launch:
        """Write the files that the command expects and say how it is run.

        Raises:
            ValueError: the command cannot be built; the message is for the user.
        """

    def gather(self, work: Work, metadata: dict[str, object]) -> Found:
        """When the command has ended, make the outputs folder of the workspace what is to be published.

        Args:
            work: that of the execution.
            metadata: what the command printed, to which the dialect may add.
        """


def load(name: str) -> Dialect:
    """The module of dialect ``name``."""
    return cast("Dialect", import_module(_MODULES[name]))
