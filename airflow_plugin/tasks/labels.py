"""Show the label of a mapped execution when its command starts, or else when it ends.

Airflow renders the label (``map_index_template``) before a task is executed, and sends it in a separate request, so
that the UI has it while the task runs. What reports the end of the task contains it again. An execution with the
results of an earlier one ends at once, so its label need not be sent before. Therefore the label of a step that may
reuse results is empty when Airflow renders it, and ``label_of`` decides when it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

TEMPLATE = "{{ task.point_label }}"
"""The template of generated DAG files."""


def label_of(context: Context) -> Callable[[], None]:
    """Make a label part of the end of a task; return a function that sends it at once.

    Args:
        context: of the task, whose template can now be rendered.
    """
    task: Any = context["task"]
    ti, template = context["ti"], context.get("map_index_template")
    if not template or not hasattr(ti, "rendered_map_index"):
        return _nothing
    # Rendering one takes a millisecond.
    label = task.point_label if template == TEMPLATE else task.render_template(template, context)
    if not label or ti.rendered_map_index == label:
        return _nothing
    ti.rendered_map_index = label
    return lambda: _send(label)


def _nothing() -> None:
    pass


def _send(label: str) -> None:
    try:
        from airflow.sdk.execution_time.comms import SetRenderedMapIndex
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS
    except ImportError:  # this version of Airflow shows labels when tasks end
        return
    SUPERVISOR_COMMS.send(SetRenderedMapIndex(rendered_map_index=label))
