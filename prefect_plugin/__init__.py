"""The artifact-passing shim as Prefect knows things: tasks, parameters of a form, blocks.

What generated flows import is here. It is loaded on first use, so that ``prefect_plugin.embedded`` can choose Prefect's
settings before anything imports Prefect, which reads them once.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect_plugin.attempts import record_crash
    from prefect_plugin.axes import Axis
    from prefect_plugin.blocks import ArtifactStore
    from prefect_plugin.executions import Executions
    from prefect_plugin.jobs import Job, execution
    from prefect_plugin.nodes import execution_node, skip, task_node
    from prefect_plugin.numbers import Number, as_written
    from prefect_plugin.parameters import NodeParameters
    from prefect_plugin.runs import finish, run_of

__all__ = [
    "ArtifactStore",
    "Axis",
    "Executions",
    "Job",
    "NodeParameters",
    "Number",
    "as_written",
    "execution",
    "execution_node",
    "finish",
    "record_crash",
    "run_of",
    "skip",
    "task_node",
]

_HOMES = {
    "ArtifactStore": "blocks",
    "Axis": "axes",
    "Executions": "executions",
    "Job": "jobs",
    "NodeParameters": "parameters",
    "Number": "numbers",
    "as_written": "numbers",
    "execution": "jobs",
    "execution_node": "nodes",
    "finish": "runs",
    "record_crash": "attempts",
    "run_of": "runs",
    "skip": "nodes",
    "task_node": "nodes",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if "prefect" in sys.modules:  # loaded as a collection (entry point prefect.collections): its blocks are to be known
    importlib.import_module(f"{__name__}.blocks")
