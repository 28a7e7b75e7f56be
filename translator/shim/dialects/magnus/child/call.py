# ruff: noqa: INP001, T201 - a program of its own, whose output is the step's log
"""Calls a step's function in a process of its own; imports nothing but the standard library and the user's code.

Run as ``python call.py REQUEST``: a JSON document that says which function, with which parameters, and where to write
what became of it. Binding rules are the engines', but lenient where those refuse harmless annotations: none, strings,
``Optional`` and other unions take the value as it is, generics (``list[int]``) are cast to their origin.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pickle
import sys
import traceback
import typing
from pathlib import Path
from typing import Any


def main() -> int:
    """Do what the request says; returns the exit status."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path[0] = os.getcwd()  # noqa: PTH109 - an entry of sys.path
    try:
        function = found(request["command"])
        arguments = bound(function, request)
        answer = function(**arguments)
        result = returned(answer, request)
    except SystemExit as error:
        print(f"the function called sys.exit({error.code!r}); a step must return", file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - whatever user code raises is the step's error
        traceback.print_exc()
        return 1
    result["environment"] = {key: value for key, value in os.environ.items() if key.startswith("MAGNUS_")}
    try:
        text = json.dumps(result)
    except (TypeError, ValueError) as error:
        print(f"the function returns what is no JSON: {error}; use kind: object for it", file=sys.stderr)
        return 1
    Path(request["result"]).write_text(text, encoding="utf-8")
    return 0


def found(command: str) -> Any:
    """The function that ``command`` names."""
    module, _, name = command.rpartition(".")
    if not module:
        raise ValueError(f"{command!r} names no function: write module.function")
    return getattr(importlib.import_module(module), name)


def bound(function: Any, request: dict[str, Any]) -> dict[str, Any]:  # noqa: C901 - a case per kind of argument
    """The arguments that a function is called with."""
    values: dict[str, Any] = {**request["parameters"], **request["items"]}
    for name, path in request["objects"].items():
        if name not in request["items"]:
            values[name] = _loaded(Path(path))
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
            raw = name in request["objects"]
            arguments[name] = values[name] if raw else cast(name, values[name], parameter.annotation)
        elif parameter.default is inspect.Parameter.empty:
            raise ValueError(f"parameter {name!r} is required by {function.__name__} and has no value")
    others = {name: value for name, value in values.items() if name not in arguments}
    if rest is not None:
        arguments.update(others)
    elif space is not None:
        arguments[space] = argparse.Namespace(**others)
    return arguments


def cast(name: str, value: Any, annotation: Any) -> Any:
    """``value`` as its argument's annotation wants it."""
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return value
    if hasattr(annotation, "model_fields"):
        return annotation(**(value if isinstance(value, dict) else {name: value}))
    target = typing.get_origin(annotation) or annotation
    if not isinstance(target, type) or value is None or target is inspect.Parameter.empty:
        return value
    if target.__module__ == "types":  # X | Y
        return value
    try:
        return target(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"parameter {name!r} cannot be {target.__name__}: {error}") from error


def returned(answer: Any, request: dict[str, Any]) -> dict[str, Any]:
    """What a function's answer leaves: parameters and metrics."""
    written: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    if request["dialect"] == "magnus":
        if answer:
            if not hasattr(answer, "model_dump") or isinstance(answer, type):
                raise ValueError(f"a function may return a pydantic model or nothing, not {type(answer).__name__}")
            for name, value in answer.model_dump(by_alias=True).items():
                os.environ[f"MAGNUS_PRM_{name}"] = json.dumps(value)
        return {"written": {}, "metrics": {}}
    returns = request["returns"]
    answers = answer if isinstance(answer, tuple) else (answer,)
    if returns and len(answers) != len(returns):
        raise ValueError(f"the step returns {len(returns)} values ({', '.join(returns)}), the function {len(answers)}")
    for (name, kind), value in zip(returns.items(), answers, strict=False):
        if kind == "object":
            path = Path(request["put"]) / f"{name}.dill"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_pickler().dumps(value))
            written[name] = {"$object": path.name}
            continue
        plain = value.model_dump(by_alias=True) if hasattr(value, "model_dump") else value
        written[name] = plain
        if kind == "metric":
            metrics[name] = plain
    return {"written": written, "metrics": metrics}


def _pickler() -> Any:
    """Dill, as runnable uses, where it is installed: it pickles more."""
    try:
        return importlib.import_module("dill")
    except ImportError:
        return pickle


def _loaded(path: Path) -> Any:
    return _pickler().loads(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
