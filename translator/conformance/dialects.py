"""Check the rules that every dialect must follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from translator import ir, registry
from translator.conformance.targets import target
from translator.errors import TranslatorError
from translator.load import load, load_text
from translator.nodes import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from translator.dialects import Dialect
    from translator.load import Loaded
    from translator.span import Span

MUTANTS = 500
"""The number of broken versions of each file."""
_ODD: tuple[object, ...] = (None, 7, "", "a\nb", [], {}, [[]], {"x": None}, True)


def dialect(name: str, files: Sequence[Path]) -> list[str]:
    """Describe what is wrong with a dialect.

    Args:
        name: that of its entry points.
        files: files in this dialect, without errors.
    """
    try:
        language = registry.dialect(name)
        contract = language.contract
    except (TranslatorError, LookupError) as error:
        return [str(error)]
    problems = [] if language.name == name else [f"the entry point {name!r} leads to {language.name!r}"]
    if (contract.scoping is not None) is not (language.graph == "controlflow"):
        problems.append("a contract has a scoping if, and only if, the graphs of its dialect are control-flow graphs")
    for file in files:
        problems += [f"{file}: {problem}" for problem in (*_read(language, file), *_mutants(language, file))]
    if not problems:
        for engine in registry.names(registry.TARGETS):
            problems += target(engine, files)
    return problems


def _read(language: Dialect, file: Path) -> Iterator[str]:
    try:
        loaded, again = load(file), load(file)
    except Exception as error:  # noqa: BLE001 - any of them is what we look for
        yield f"reading it raises {error!r}"
        return
    yield from (str(finding) for finding in loaded.diagnostics if finding.severity == "error")
    if not loaded.pipelines:
        yield "it has no pipeline"
    if loaded.pipelines != again.pipelines or list(loaded.diagnostics) != list(again.diagnostics):
        yield "reading it twice gives two different pipelines"
    if set(loaded.names) != {pipeline.name for pipeline in loaded.pipelines}:
        yield f"its pipelines are {sorted(loaded.by_name)}, their names {sorted(loaded.names)}"
    for pipeline in loaded.pipelines:
        if pipeline.dialect != language.name:
            yield f"pipeline {pipeline.name!r} says that it is one of {pipeline.dialect}"
        if (pipeline.graph.start is not None) is not (language.graph == "controlflow"):
            yield f"pipeline {pipeline.name!r} is no {language.graph} graph"
        yield from _spans(pipeline, loaded)


def _spans(pipeline: ir.Pipeline, loaded: Loaded) -> Iterator[str]:
    lines = {name: text.text.count("\n") + 1 for name, text in loaded.sources.items()}
    spans: list[tuple[str, Span]] = [(f"pipeline {pipeline.name!r}", pipeline.span)]
    spans += [(f"node {'.'.join(path)!r}", node.span) for path, node in walk(pipeline.graph)]
    spans += [(f"edge {edge}", edge.span) for edge in pipeline.graph.edges]
    for what, span in spans:
        if not 1 <= span.line <= span.end_line <= lines.get(span.file, 0):
            yield f"{what} says that it stands at {span}, which is not in the file"


def _mutants(language: Dialect, file: Path) -> Iterator[str]:
    """Read broken versions of a file, which must produce diagnostics."""
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    for count, (where, mutant) in enumerate(_broken(tree)):
        if count == MUTANTS:
            return
        text = yaml.safe_dump(mutant, sort_keys=False)
        try:
            load_text(text, file.name, dialect=language.name)
        except Exception as error:  # noqa: BLE001 - any of them is what we look for
            yield f"reading it raises {error!r} where {where}"


def _broken(tree: Any, path: str = "the file") -> Iterator[tuple[str, Any]]:
    for odd in _ODD:
        yield f"{path} is {odd!r}", odd
    if isinstance(tree, dict):
        for key, value in tree.items():
            rest = {name: other for name, other in tree.items() if name != key}
            yield f"{path} has no {key!r}", rest
            yield f"a key of {path} is 7", {**rest, 7: value}
            for where, below in _broken(value, f"{path}.{key}"):
                yield where, {**tree, key: below}
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield f"{path}[{index}] is there twice", [*tree, value]
            for where, below in _broken(value, f"{path}[{index}]"):
                yield where, [*tree[:index], below, *tree[index + 1 :]]
