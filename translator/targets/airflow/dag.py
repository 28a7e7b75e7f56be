"""What a DAG is called, and the arguments that every DAG has."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from translator.names import identifiers
from translator.targets.render import name

if TYPE_CHECKING:
    from translator import ir
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


def dag_arguments(pipeline: ir.Pipeline, **default_args: Expression) -> Arguments:
    """The arguments of ``DAG``.

    Args:
        pipeline: the pipeline.
        default_args: what its operators are told beside the project's folder.
    """
    return (
        ("dag_id", dag_id(pipeline)),
        ("dag_display_name", pipeline.name),
        ("description", f"{pipeline.dialect.capitalize()} pipeline at {pipeline.span.place}"),
        ("schedule", None),
        ("default_args", {"project": name("PROJECT"), **default_args}),
        ("tags", [pipeline.dialect]),
    )
