# ruff: noqa: INP001 - a separate program
"""Execute a step's notebook in its own process with ploomber-engine, as Magnus and runnable do.

Run as ``python notebook.py REQUEST``, as ``call.py``. Parameters are injected as that engine does it. What the notebook
leaves is, in Magnus, the dicts that cells with the output tag print; in runnable, the values of its variables that
``returns`` names. Runnable executes a notebook a second time to look at them; here it is executed once.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.shim.dialects.magnus.child import _pipeline_step as step
else:
    import _pipeline_step as step


class _ShownError(Exception):
    """A failed cell whose exception has been shown."""


def executed(request: Mapping[str, Any]) -> dict[str, Any]:
    """Execute the notebook that the request names; return its results."""
    os.environ["PLOOMBER_STATS_ENABLED"] = "false"
    from ploomber_engine import execute, ipython, profiling  # type: ignore[import-untyped]

    variables: dict[str, Any] = {}
    ipython.IO = _plain(ipython.IO)
    execute.PloomberClient = _keeping(ipython.PloomberClient, variables)
    profiling.PloomberMemoryProfilerClient = _keeping(profiling.PloomberMemoryProfilerClient, variables)
    target = request["notebook"]
    settings = {
        "input_path": request["command"],
        "output_path": target,
        "parameters": {**request["parameters"], **request["items"]},
        "log_output": True,
        "progress_bar": False,
        **request["settings"],
    }
    try:
        notebook = execute.execute_notebook(**settings)
    except _ShownError as error:
        raise step.StepError(f"the notebook {error}") from None
    kept = Path(request["put"]) / target
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target, kept)
    if request["dialect"] == "magnus":
        return step.set_parameters(printed(notebook.cells, request["tag"]))
    missing = [name for name in request["returns"] if name not in variables]
    if missing:
        raise step.StepError(f"the notebook lacks variables that its step returns: {', '.join(missing)}")
    return step.returned([variables[name] for name in request["returns"]], request)


def printed(cells: Iterable[Any], tag: str) -> dict[str, Any]:
    """Return the parameters that cells tagged ``tag`` print as literal dictionaries."""
    printed_values: dict[str, Any] = {}
    for cell in cells:
        if tag not in cell.get("metadata", {}).get("tags", ()):
            continue
        for text in (output["text"] for output in cell.get("outputs", ()) if "text" in output):
            try:
                values = ast.literal_eval(text)
            except (ValueError, SyntaxError):
                values = None
            if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
                raise step.StepError(
                    f"a cell tagged {tag!r} prints something that is not a dictionary of parameters: {text[:200]!r}"
                )
            printed_values.update(values)
    return printed_values


def _keeping(client: Any, variables: dict[str, Any]) -> Any:
    """Return a client that keeps the notebook's variables after it ends."""

    class Keeping(client):  # type: ignore[misc]
        def __enter__(self) -> Any:
            super().__enter__()
            self._shell.colors = "nocolor"
            return self

        def execute_cell(self, cell: Any, cell_index: int, execution_count: int, store_history: bool) -> Any:  # noqa: FBT001
            try:
                return super().execute_cell(cell, cell_index, execution_count, store_history)
            except Exception as error:
                place = f"code cell {execution_count} (counting the injected parameters)"
                message = f"fails in {place}: {type(error).__name__}: {error}"
                raise _ShownError(message) from error

        def __exit__(self, *error: object) -> None:
            variables.update(self._shell.user_ns)
            super().__exit__(*error)

    return Keeping


def _plain(stream: Any) -> Any:
    """Return a stream that shows a notebook's output without the engine's empty lines."""

    class Plain(stream):  # type: ignore[misc]
        def write(self, text: str) -> int:
            self._values.append(text)
            if self.display:
                self.default.write(text)
            super(stream, self).write(text)
            return len(text)

    return Plain


if __name__ == "__main__":
    sys.exit(step.run(executed, "notebook"))
