"""Read ``valohai.yaml``: a list of steps, task blueprints, pipelines, endpoints and deployments.

The vendor's own parser, ``valohai-yaml``, is the authority for the schema, for lint and for how a node's override and
a task blueprint are merged into a step; what it finds comes back with the place of the offending key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.dialects import Dialect
from translator.dialects.valohai.choices import OPTIONS, ValohaiChoices
from translator.dialects.valohai.detect import detect, nearly
from translator.dialects.valohai.document import sort_items
from translator.dialects.valohai.selection import choices_of, part
from translator.dialects.valohai.single_nodes import single_nodes
from translator.source import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.ir import Pipeline


def pipeline_names(source: Source) -> tuple[str, ...]:
    """Return the names of all pipelines of a source, in its order, including those that cannot be translated.

    Raises:
        ChoiceError: the choices name a step or a task blueprint that the file does not have.
    """
    if source.root is None:
        return ()
    items = sort_items(source.root)
    choices = choices_of(source, items)
    return (*(items.pipelines if choices.pipelines else ()), *(one.name for one in single_nodes(items, choices)))


def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
    """Read the pipelines of a file.

    Args:
        source: a file whose document ``detect`` accepts.
        diagnostics: receives everything that is wrong, refused or ignored; findings about one pipeline name it,
            because others in the file may still be translated.

    Returns:
        The pipelines that could be read, in the order of the file; pipelines with errors may be missing.
    """
    from translator.dialects.valohai.reader import read_pipelines

    return read_pipelines(source, diagnostics)


def json_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of the files."""
    from translator.dialects.valohai.schema import json_schema as schema

    return schema()


DIALECT = Dialect(
    name="valohai",
    title="Valohai",
    graph="dataflow",
    rules=Rules.YAML_1_1,  # the vendor's loader is PyYAML's safe_load
    detect=detect,
    pipeline_names=pipeline_names,
    read=read,
    json_schema=json_schema,
    options=OPTIONS,
    part=part,
    everything=ValohaiChoices(everything=True),
    nearly=nearly,
    files=("valohai.yaml", "valohai.yml"),
)
