"""Find the parameters that a step of a control-flow graph writes, from its text; no code is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.checks.commands import scripts
from translator.checks.functions import function_of
from translator.shim import run_contract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Writes:
    """The parameters that are known to be written; ``whole`` is false if there may be others."""

    names: frozenset[str] = frozenset()
    whole: bool = True


def writes(step: ir.Step, dialect: str, project: Path | None) -> Writes:
    """Return what a step writes.

    Args:
        step: the step.
        dialect: the source language.
        project: the directory with its modules.
    """
    if step.kind is ir.StepKind.STUB:
        return Writes()
    scoping = run_contract.scoping(dialect)
    if scoping.returns:
        return Writes(frozenset(item.name for item in step.returns))
    if step.kind is ir.StepKind.SHELL:
        # The output of a command counts, too, and a script may print anything.
        setting = re.compile(rf"\b{re.escape(scoping.prefix)}(\w+)=")
        names = frozenset(name.lower() for name in setting.findall(step.command[0]))
        return Writes(names, whole=not any(scripts(step.command[0])))
    if step.kind is ir.StepKind.PYTHON and project is not None:
        return _of_function(step.command[0], project)
    return Writes(whole=False)


def _of_function(command: str, project: Path) -> Writes:
    source_function = function_of(command, project)
    if source_function is None:
        return Writes(whole=False)
    function = source_function.node
    models = {
        node.name: frozenset(_fields(node)) for node in source_function.module.body if isinstance(node, ast.ClassDef)
    }
    names: set[str] = set()
    whole = True
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _called(node) == "set_parameter":
            names.update(keyword.arg.lower() for keyword in node.keywords if keyword.arg)
            whole = whole and all(keyword.arg for keyword in node.keywords)
        elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            constructor = _called(node.value) if isinstance(node.value, ast.Call) else None
            names.update(field.lower() for field in models.get(constructor or "", ()))
            whole = whole and constructor in models
    return Writes(frozenset(names), whole)


def _fields(model: ast.ClassDef) -> Iterator[str]:
    return (n.target.id for n in model.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name))


def _called(call: ast.Call) -> str | None:
    function = call.func
    return (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else None
    )


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
