"""Valohai: ``valohai.yaml``, a list of steps, task blueprints, pipelines, endpoints and deployments.

The vendor's own parser, ``valohai-yaml``, is the authority for the schema, for lint and for how a node's override and
a task blueprint are merged into a step; what it finds comes back with the place of the offending key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.source import Rules

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline
    from translator.source import Located, Source

NAME = "valohai"
RULES = Rules.YAML_1_1
"""The vendor's loader is PyYAML's ``safe_load``."""

TOP_LEVEL = ("step", "task", "endpoint", "pipeline", "blueprint", "deployment")
"""What an item of the file can be, in the order in which the vendor's parser looks for it."""


def detect(document: Located) -> bool:
    """Whether the file is Valohai's: a list with an item of a kind that its parser knows."""
    return any(kind in (item.entries or {}) for item in document.items or () for kind in TOP_LEVEL)


def pipeline_names(document: Located) -> tuple[str, ...]:
    """The names of all pipelines of the file, also of those that cannot be translated, in its order."""
    from translator.dialects.valohai.document import sort_items

    return tuple(sort_items(document).pipelines)


def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
    """Read the pipelines of a file.

    Args:
        source: a file whose document ``detect`` knows.
        diagnostics: receives everything that is wrong, refused or ignored; what concerns one pipeline only is marked
            so, since another pipeline of the file may still be translated.

    Returns:
        The pipelines that could be read, in the order of the file; one that has an error may be missing.
    """
    from translator.dialects.valohai.reader import read_pipelines

    return read_pipelines(source, diagnostics)
