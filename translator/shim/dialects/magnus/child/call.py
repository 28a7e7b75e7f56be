# ruff: noqa: INP001 - a program of its own
"""Calls a step's function in a process of its own.

Run as ``python call.py REQUEST``: a JSON document that says which function, with which parameters, and where to write
what became of it. Binding rules are the engines', but lenient where those refuse harmless annotations: none, strings,
``Optional`` and other unions take the value as it is, generics (``list[int]``) are cast to their origin.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translator.shim.dialects.magnus.child import _pipeline_step as step
else:
    import _pipeline_step as step


def called(request: typing.Mapping[str, Any]) -> dict[str, Any]:
    """Call the function that the request names; returns what it leaves."""
    function = found(request["command"])
    answer = function(**bound(function, request))
    if request["dialect"] == "magnus":
        if not answer:
            return step.set_parameters({})
        if not hasattr(answer, "model_dump") or isinstance(answer, type):
            raise step.StepError(f"a function may return a pydantic model or nothing, not {type(answer).__name__}")
        return step.set_parameters(step.plain(answer))
    returns = request["returns"]
    if not returns:
        return step.returned([], request)
    answers = answer if isinstance(answer, tuple) else (answer,)
    if len(answers) != len(returns):
        raise step.StepError(
            f"the step returns {len(returns)} values ({', '.join(returns)}), the function {len(answers)}"
        )
    return step.returned(answers, request)


def found(command: str) -> Any:
    """The function that ``command`` names."""
    module, _, name = command.rpartition(".")
    if not module:
        raise step.StepError(f"{command!r} names no function: write module.function")
    return getattr(importlib.import_module(module), name)


def bound(function: Any, request: typing.Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a function is called with."""
    values: dict[str, Any] = {**request["parameters"], **request["items"]}
    objects = {name: path for name, path in request["objects"].items() if name not in request["items"]}
    values |= {name: step.pickler().loads(Path(path).read_bytes()) for name, path in objects.items()}
    arguments: dict[str, Any] = {}
    rest: inspect.Parameter | None = None
    space: str | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            rest = parameter
        elif parameter.annotation is argparse.Namespace:
            space = name
        elif name in values:
            arguments[name] = values[name] if name in objects else cast(name, values[name], parameter.annotation)
        elif parameter.default is inspect.Parameter.empty:
            raise step.StepError(f"parameter {name!r} is required by {function.__name__} and has no value")
    others = {name: value for name, value in values.items() if name not in arguments}
    if rest is not None:
        arguments.update(others)
    elif space is not None:
        arguments[space] = argparse.Namespace(**others)
    return arguments


def cast(name: str, value: Any, annotation: Any) -> Any:
    """``value`` as its argument's annotation wants it."""
    if annotation in {inspect.Parameter.empty, Any} or isinstance(annotation, str):
        return value
    if hasattr(annotation, "model_fields"):
        return model(annotation, value, name)
    target = typing.get_origin(annotation) or annotation
    if not isinstance(target, type) or target is types.UnionType:
        return value
    try:
        return target(value)
    except (ValueError, TypeError) as error:
        if value is None:
            return None
        raise step.StepError(f"parameter {name!r} cannot be {target.__name__}: {error}") from error


def model(annotation: Any, value: Any, name: str) -> Any:
    """``value`` as a pydantic model, which ignores what it does not know, whatever it says of that itself."""
    fields = value if isinstance(value, dict) else {name: value}
    namespace = {"model_config": {"extra": "ignore"}, "__module__": annotation.__module__}
    easy = type(annotation.__name__, (annotation,), namespace)(**fields)
    try:
        return annotation(**easy.model_dump())
    except ValueError:  # its fields have other names outside
        return annotation(**easy.model_dump(by_alias=True))


if __name__ == "__main__":
    sys.exit(step.run(called, "function"))
