"""Draw random cases of ``tests.oracle.controlflow`` whose steps also put files into the catalog."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from tests.controlflow.run import Case
from tests.controlflow.work import files, put, taken
from translator import ir
from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.controlflow import Case as Drawn


def written_to(drawn: Drawn, file: Path) -> Case:
    """Write a drawn case as a user would; gives what has been read from there."""
    document = copy.deepcopy(drawn.document)
    _add_files(document["dag"], drawn.dialect, ())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    pipeline = load(file, dialect=drawn.dialect).choose()
    given = tuple(ir.PipelineParameter(name, pipeline.span, value) for name, value in drawn.parameters.items())
    return Case(replace(pipeline, parameters=given), drawn.oracle, drawn.parameters)


def _add_files(graph: dict[str, Any], dialect: str, items: tuple[str, ...]) -> None:
    for name, node in graph["steps"].items():
        match node["type"]:
            case "parallel":
                for branch in node["branches"].values():
                    _add_files(branch, dialect, items)
            case "map":
                _add_files(node["branch"], dialect, (*items, node["iterate_as"]))
            case "task":
                lines = [*taken(dialect, items), *files(dialect, name, items), node["command"]]
                node["command"] = "\n".join(lines)
                node["catalog"] = {"put": [put(name)]}
