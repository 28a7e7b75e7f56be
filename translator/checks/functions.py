"""Read the functions that steps call from their modules' text; no code is imported."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    place = project.joinpath(*module.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        tree = _parsed(file)
        if tree is not None:
            # An import returns the last of several.
            functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
            return Function(functions[-1], tree, str(file.relative_to(project))) if functions else None
    return None


def _parsed(file: Path) -> ast.Module | None:
    try:
        if file.is_file() and file.stat().st_size < _LARGEST:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return None
