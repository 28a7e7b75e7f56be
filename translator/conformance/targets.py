"""Check the rules that every target must follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from translator import registry
from translator.diagnostics import Diagnostics
from translator.errors import TranslatorError
from translator.load import load
from translator.targets import GenerateOptions
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.ir import Pipeline
    from translator.targets import Target

_NAMES = ("NAME", "INSTALL", "MODULE", "IDENTITY", "NAMED_BY", "NAMED_HELP")
_FUNCTIONS = ("check", "generate", "bad_name", "file_name", "run_command")
ODD_NAME = 'x\'"""{y} \\n %s # é'
"""A name that breaks strings, comments and format strings of a careless writer."""


def target(name: str, files: Sequence[Path]) -> list[str]:
    """Describe what is wrong with a target.

    Args:
        name: that of its entry point.
        files: pipeline files without errors, of any dialect.
    """
    try:
        engine = registry.target(name)
    except TranslatorError as error:
        return [str(error)]
    problems = [f"target {name} has no {part}" for part in (*_NAMES, *_FUNCTIONS) if not hasattr(engine, part)]
    if problems:
        return problems
    if name != engine.NAME:
        problems.append(f"the entry point {name!r} leads to {engine.NAME!r}")
    for file in files:
        for pipeline in load(file).pipelines:
            for one in (pipeline, replace(pipeline, name=ODD_NAME)):
                problems += [f"{name}: {file}: {one.name!r}: {problem}" for problem in _generated(engine, one)]
    return problems


def _generated(engine: Target, pipeline: Pipeline) -> Iterator[str]:
    diagnostics = Diagnostics()
    options = GenerateOptions(project="..", source="../file.yaml", pipeline=pipeline.name)
    try:
        engine.check(pipeline, diagnostics)
        if not diagnostics.ok:
            return
        text, again = engine.generate(pipeline, options), engine.generate(pipeline, options)
        file = engine.file_name(pipeline)
    except Exception as error:  # noqa: BLE001 - any of them is what we look for
        yield f"generating raises {error!r}"
        return
    yield from _faults(engine, text, again)
    if not file or "/" in file or file != engine.file_name(pipeline):
        yield f"{file!r} is not the name of a file"
    if file.endswith(".py"):
        try:
            compile(text.encode(), file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            yield f"the file is not Python: {error}"


def _faults(engine: Target, text: str, again: str) -> Iterator[str]:
    if text != again:
        yield "generating twice gives two different texts"
    if not text.startswith(MARKER):
        yield f"the file does not start with {MARKER!r}, so that it is never replaced"
    if str(Path.cwd()) in text:
        yield "the file has an absolute path in it"
    if len(engine.IDENTITY.findall(text)) != 1:
        yield f"IDENTITY matches {len(engine.IDENTITY.findall(text))} lines, not one"
