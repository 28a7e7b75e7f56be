"""Stand in for ``runnable`` in steps that run without it, for modules that also define their pipeline.

Runnable's API defines pipelines; a step's function uses none of it. In a step, definitions are inert and ``execute``
returns at once, as it does when runnable itself imports a module for one of its functions.
"""

from __future__ import annotations

from .sdk import (
    AsyncPipeline,
    AsyncPythonTask,
    Catalog,
    Conditional,
    Fail,
    Loop,
    Map,
    NotebookJob,
    NotebookTask,
    Parallel,
    Pipeline,
    PythonJob,
    PythonTask,
    ShellJob,
    ShellTask,
    Stub,
    Success,
    json,
    metric,
    pickled,
)
from .telemetry import (
    OTEL_AVAILABLE,
    StreamingSpanProcessor,
    get_stream_queue,
    set_stream_queue,
    truncate_value,
)

__all__ = [
    "OTEL_AVAILABLE",
    "AsyncPipeline",
    "AsyncPythonTask",
    "Catalog",
    "Conditional",
    "Fail",
    "Loop",
    "Map",
    "NotebookJob",
    "NotebookTask",
    "Parallel",
    "Pipeline",
    "PythonJob",
    "PythonTask",
    "ShellJob",
    "ShellTask",
    "StreamingSpanProcessor",
    "Stub",
    "Success",
    "get_stream_queue",
    "json",
    "metric",
    "pickled",
    "set_stream_queue",
    "truncate_value",
]
