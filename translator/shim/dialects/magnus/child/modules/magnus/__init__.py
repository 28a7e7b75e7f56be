"""Stand in for ``magnus`` in steps that run without it: the functions that user code calls while a step runs."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import socket
from pathlib import Path
from typing import Any

from .sdk import Catalog, Fail, Map, Parallel, Pipeline, Stub, Success, Task

__all__ = [
    "Catalog",
    "Fail",
    "Map",
    "Parallel",
    "Pipeline",
    "Stub",
    "Success",
    "Task",
    "get_experiment_tracker_context",
    "get_from_catalog",
    "get_object",
    "get_parameter",
    "get_run_id",
    "get_secret",
    "put_in_catalog",
    "put_object",
    "set_parameter",
    "track_this",
]

_PARAMETER = "MAGNUS_PRM_"
_TRACK = "MAGNUS_TRACK_"
set_names: set[str] = set()
"""The parameters that the step has set."""


def _plain(value: Any) -> Any:
    return value.model_dump(by_alias=True) if hasattr(value, "model_dump") else value


def set_parameter(**kwargs: Any) -> None:
    """Set parameters for later steps."""
    set_names.update(kwargs)
    for name, value in kwargs.items():
        os.environ[_PARAMETER + name] = json.dumps(value.model_dump() if hasattr(value, "model_dump") else value)


def get_parameter(key: str | None = None, cast_as: Any = None) -> Any:
    """Return the value of a parameter, or all of them."""
    parameters = {}
    for name, text in os.environ.items():
        if name.startswith(_PARAMETER):
            try:
                parameters[name[len(_PARAMETER) :].lower()] = json.loads(text)
            except ValueError:
                parameters[name[len(_PARAMETER) :].lower()] = text
    if key and key not in parameters:
        raise Exception(f"Parameter {key} is not set before")  # noqa: TRY002 - as magnus does
    value = parameters[key] if key else parameters
    if cast_as is None:
        return value
    if hasattr(cast_as, "model_fields"):
        return cast_as(**value)
    return cast_as(value)


def track_this(step: int = 0, **kwargs: Any) -> None:
    """Track metrics."""
    for name, value in kwargs.items():
        os.environ[f"{_TRACK}{name}_STEP_{step}"] = json.dumps(_plain(value))


def get_secret(secret_name: str) -> str:
    """Return a secret, from the environment or the engine's own store."""
    request = {"name": secret_name, "value": os.environ.get(secret_name)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.connect(os.environ["MAGNUS_STAND_IN_SECRETS"])
        asked.sendall(f"{json.dumps(request)}\n".encode())
        answer = json.loads(asked.makefile("rb").read())
    if "problem" in answer:
        raise RuntimeError(f"the secret {secret_name!r} cannot be looked up: {answer['problem']}")
    if answer["value"] is None:
        raise KeyError(
            f"there is no secret {secret_name!r}: set the environment variable of that name on the worker, or store it "
            "as a secret in the engine"
        )
    return str(answer["value"])


def get_run_id() -> str:
    """Return the id of the run."""
    return os.environ["MAGNUS_RUN_ID"]


def get_experiment_tracker_context() -> contextlib.AbstractContextManager[None]:
    """Return a context that does nothing."""
    return contextlib.nullcontext()


def put_in_catalog(filepath: str) -> None:
    """Put files into the catalog, when the step is complete."""
    files = [path for path in Path().glob(filepath) if path.is_file()]
    if not files:
        raise Exception(f"Did not find any files matching {filepath}")  # noqa: TRY002 - as magnus does
    for path in files:
        target = Path(os.environ["MAGNUS_STAND_IN"]) / "put" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def get_from_catalog(name: str, destination_folder: str = "") -> None:  # noqa: ARG001 - magnus does not use it either
    """Get files that match a pattern from the catalog."""
    from translator.shim.dialects.magnus.child_catalog import fetch

    fetch(name)


def put_object(data: Any, name: str) -> None:
    """Put a pickled object into the catalog, when the step is complete."""
    path = Path(f"{name}.pickle")
    path.write_bytes(pickle.dumps(data, pickle.HIGHEST_PROTOCOL))
    put_in_catalog(str(path))
    path.unlink()


def get_object(name: str) -> Any:
    """Return an object from the catalog."""
    path = Path(f"{name}.pickle")
    get_from_catalog(str(path))
    data = pickle.loads(path.read_bytes())  # noqa: S301 - an object of the user's own run
    path.unlink()
    return data
