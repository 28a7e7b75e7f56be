"""Define the choices of a person who reads a file: the options of the command line, to which dialects add their own."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from translator.errors import TranslatorError

if TYPE_CHECKING:
    from argparse import Namespace, _ArgumentGroup
    from collections.abc import Callable
    from typing import TypeAlias

    ArgumentGroup: TypeAlias = _ArgumentGroup


ChoicesT = TypeVar("ChoicesT", bound="Choices")


class ChoiceError(TranslatorError):
    """An option of the command line that names something that the file or its dialect does not have."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The options that decide how a file is read; a dialect with its own options has a subclass.

    With ``in_place``, steps run in the project's own directory. ``steps`` are the only ones to read, if there are any;
    ``first`` and ``last`` are the ends of the part of a pipeline to read, and ``run`` is the earlier run that provides
    what it takes from the rest. ``pipeline`` is the pipeline that is meant, if the file has several.
    """

    in_place: bool = False
    steps: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    run: str | None = None
    pipeline: str | None = None

    def of(self, kind: type[ChoicesT]) -> ChoicesT:
        """Return the choices as those of a dialect; its own options are not set unless they are in these choices."""
        if isinstance(self, kind):
            return self
        return kind(**{field.name: getattr(self, field.name) for field in fields(Choices)})


@dataclass(frozen=True, slots=True)
class Options:
    """The command-line options of a dialect.

    ``kind`` is their class; an instance without arguments means that no option is set. ``purpose`` completes "only
    pipelines of TITLE have ...". ``add`` declares the options below the heading of the dialect, ``read`` reads them.
    """

    kind: type[Choices]
    purpose: str
    add: Callable[[ArgumentGroup], None]
    read: Callable[[Namespace], Choices]

    def are_set_in(self, choices: Choices) -> bool:
        """Return whether ``choices`` set one of these options."""
        own = {field.name for field in fields(self.kind)} - {field.name for field in fields(Choices)}
        unset = self.kind()
        return isinstance(choices, self.kind) and any(getattr(choices, name) != getattr(unset, name) for name in own)


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1, for argparse."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)
