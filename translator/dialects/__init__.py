"""Define source languages: one package or module each, with one ``Dialect`` named ``DIALECT``.

The module is registered under the entry point ``translator.dialects`` by the dialect's name. How its steps run is a
``translator.shim.run_contract.Contract``, registered under ``translator.shim.dialects`` by the same name: workers load
that one alone. ``docs/extending.md`` shows both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from translator.dialects.choices import ChoiceError, Choices, Options
from translator.names import enumeration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from translator.diagnostics import Diagnostics, SourceText
    from translator.ir import Pipeline, PipelineParameter
    from translator.shim.run_contract import Contract
    from translator.source import Located, Rules


__all__ = ["ChoiceError", "Choices", "Dialect", "Options", "Source", "refuse", "titles"]


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: its name without directories, its text, its value, and the project directory around it, if any.

    ``others`` receives the texts of files that it includes, by ``Span.file``. ``parameters`` are those of a parameters
    file, and ``choices`` are the options of the command line. ``path`` is the path of the file, if it is known.
    ``git_remote`` is the Git repository of the project, if the configuration names it.
    """

    name: str
    text: SourceText
    root: Located | None
    project: Path | None = None
    others: dict[str, SourceText] = field(default_factory=dict)
    parameters: tuple[PipelineParameter, ...] = ()
    choices: Choices = field(default_factory=Choices)
    path: Path | None = None
    git_remote: str | None = None


def chosen_part(source: Source) -> Choices | None:
    """Return the choices of a source if they reduce its pipeline to some nodes."""
    choices = source.choices
    return choices if choices.steps or choices.first is not None or choices.last is not None else None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A source language.

    Args:
        name: that of its entry points, and of ``--dialect``.
        title: its name as its makers spell it.
        graph: the kind of its graphs: dataflow (edges carry files and values) or control flow (one token goes from
            node to node). Pipelines of the second kind accept a parameters file.
        rules: the version of YAML that its own loader reads.
        detect: returns whether a file is written in it.
        pipeline_names: returns the names of all pipelines of a source, including those that cannot be translated.
        read: reads the pipelines of a file. Whatever is wrong with it becomes a diagnostic; it only raises
            ``ChoiceError``, if the choices of the source name something that the file does not have.
        options: its command-line options, if it has any.
        in_place: whether its own engine runs all steps in the project directory.
        part: returns the choices that reduce a pipeline of a source to some of its nodes; None if none do, or if
            ``read`` obeys them itself.
        everything: the choices that also read what can run without a pipeline, if anything can.
        project_is_current: whether its own engine takes the current directory as the project, not the file's.
        files: the usual names of its files, for commands without one.
        repetition: what repeats steps in a language without grids; if empty, ``--grid`` creates a grid.
        json_schema: returns the JSON Schema of its files, for editors.
        nearly: returns why a file that no dialect accepts is almost one of this dialect: a message and a hint.
    """

    name: str
    title: str
    graph: Literal["dataflow", "controlflow"]
    rules: Rules
    detect: Callable[[Located], bool]
    pipeline_names: Callable[[Source], tuple[str, ...]]
    read: Callable[[Source, Diagnostics], tuple[Pipeline, ...]]
    options: Options | None = None
    in_place: bool = False
    part: Callable[[Source], Choices | None] = chosen_part
    everything: Choices | None = None
    project_is_current: bool = False
    files: tuple[str, ...] = ()
    repetition: str | None = None
    json_schema: Callable[[], Mapping[str, Any]] | None = None
    nearly: Callable[[Located], tuple[str, str | None] | None] = lambda _: None

    @property
    def contract(self) -> Contract:
        """How its steps run."""
        from translator.shim import run_contract

        return run_contract.load(self.name)


def refuse(choices: Choices, dialect: Dialect, others: Iterable[Dialect]) -> None:
    """Refuse choices that the pipelines of a dialect do not have.

    Raises:
        ChoiceError: they set options that only other dialects have.
    """
    if choices.in_place and not dialect.in_place:
        raise ChoiceError(f"--in-place: each step of a {dialect.name} pipeline has its own working directory")
    if choices.steps and (choices.first is not None or choices.last is not None):
        raise ChoiceError(f"{'--to' if choices.first is None else '--from'} cannot be combined with --step")
    if choices.run is not None and not (choices.steps or choices.first is not None or choices.last is not None):
        raise ChoiceError("--run needs --from, --to or --step")
    if choices.run is not None and choices.in_place:
        raise ChoiceError(
            "--run cannot be combined with --in-place: steps find the files of other steps in the project"
        )
    for other in others:
        if other.name != dialect.name and other.options is not None and other.options.are_set_in(choices):
            only = f"only pipelines of {other.title} have {other.options.purpose}"
            raise ChoiceError(f"{only}; this is one of {dialect.name}", "set values with --param")


def titles(dialects: Iterable[Dialect]) -> str:
    """Return the titles of dialects as a list in a sentence."""
    return enumeration(dialect.title for dialect in dialects)
