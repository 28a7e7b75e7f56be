"""Check the files that commands and calls name: scripts, requirements, modules, functions, notebooks, inputs."""

from __future__ import annotations

import ast
import os
import re
import sys
from contextlib import suppress
from importlib.util import find_spec
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from translator import ir
from translator.checks.commands import MOVES, OF_A_SHELL, lexed, scripts
from translator.checks.functions import module_file, parsed
from translator.diagnostics import LINE_BREAK
from translator.files import is_missing, is_missing_file
from translator.names import did_you_mean
from translator.nodes import walk_steps
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.diagnostics import Diagnostics, SourceText

_PYTHON = re.compile(r"(?:.*/)?python[0-9.]*")
_INSTALLERS = re.compile(r"(?:.*/)?(?:pip[0-9.]*|uv)")
_REQUIREMENTS = ("-r", "--requirement", "--requirements", "-c", "--constraint")
_VARIABLE = re.compile(r"[${}*?]")
_ABOVE = 3
"""How many directories above the project are searched for a missing file."""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics, *, project: Path, sources: Mapping[str, SourceText]) -> None:
    """Check the files that a pipeline names; see ``translator.checks.check``."""
    steps = {id(node.step): node.step for _, node in walk_steps(pipeline.graph)}
    for step in steps.values():
        if step.commit is not None:
            continue  # it runs with other files
        checker = _Checker(step, project, sources, diagnostics)
        if step.kind in OF_A_SHELL:
            checker.commands()
            checker.inputs()
        elif step.kind is ir.StepKind.PYTHON:
            checker.function(step.command[0])
        elif step.kind is ir.StepKind.NOTEBOOK:
            checker.notebook(step.command[0])


class _Checker:
    """A check of one step's files."""

    def __init__(
        self, step: ir.Step, project: Path, sources: Mapping[str, SourceText], diagnostics: Diagnostics
    ) -> None:
        self.step = step
        self.project = project
        self.sources = sources
        self.diagnostics = diagnostics
        self.where = f"not in {str(project) or '.'}"

    def commands(self) -> None:
        """Check scripts, requirements and modules, up to a command that may create or move files."""
        seen: set[str] = set()
        for number, command in enumerate(self.step.command):
            for script in scripts(command):
                if script not in seen and is_missing_file(self.project / script):
                    self.report("missing-script", f"runs {script!r}, which is {self.where}", script, number)
                seen.add(script)
            for line in lines(command):
                self.requirements(line, number)
                self.module(line, number)
            if MOVES.search(command):
                return

    def requirements(self, words: list[str], number: int) -> None:
        """Check the files of requirements that a line installs."""
        if not any(_INSTALLERS.fullmatch(word) for word in words):
            return
        for option, file in _options(words):
            plain = option in _REQUIREMENTS and "://" not in file and not file.startswith("/")
            if plain and not _VARIABLE.search(file) and is_missing_file(self.project / file):
                self.report("missing-file", f"installs {file!r}, which is {self.where}", file, number)

    def module(self, words: list[str], number: int) -> None:
        """Check a module of the project that a line runs with ``python -m``; others may be installed."""
        for position, (python, option, name) in enumerate(zip(words, words[1:], words[2:], strict=False)):
            if (
                option != "-m"
                or not _PYTHON.fullmatch(python)
                or any(word in ("cd", "env") for word in words[:position])
            ):
                continue
            if not all(part.isidentifier() for part in name.split(".")):
                continue
            main = self.project.joinpath(*name.split("."), "__main__.py")
            if not is_missing_file(main) or module_file(name, self.project) is not None:
                continue
            is_ours = (self.project / name.partition(".")[0]).is_dir()
            file = _path_of(name)
            if "." in name if is_ours else find_above(file, self.project):
                message = f"runs the module {name!r}, which is {self.where}"
                self.report("missing-module", message, name, number, file=name if is_ours else str(file))

    def function(self, command: str) -> None:
        """Check the module of a function, and that something in it has the function's name."""
        module, _, name = command.rpartition(".")
        if not module or not all(part.isidentifier() for part in (*module.split("."), name)):
            return
        file = module_file(module, self.project)
        if file is None:
            if not self._is_elsewhere(module):
                message = f"calls {command!r}, but there is no module {module!r} in {str(self.project) or '.'}"
                self.report("missing-module", message, module, 0, file=str(_path_of(module)))
            return
        tree = parsed(file)
        names = None if tree is None else defined(tree)
        if names is not None and name not in names:
            hint = did_you_mean(name, sorted(_functions(tree)), f"functions of {file.name}")
            message = f"calls {command!r}, but {file.relative_to(self.project)} defines no {name!r}"
            self.report("missing-function", message, name, 0, hint=hint)

    def notebook(self, command: str) -> None:
        """Check that a notebook exists, unless the step gets files that may include it."""
        if self.step.catalog.get or _VARIABLE.search(command) or command.startswith("/"):
            return
        if is_missing_file(self.project / command):
            self.report("missing-file", f"runs the notebook {command!r}, which is {self.where}", command, 0)

    def inputs(self) -> None:
        """Check the defaults of inputs that are paths in the project."""
        for step_input in self.step.inputs:
            for default in step_input.default:
                if "://" in default or re.search(r"[*?\[]|\{parameter", default):
                    continue
                if is_missing(self.project / default):
                    message = f"the default {default!r} of input {step_input.name!r} is {self.where}"
                    place = self.located(step_input.span, default)
                    hint = find_above(Path(default), self.project)
                    self.diagnostics.warning("missing-file", message, place, hint=hint)

    def report(  # noqa: PLR0913 - what a finding has
        self, code: str, message: str, text: str, number: int, *, hint: str | None = None, file: str | None = None
    ) -> None:
        """Report what is missing, at the text that names it.

        Args:
            code: the code of the finding.
            message: what the step does with it.
            text: how the command names it.
            number: the number of the command.
            hint: what to do.
            file: the path to look for above the project; by default ``text``.
        """
        spans = self.step.item_spans
        place = spans[number] if number < len(spans) else self.step.command_span or self.step.span
        hint = hint or find_above(Path(file or text), self.project)
        self.diagnostics.warning(code, f"step {self.step.name!r} {message}", self.located(place, text), hint=hint)

    def located(self, place: Span, text: str) -> Span:
        """Return the span of a text within a place, if its lines contain it."""
        source = self.sources.get(place.file)
        if source is None:
            return place
        lines = list(islice(LINE_BREAK.split(source.text), place.line - 1, place.end_line))
        word = re.compile(rf"(?<![\w./-]){re.escape(text)}(?![\w/-])")
        for pattern in (word, re.compile(re.escape(text))):
            for line, content in enumerate(lines, place.line):
                start = place.column - 1 if line == place.line else 0
                end = place.end_column - 1 if line == place.end_line else len(content)
                match = pattern.search(content, start, end)
                if match is not None:
                    return Span(place.file, line, match.start() + 1, line, match.end() + 1)
        return place

    def _is_elsewhere(self, module: str) -> bool:
        """Return whether a module may be outside the project: installed here, or in its parent packages."""
        top = module.partition(".")[0]
        if (self.project / top).is_dir() or (self.project / f"{top}.py").is_file():
            return False
        with suppress(ImportError, ValueError, AttributeError):
            return top in sys.builtin_module_names or find_spec(top) is not None
        return False


def _path_of(module: str) -> Path:
    """Return the path of a module in its project."""
    return Path(*module.split(".")).with_suffix(".py")


def find_above(file: Path, project: Path) -> str | None:
    """Return a hint if a file that the project lacks is in the current directory, or above the project."""
    if file.is_absolute():
        return None
    with suppress(OSError, ValueError):
        current = Path.cwd()
        above = islice(Path(os.path.realpath(project)).parents, _ABOVE)
        for folder in (current, *above):
            if (folder / file).is_file() and not is_missing_file(folder / file):
                shown = "." if folder == current else os.path.relpath(folder, current)
                return f"it is in {shown!r}: add --project {shown}"
    return None


def lines(command: str) -> Iterator[list[str]]:
    """Yield the words of each line of a command, up to one that may create or move files."""
    for line in re.sub(r"\\\n", " ", command).splitlines():
        if MOVES.search(line):
            return
        with suppress(ValueError):
            yield list(lexed(line))


def defined(tree: ast.Module) -> set[str] | None:
    """Return all names that a module may define, at any depth; None if that cannot be told from its text."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return None
            case ast.Import() | ast.ImportFrom():
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.Name(id="globals" | "exec" | "setattr"):
                return None
    return None if "__getattr__" in names else names


def _functions(tree: ast.Module | None) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} if tree else set()


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield options with their values, apart or after ``=``."""
    yield from pairwise(words)
    for word in words:
        option, equals, value = word.partition("=")
        if equals and option.startswith("--"):
            yield option, value
        elif word.startswith("-r") and len(word) > len("-r"):
            yield "-r", word.removeprefix("-r")
