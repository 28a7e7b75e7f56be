"""Make the dialects of the two languages, which differ in name, title and a ``Language``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.dialects import Dialect
from translator.dialects.controlflow.detect import is_pipeline, language_of, pipeline_names
from translator.source import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects import Source
    from translator.ir import Pipeline


def dialect(name: str, title: str) -> Dialect:
    """Return one of the two dialects, by its name and title."""

    def read(source: Source, diagnostics: Diagnostics) -> tuple[Pipeline, ...]:
        from translator.dialects.controlflow.language import LANGUAGES
        from translator.dialects.controlflow.reader import read_pipelines

        return read_pipelines(source, LANGUAGES[name], diagnostics)

    def json_schema() -> Mapping[str, Any]:
        from translator.dialects.controlflow import json_schema

        return json_schema.json_schema(name)

    return Dialect(
        name=name,
        title=title,
        graph="controlflow",
        rules=Rules.YAML_1_2,  # both engines load with ruamel.yaml and its default
        detect=lambda document: is_pipeline(document) and language_of(document) == name,
        pipeline_names=pipeline_names,
        read=read,
        json_schema=json_schema,
        in_place=True,
        project_is_current=True,
        files=("pipeline.yaml", f"{name}.yaml"),
        repetition="'map' repeats steps",
    )
