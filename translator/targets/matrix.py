"""Describe files that run a pipeline once per combination of values, for both targets."""

from __future__ import annotations

import ast
from pathlib import PurePath
from typing import TYPE_CHECKING

from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.ir import Value

SUFFIX = "_matrix"
"""The end of the names of such workflows, after that of the pipeline's own."""
TITLE = "Run {pipeline} once per combination of values."


def runs_of(points: Iterable[Mapping[str, Value]]) -> list[dict[str, object]]:
    """Return the values of each run as JSON has them."""
    return [{name: thawed(value) for name, value in point.items()} for point in points]


def decorated_function(source: str, decorator: str) -> str:
    """Return the name of the function with a decorator in the text of a Python file that has one."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return next(node.name for node in functions if any(_is(decorator, one) for one in node.decorator_list))


def _is(name: str, decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == name


def file_beside(file: str, end: str) -> str:
    """Return the name of the file that runs the workflow in another file several times.

    Args:
        file: the name of the workflow's own file.
        end: the end of such names that stays at the end, if it is there.
    """
    stem = PurePath(file).stem
    return f"{stem.removesuffix(end)}{SUFFIX}{end if stem.endswith(end) else ''}.py"
