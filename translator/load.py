"""Load checked pipelines from a file: detect its dialect, read it, and check the result."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO

from translator import registry
from translator.config import NO_CONFIG, Config, check_names, configure, configured, report_unmet_requests
from translator.diagnostics import MAX_ERRORS, Diagnostics, SourceText, TooManyErrors, TranslationError
from translator.dialects import Choices, Source, refuse
from translator.errors import TranslatorError
from translator.names import did_you_mean
from translator.source import Located, Rules, parse, read_ignores, read_text
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from translator.config.keys import TargetKeys
    from translator.dialects import Dialect
    from translator.ir import Pipeline


class PipelineChoiceError(TranslatorError):
    """No pipeline of a file is chosen: none has that name, or there are several and no name."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The content of a file: its pipelines and diagnostics.

    ``pipelines`` are those without an error; ``names`` are those of all pipelines of the file. ``diagnostics`` has
    all findings, and ``sources`` the texts by ``Span.file``, to show them. ``config`` is the
    configuration that gives the pipelines their settings, ``project`` the directory in which their steps run,
    ``dialect`` the name of their language, None if the file is in none.
    """

    pipelines: tuple[Pipeline, ...]
    diagnostics: Diagnostics
    sources: Mapping[str, SourceText]
    names: tuple[str, ...] = ()
    config: Config = NO_CONFIG
    project: Path | None = None
    dialect: str | None = None
    by_name: Mapping[str, Pipeline] = field(init=False)
    """``pipelines`` by name."""

    def __post_init__(self) -> None:
        """Index the pipelines, because a file may have thousands."""
        object.__setattr__(self, "by_name", {pipeline.name: pipeline for pipeline in self.pipelines})

    def concerning(self, name: str | None) -> Diagnostics:
        """Return the findings about one pipeline and the file as a whole; without a name, all findings."""
        return self.diagnostics if name is None else self.diagnostics.concerning(name)

    def choose(self, name: str | None = None, how: str = "by name") -> Pipeline:
        """Return the pipeline named ``name``, or the only one; ``how`` as for ``name_of``.

        Raises:
            PipelineChoiceError: there is none of that name, or there are several and ``name`` is None.
            TranslationError: the pipeline has errors, or the file has no pipeline.
        """
        chosen = self.name_of(name, how)
        pipeline = self.by_name.get(chosen)
        if pipeline is None:
            raise TranslationError(self.concerning(chosen))
        return pipeline

    def name_of(self, name: str | None, how: str) -> str:
        """Return the name of the pipeline that ``choose`` returns.

        Args:
            name: what the user chose.
            how: how to choose one of several, as the end of a sentence in the error.

        Raises:
            PipelineChoiceError: there is none of that name, or there are several and ``name`` is None.
            TranslationError: the file has no pipeline.
        """
        if not self.names:
            whole = Diagnostics([d for d in self.diagnostics.found if d.pipeline is None])
            if whole.ok:
                whole.error("no-pipeline", "the file has no pipeline", None)
            raise TranslationError(whole)
        if name is None and len(self.names) == 1:
            return self.names[0]
        if name in self.names:
            return name
        listed = "\n".join(f"  {known!r}" for known in self.names)
        if name is None:
            raise PipelineChoiceError(f"the file has several pipelines; choose one {how}:\n{listed}")
        meant = did_you_mean(name, self.names)
        hint = "" if meant is None else f"; {meant}"
        raise PipelineChoiceError(f"the file has no pipeline {name!r}{hint}; it has:\n{listed}")


def load(  # noqa: PLR0913 - all but the file are keywords
    path: Path,
    *,
    dialect: str | None = None,
    project: Path | None = None,
    parameters: Path | None = None,
    choices: Choices | None = None,
    config: Path | None = None,
    ignore: Sequence[str] = (),
    stream: BinaryIO | None = None,
    current: Path | None = None,
) -> Loaded:
    """Read and check the pipelines of the file at ``path``; all problems become diagnostics.

    Args:
        path: the pipeline file.
        dialect: the name of its dialect, instead of detection.
        project: the directory in which its steps run, if it is not the file's.
        parameters: a file with parameters of the run, for dialects that have such files.
        choices: the options of the command line; dialects with their own options have a subclass.
        config: the configuration file, instead of the nearest ``translator.toml`` beside the file or above it.
        ignore: the codes of findings to leave out, besides those that the configuration and comments name.
        current: the directory in which the command was started. It is the project of pipelines whose own engine runs
            them there, if the file is below it and ``project`` is None.
        stream: what to read instead of the file; ``path`` only names it then, and may not exist.

    Raises:
        ChoiceError: the choices name something that the file does not have.
    """
    diagnostics = Diagnostics(limit=MAX_ERRORS)
    text = read_text(path, diagnostics, stream=stream)
    if text is None:
        return Loaded((), diagnostics, {})
    folder = path.parent if project is None else project
    start = current if project is None else None
    request = _Given(folder, dialect, parameters, choices or Choices(), path.parent, config, tuple(ignore), start)
    return _load(SourceText(str(path), text), path.name, request, diagnostics)


def load_text(
    text: str,
    file: str = "valohai.yaml",
    project: Path | None = None,
    *,
    dialect: str | None = None,
    choices: Choices | None = None,
) -> Loaded:
    """Read and check pipelines from a text; without ``project``, the checks skip the project's files."""
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    request = _Given(project, dialect, None, choices or Choices())
    return _load(SourceText(file, text), name, request, Diagnostics(limit=MAX_ERRORS))


@dataclass(frozen=True, slots=True)
class _Given:
    """The settings that a file is read with; ``beside`` is where the configuration is looked for."""

    project: Path | None
    dialect: str | None
    parameters: Path | None
    choices: Choices
    beside: Path | None = None
    config: Path | None = None
    ignore: tuple[str, ...] = ()
    current: Path | None = None

    def project_of(self, language: Dialect) -> Path | None:
        """Return the project of a file in this language."""
        if self.current is None or self.beside is None or not language.project_is_current:
            return self.project
        below = self.beside.resolve().is_relative_to(self.current.resolve())
        return self.current if below else self.project


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause garbage collection while reading creates only objects that stay; its cost grows with the file."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(text: SourceText, name: str, request: _Given, diagnostics: Diagnostics) -> Loaded:
    loaded = _read(text, name, request, diagnostics)
    everywhere = (*request.ignore, *loaded.config.ignore)
    read_ignores(loaded.sources, everywhere).apply(loaded.diagnostics)
    return loaded


@_without_garbage_collection()
def _read(text: SourceText, name: str, request: _Given, diagnostics: Diagnostics) -> Loaded:
    from translator.checks import check
    from translator.checks.commands import QUESTIONS
    from translator.dialects.parameters_file import read_parameters

    sources = {name: text}
    if name.endswith(".py"):
        hint = "'Pipelines in Python' in docs/magnus.md shows how Magnus and runnable write a pipeline as YAML"
        diagnostics.error("not-yaml", "a Python file, not a pipeline in YAML", Span(name, 1, 1, 1, 1), hint=hint)
        return Loaded((), diagnostics, sources, project=request.project)
    try:
        dialect_and_root = _dialect(text.text, name, request.dialect, diagnostics)
    except TooManyErrors:
        dialect_and_root = None
    if dialect_and_root is None:
        return Loaded((), diagnostics, sources, project=request.project)
    language, root = dialect_and_root
    project = request.project_of(language)
    refuse(request.choices, language, registry.dialects())
    parameters = read_parameters(request.parameters, language, sources, diagnostics)
    path = None if request.beside is None else request.beside / name
    source = Source(name, text, root, project, sources, parameters, request.choices, path)
    names = language.pipeline_names(source)
    config = NO_CONFIG
    try:
        config = _configured(request, sources, diagnostics)
        source = replace(source, git_remote=config.git_remote)
        read = tuple(replace(one, dialect_title=language.title) for one in language.read(source, diagnostics))
        read, names = _on_one_line(read, names, diagnostics)
        read, names = _in_part(read, names, language, source, diagnostics)
        bad = diagnostics.bad()
        questions = iter(range(QUESTIONS))
        for pipeline in read:
            whole = not bad & {None, pipeline.name}
            about = diagnostics.about(pipeline.name)
            check(pipeline, about, project=project, whole=whole, questions=questions, sources=sources)
    except TooManyErrors:
        return Loaded((), diagnostics, sources, names, config, project, language.name)
    bad = diagnostics.bad()
    good = () if None in bad else tuple(pipeline for pipeline in read if pipeline.name not in bad)
    if config.file:
        check_names(config, good, names, diagnostics)
    good = tuple(_configured_pipeline(pipeline, config, project, diagnostics.about(pipeline.name)) for pipeline in good)
    bad = diagnostics.bad()
    good = tuple(pipeline for pipeline in good if pipeline.name not in bad)
    if len(names) == len(read) == 1:
        names = (read[0].name,)  # Loom names the pipeline of a pipeline.yml after its directory
    return Loaded(good, diagnostics, sources, names, config, project, language.name)


def _in_part(
    read: Sequence[Pipeline], names: tuple[str, ...], language: Dialect, source: Source, diagnostics: Diagnostics
) -> tuple[tuple[Pipeline, ...], tuple[str, ...]]:
    """Reduce the pipelines to the part that the options choose, if they do, and the names to that of its pipeline.

    A pipeline with errors stays whole: its nodes may be incomplete.

    Raises:
        ChoiceError: the options name nodes that the pipeline does not have.
    """
    choices = language.part(source)
    if choices is None:
        if source.choices.run is not None:
            from translator.parts import check_run

            check_run(read, source.choices)
        return tuple(read), names
    from translator.parts import check_run, chosen_pipeline, part_of

    if len(names) == len(read) == 1:
        names = (read[0].name,)  # as below
    name = chosen_pipeline(read, names, choices)
    bad = diagnostics.bad()
    if name not in names or None in bad:
        return tuple(read), names
    if name not in bad:
        read = [part_of(one, choices) for one in read if one.name == name]
        check_run(read, choices)
    return tuple(one for one in read if one.name == name), (name,)


def _configured(request: _Given, sources: dict[str, SourceText], diagnostics: Diagnostics) -> Config:
    """Return the configuration that counts for the file."""
    if request.beside is None:
        return NO_CONFIG
    configuration = configured(request.beside, request.config, _target_keys, diagnostics)
    sources.update(configuration.sources)
    return configuration.config


def _configured_pipeline(pipeline: Pipeline, config: Config, project: Path | None, about: Diagnostics) -> Pipeline:
    """Return a pipeline with its settings; requests that have no answer are reported."""
    if config.file:
        pipeline = configure(pipeline, config, _target_keys(), project)
    report_unmet_requests(pipeline, config, about, project)
    return pipeline


def _target_keys() -> Mapping[str, TargetKeys]:
    """Return the keys of the installed targets, by name."""
    return {target.NAME: target.SETTINGS for target in registry.targets()}


def _on_one_line(
    read: Sequence[Pipeline], names: tuple[str, ...], diagnostics: Diagnostics
) -> tuple[tuple[Pipeline, ...], tuple[str, ...]]:
    """Replace names of pipelines that contain line breaks or control characters, with a note."""
    from translator.checks.names import flattened, is_odd

    changed = {name: flattened(name) or "pipeline" for name in (*names, *(one.name for one in read)) if is_odd(name)}
    if not changed:
        return tuple(read), names
    diagnostics.found[:] = [
        replace(finding, pipeline=changed.get(finding.pipeline or "", finding.pipeline))
        for finding in diagnostics.found
    ]
    taken = set(names) - changed.keys()
    for pipeline in read:
        one = changed.get(pipeline.name)
        if one is None:
            continue
        if one in taken:
            message = f"two pipelines are named {one!r}, apart from control characters"
            diagnostics.error("duplicate-pipeline", message, pipeline.span, hint="rename one of them")
        else:
            message = f"the pipeline's name has line breaks or control characters; it becomes {one!r}"
            diagnostics.about(one).note("flattened-name", message, pipeline.span)
        taken.add(one)
    renamed = tuple(replace(pipeline, name=changed.get(pipeline.name, pipeline.name)) for pipeline in read)
    return renamed, tuple(dict.fromkeys(changed.get(name, name) for name in names))


def _dialect(
    text: str, name: str, dialect_name: str | None, diagnostics: Diagnostics
) -> tuple[Dialect, Located] | None:
    """Return the dialect of a file, and the value by that dialect's scalar rules."""
    roots: dict[Rules, Located | None] = {}
    faults: dict[Rules, Diagnostics] = {}
    for language in [registry.dialect(dialect_name)] if dialect_name else registry.dialects():
        if language.rules not in roots:
            faults[language.rules] = Diagnostics(limit=MAX_ERRORS)
            try:
                roots[language.rules] = parse(text, name, faults[language.rules], language.rules)
            except TooManyErrors:
                diagnostics.found += faults[language.rules].found
                raise
        root = roots[language.rules]
        if root is not None and (dialect_name or language.detect(root)):
            diagnostics.found += faults[language.rules].found
            return language, root
    root = next(iter(roots.values()), None)
    for attempt in faults.values():
        diagnostics.found += attempt.found
        break
    start = Span(name, 1, 1, 1, 1)
    if root is None or root.value is None:
        if diagnostics.ok:
            diagnostics.error("empty-file", "the file is empty", start)
        return None
    from translator.dialects.foreign import explain

    message, hint = explain(root, registry.dialects())
    diagnostics.error("unknown-dialect", message, root.span, hint=hint)
    return None
