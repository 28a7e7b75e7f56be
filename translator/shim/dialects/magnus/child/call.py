# ruff: noqa: INP001 - a separate program
"""Call a step's function in its own process.

Run as ``python call.py REQUEST``: a JSON document that says which function, with which parameters, and where to write
the outcome. Arguments are bound as in the engines, except annotations at which those fail: there the value is
passed unchanged, or converted to the obvious type. ``docs/magnus.md`` lists them.
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
    """Call the function that the request names; return its results."""
    function = function_named(request["command"])
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


def function_named(command: str) -> Any:
    """Return the function that ``command`` names."""
    module, _, name = command.rpartition(".")
    if not module:
        raise step.StepError(f"{command!r} does not name a function; write module.function")
    return getattr(importlib.import_module(module), name)


def bound(function: Any, request: typing.Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a function is called with."""
    values: dict[str, Any] = {**request["parameters"], **request["items"]}
    objects = {name: path for name, path in request["objects"].items() if name not in request["items"]}
    values |= {name: step.pickler().loads(Path(path).read_bytes()) for name, path in objects.items()}
    if request["dialect"] == "magnus":
        return _bound_as_magnus(function, values)
    return _bound_as_runnable(function, values, objects)


def _bound_as_magnus(function: Any, values: typing.Mapping[str, Any]) -> dict[str, Any]:
    """Treat every argument as a parameter, even ``**kwargs``; a model consumes the parameters that are its fields."""
    arguments: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in values and name not in owners:
            arguments[name] = cast(name, values[name], parameter.annotation, "magnus")
            owners |= dict.fromkeys(getattr(type(arguments[name]), "model_fields", ()), name)
        elif parameter.default is inspect.Parameter.empty:
            raise step.StepError(_missing(function, parameter, owners))
    return arguments


def _bound_as_runnable(
    function: Any, values: typing.Mapping[str, Any], objects: typing.Container[str]
) -> dict[str, Any]:
    """Fill ``**kwargs`` or an ``argparse.Namespace`` with the parameters that no other argument takes."""
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
        elif name in objects:
            arguments[name] = values[name]
        elif name in values:
            arguments[name] = cast(name, values[name], parameter.annotation, "runnable")
        elif parameter.default is inspect.Parameter.empty:
            raise step.StepError(_missing(function, parameter, {}))
        else:
            arguments[name] = parameter.default
    others = {name: value for name, value in values.items() if name not in arguments}
    if rest is not None:
        arguments.update(others)
    elif space is not None:
        arguments[space] = argparse.Namespace(**others)
    return arguments


def _missing(function: Any, parameter: inspect.Parameter, owners: typing.Mapping[str, str]) -> str:
    """Explain why an argument without a default has no value."""
    called = getattr(function, "__name__", str(function))
    if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        shown = str(parameter.replace(annotation=inspect.Parameter.empty))
        return f"Magnus does not pass {shown} of {called}; declare each parameter that the function needs"
    if parameter.name in owners:
        owner = owners[parameter.name]
        return (
            f"parameter {parameter.name!r} is a field of the model {owner!r} of {called}, which consumes it in Magnus; "
            f"move the argument {parameter.name!r} before {owner!r}"
        )
    return f"parameter {parameter.name!r} is required by {called} and has no value"


def cast(name: str, value: Any, annotation: Any, dialect: str) -> Any:
    """Convert ``value`` to the annotation of its argument."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = annotation.__origin__
    if annotation is inspect.Parameter.empty or annotation is Any or isinstance(annotation, str):
        return value
    if hasattr(annotation, "model_fields"):
        return model(annotation, value, name)
    target = typing.get_origin(annotation) or annotation
    if target is types.UnionType or type(target).__module__ == "typing":  # a special form, which is not callable
        return value
    if not isinstance(target, type) and (dialect == "magnus" or not callable(target)):
        return value
    try:
        return target(value)
    except (ValueError, TypeError) as error:
        wanted = getattr(target, "__name__", str(target))
        raise step.StepError(f"parameter {name!r} cannot be {wanted}: {error}") from error


def model(annotation: Any, value: Any, name: str) -> Any:
    """Return ``value`` as a pydantic model that ignores unknown keys, whatever its configuration."""
    fields = value if isinstance(value, dict) else {name: value}
    namespace = {"model_config": {"extra": "ignore"}, "__module__": annotation.__module__}
    easy = type(annotation.__name__, (annotation,), namespace)(**fields)
    try:
        return annotation(**easy.model_dump())
    except ValueError:  # its fields have aliases
        return annotation(**easy.model_dump(by_alias=True))


if __name__ == "__main__":
    sys.exit(step.run(called, "function"))
