"""Read the functions that steps call from their modules' text; no code is imported."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.files import is_missing_file

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the project; ``file`` is relative to the project."""

    node: ast.FunctionDef
    module: ast.Module
    file: str

    @property
    def unfilled(self) -> str | None:
        """The name of its ``*args`` or ``**kwargs`` with the stars; None if a decorator may hide it."""
        arguments = self.node.args
        if self.node.decorator_list:
            return None
        if arguments.vararg:
            return f"*{arguments.vararg.arg}"
        return f"**{arguments.kwarg.arg}" if arguments.kwarg else None


def function_of(command: str, project: Path) -> Function | None:
    """Return the function that ``command`` (``module.function``) names, if it is at the top of a module's file."""
    module, _, name = command.rpartition(".")
    if not module or not all(part.isidentifier() for part in module.split(".")):
        return None
    for file in _places(module, project):
        tree = parsed(file)
        if tree is not None:
            # An import returns the last of several.
            functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
            return Function(functions[-1], tree, str(file.relative_to(project))) if functions else None
    return None


def module_file(module: str, project: Path) -> Path | None:
    """Return the file of a module of the project."""
    return next((file for file in _places(module, project) if not is_missing_file(file)), None)


def _places(module: str, project: Path) -> tuple[Path, Path]:
    place = project.joinpath(*module.split("."))
    return place.with_name(f"{place.name}.py"), place / "__init__.py"


def parsed(file: Path) -> ast.Module | None:
    """Return the syntax tree of a file of Python; None if it cannot be read."""
    try:
        if file.is_file() and file.stat().st_size < _LARGEST:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return None
