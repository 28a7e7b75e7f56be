# ruff: noqa: INP001, T201 - part of a program whose output is the step's log
"""Read a Python step's request, call the step, and write its result.

Imports nothing but the standard library and the user's code. Its name, unlike those of other modules here, could not be
one of the user's.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

PARAMETER = "MAGNUS_PRM_"


class StepError(Exception):
    """A failed step whose message explains the failure completely."""


def run(work: Callable[[Mapping[str, Any]], dict[str, Any]], label: str) -> int:
    """Perform the request; return the exit status.

    Args:
        work: does it; gets the request (a JSON document, ``python PROGRAM REQUEST``) and returns what is written.
        label: the step's command, for messages: a function, a notebook.
    """
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path[0] = os.getcwd()  # noqa: PTH109 - an entry of sys.path
    try:
        result = work(request)
    except SystemExit as error:
        print(f"the {label} called sys.exit({error.code!r}); a step must return", file=sys.stderr)
        return 1
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - any exception of user code fails the step
        traceback.print_exception(error.with_traceback(_of_user(error.__traceback__)))
        return 1
    # Parameters set through the stand-in for magnus count as written, even if the value did not change.
    result["set"] = [*result.get("set", ()), *getattr(sys.modules.get("magnus"), "set_names", ())]
    result["environment"] = {key: value for key, value in os.environ.items() if key.startswith("MAGNUS_")}
    try:
        text = json.dumps(result)
    except (TypeError, ValueError) as error:
        print(f"the {label} returns a value that is not JSON: {error}; use kind: object", file=sys.stderr)
        return 1
    except RecursionError:
        print(f"the {label} returns a value that is nested too deep", file=sys.stderr)
        return 1
    Path(request["result"]).write_text(text, encoding="utf-8")
    return 0


def _of_user(trace: TracebackType | None) -> TracebackType | None:
    """Return ``trace`` without the frames of our own code."""
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
        trace = trace.tb_next
    return trace


def set_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Set parameters as Magnus does, in the environment."""
    for name, value in values.items():
        os.environ[PARAMETER + name] = json.dumps(value)
    return {"written": {}, "metrics": {}, "set": list(values)}


def returned(answers: Sequence[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters and metrics that runnable's ``returns`` declares, from a step's answers."""
    written: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    objects = []
    for (name, kind), value in zip(request["returns"].items(), answers, strict=True):
        if kind == "object":
            path = Path(request["put"]) / f"{name}.dill"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickler().dumps(value, pickle.HIGHEST_PROTOCOL))
            objects.append(name)
            continue
        written[name] = plain(value)
        if kind == "metric":
            metrics[name] = written[name]
    return {"written": written, "metrics": metrics, "objects": objects}


def plain(value: Any) -> Any:
    """Return a pydantic model as a dictionary, and any other value unchanged."""
    return value.model_dump(by_alias=True) if hasattr(value, "model_dump") and not isinstance(value, type) else value


def pickler() -> Any:
    """Return ``dill`` if it is installed, as runnable does, else ``pickle``."""
    try:
        return importlib.import_module("dill")
    except ImportError:
        return pickle
