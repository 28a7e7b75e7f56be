"""What a DAG is called, and the arguments that every DAG has."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from translator import ir, registry
from translator.names import identifiers
from translator.targets.render import name

if TYPE_CHECKING:
    from translator.targets import GenerateOptions
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Expression


def dag_id(pipeline: ir.Pipeline) -> str:
    """The DAG's id, which also names its file: the pipeline's name as an identifier.

    An identifier is ASCII; where the name is not, a digest keeps two such names apart.
    """
    identifier = identifiers([pipeline.name])[pipeline.name]
    if pipeline.name.isascii():
        return identifier
    return f"{identifier}_{hashlib.sha256(pipeline.name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def dag_arguments(pipeline: ir.Pipeline, options: GenerateOptions, **default_args: Expression) -> Arguments:
    """The arguments of ``DAG``.

    Args:
        pipeline: the pipeline.
        options: what the file needs to know of its surroundings.
        default_args: what its operators are told beside the project's folder; None stands for nothing.
    """
    limit = _max_active_tasks(pipeline)
    return (
        ("dag_id", options.dag_id or dag_id(pipeline)),
        ("dag_display_name", pipeline.name),
        ("description", f"{registry.title(pipeline.dialect)} pipeline at {pipeline.span.place}"),
        ("schedule", None),
        *((("max_active_tasks", limit),) if limit is not None else ()),
        (
            "default_args",
            {
                "project": name("PROJECT"),
                **{key: item for key, item in default_args.items() if item is not None},
                "retries": 0,
            },
        ),
        ("tags", [pipeline.dialect]),
    )


def _max_active_tasks(pipeline: ir.Pipeline) -> int | None:
    """How many tasks run at once; None where nothing says it, or where there are no more nodes than that.

    Airflow counts the executions of a task node one by one, so that where nodes run one after another, the widest task
    node decides: its executions are meant to run side by side.
    """
    if pipeline.concurrency is None:
        return None
    widths = [node.policy.concurrency or 1 for node in pipeline.nodes if isinstance(node, ir.TaskNode)]
    most = max([pipeline.concurrency, *widths])
    return most if most < len(pipeline.nodes) or widths else None
