"""What a source system's own run contract asks for beside a command; one module per dialect, imported when needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import ExecutionId, FileRecord, Step, Value
    from translator.shim.workspace import Workspace

_MODULES = {"valohai": "translator.shim.dialects.valohai"}


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be run: the program with its arguments, and what the dialect adds to the environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str]


class Dialect(Protocol):
    """The functions of a dialect's module."""

    def default(self, uri: str, values: Mapping[str, Value]) -> str:
        """The URI of an input's default with parameters put in."""

    def launch(
        self,
        step: Step,
        identity: ExecutionId,
        space: Workspace,
        values: Mapping[str, Value],
        inputs: Mapping[str, Sequence[FileRecord]],
    ) -> Launch:
        """Write the files that the command expects and say how it is run.

        Raises:
            ValueError: the command cannot be built; the message is for the user.
        """


def load(name: str) -> Dialect:
    """The module of dialect ``name``."""
    return cast("Dialect", import_module(_MODULES[name]))
