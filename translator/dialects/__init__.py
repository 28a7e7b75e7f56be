"""Define source languages: one package or module each, with one ``Dialect`` named ``DIALECT``.

The module is registered under the entry point ``translator.dialects`` by the dialect's name. How its steps run is a
``translator.shim.dialects.Contract``, registered under ``translator.shim.dialects`` by the same name: workers load that
one alone. ``docs/extending.md`` shows both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from translator.dialects.options import ChoiceError, Choices, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from translator.diagnostics import Diagnostics, SourceText
    from translator.ir import Pipeline, PipelineParameter
    from translator.shim.dialects import Contract
    from translator.source import Located, Rules


__all__ = ["ChoiceError", "Choices", "Dialect", "Options", "Source", "titles"]


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: its name without directories, its text, its value, and the project directory around it, if any.

    ``others`` receives the texts of files that it includes, by ``Span.file``. ``parameters`` are those of a parameters
    file, and ``choices`` what the command line says.
    """

    name: str
    text: SourceText
    root: Located | None
    project: Path | None = None
    others: dict[str, SourceText] = field(default_factory=dict)
    parameters: tuple[PipelineParameter, ...] = ()
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True, slots=True)
class Dialect:
    """A source language.

    Args:
        name: that of its entry points, and of ``--dialect``.
        title: how its makers spell it.
        graph: the kind of its graphs: whether edges carry files and values, or one token goes from node to node. The
            pipelines of the second kind take a parameters file.
        rules: which version of YAML its own loader reads.
        detect: whether a file is written in it.
        pipeline_names: the names of all pipelines of a file, also of those that cannot be translated.
        read: reads the pipelines of a file. Whatever is wrong with it becomes a diagnostic; it raises ``ChoiceError``
            where the choices of the source ask for what the file does not have, and nothing else.
        options: its command-line options, if it has any.
        in_place: whether its own engine runs all steps in the project directory.
        repetition: what repeats steps in a language that has no grids; without it ``--grid`` makes one.
        nearly: says of a file that no dialect knows what keeps it from being one of this: a message and a hint.
    """

    name: str
    title: str
    graph: Literal["dataflow", "controlflow"]
    rules: Rules
    detect: Callable[[Located], bool]
    pipeline_names: Callable[[Located], tuple[str, ...]]
    read: Callable[[Source, Diagnostics], tuple[Pipeline, ...]]
    options: Options | None = None
    in_place: bool = False
    repetition: str | None = None
    nearly: Callable[[Located], tuple[str, str | None] | None] = lambda _: None

    @property
    def contract(self) -> Contract:
        """How its steps run."""
        from translator.shim import dialects

        return dialects.load(self.name)


def titles(dialects: Iterable[Dialect]) -> str:
    """Return the titles of dialects as a list in a sentence."""
    *others, last = [dialect.title for dialect in dialects]
    return f"{', '.join(others)} and {last}" if others else last
