"""Read ``valohai.yaml``: a list of steps, task blueprints, pipelines, endpoints and deployments.

The vendor's own parser, ``valohai-yaml``, is the authority for the schema, for lint and for how a node's override and
a task blueprint are merged into a step; what it finds comes back with the place of the offending key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.dialects import Dialect
from translator.names import closest
from translator.source import Rules

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.ir import Pipeline
    from translator.source import Located

TOP_LEVEL = ("step", "task", "endpoint", "pipeline", "blueprint", "deployment")
"""The kinds of items in the file, in the order in which the vendor's parser checks them."""


def detect(document: Located) -> bool:
    """Return whether the file is Valohai's: a list with an item of a kind that the vendor's parser accepts."""
    return any(kind in (item.entries or {}) for item in document.items or () for kind in TOP_LEVEL)


def pipeline_names(document: Located) -> tuple[str, ...]:
    """Return the names of all pipelines of the file, in its order, including those that cannot be translated."""
    from translator.dialects.valohai.document import sort_items

    return tuple(sort_items(document).pipelines)


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


def nearly(document: Located) -> tuple[str, str | None] | None:
    """Explain why a file is not Valohai's: it is not a list, or a key is misspelt."""
    for key in document.entries or ():
        if key in TOP_LEVEL:
            return "a valohai.yaml must be a list", f"put '- ' before '{key}:'"
    for key in [str(key) for item in document.items or () for key in item.entries or ()]:
        near = closest(key, TOP_LEVEL)
        if near:
            return "no item of this list is a step or a pipeline", f"did you mean {near!r} instead of {key!r}?"
    if document.items is not None:
        hint = "an item of a valohai.yaml starts with '- step:' or '- pipeline:'"
        return "no item of this list is a step or a pipeline", hint
    return None


DIALECT = Dialect(
    name="valohai",
    title="Valohai",
    graph="dataflow",
    rules=Rules.YAML_1_1,  # the vendor's loader is PyYAML's safe_load
    detect=detect,
    pipeline_names=pipeline_names,
    read=read,
    nearly=nearly,
)
