"""Read Loom 0.7: data nodes, parameters and a list of scripts that read and write them.

The authority is the engine itself, ``loom-pipeline==0.7.0``. Every argument of a script is a parameter of its step, in
the order of Loom's command line. ``${NAME}`` stays in values and paths as it is written: the shim puts the worker's
environment in when the step runs, and ``Step.required_environment`` names what must be set there (docs/loom.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from translator.dialects import Dialect
from translator.dialects.loom.choices import OPTIONS
from translator.source import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects import Choices, Source
    from translator.ir import Pipeline
    from translator.source import Located


def detect(document: Located) -> bool:
    """Return whether the file is Loom's: a mapping with a ``pipeline`` of scripts, or other sections of Loom."""
    entries = document.entries or {}
    pipeline = entries.get("pipeline")
    if pipeline is None or "dag" in entries:
        return False
    steps = any(
        {"task", "script", "kind", "group"} & (item.entries or {}).keys()
        for item in pipeline.items or ()
        if item.entries
    )
    return steps or bool({"data", "execution", "output_dir"} & entries.keys())


def pipeline_names(source: Source) -> tuple[str, ...]:
    """Return the name of the file's only pipeline, derived from the file's name; see ``reader.name_of``."""
    from translator.dialects.loom.reader import name_of

    return (name_of(source.name, None),)


def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
    """Read the pipeline of a file.

    Args:
        source: a file whose document ``detect`` accepts.
        diagnostics: receives everything that is wrong, refused or ignored.

    Returns:
        The pipeline, as far as it could be read.
    """
    from translator.dialects.loom.reader import read_pipelines

    return read_pipelines(source, diagnostics)


def part(source: Source) -> Choices | None:
    """Return the choices of steps whose inputs come from an earlier run; without ``--run``, they are in the project."""
    if source.choices.run is None or source.root is None:
        return None
    from translator.dialects.loom.reader import chosen_steps

    return replace(source.choices, steps=chosen_steps(source))


def json_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of the files."""
    from translator.dialects.loom.json_schema import json_schema as schema

    return schema()


DIALECT = Dialect(
    name="loom",
    title="Loom",
    graph="dataflow",
    rules=Rules.YAML_1_1,  # the engine's loader is PyYAML's safe_load
    detect=detect,
    pipeline_names=pipeline_names,
    read=read,
    json_schema=json_schema,
    options=OPTIONS,
    in_place=True,
    part=part,
    files=("pipeline.yml", "pipeline.yaml"),
    repetition="'loop' repeats a step for each file",
)
