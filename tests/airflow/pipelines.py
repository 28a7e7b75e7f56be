"""Build small pipelines for tests: every node runs the step ``work``, and a pipeline parameter decides what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from translator.load import load_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.ir import Pipeline

OK = "echo $VH_JOB_ID > $VH_OUTPUTS_DIR/made"
FAIL = "exit 3"


@dataclass(frozen=True)
class Node:
    """A node: an execution that runs one shell command, or a task that runs each of several."""

    name: str
    does: str | Sequence[str] = OK
    on_error: str | None = None
    on_child_error: str | None = None
    after: Iterable[str] = ()
    more: dict[str, Any] = field(default_factory=dict)


def source(*nodes: Node, name: str = "Small") -> str:
    """Return the YAML of ``nodes``; an edge brings each node the output ``made`` of each previous node."""
    step = {
        "name": "work",
        "image": "none",
        "command": "eval {parameter-value:does}",
        "parameters": [{"name": "does", "type": "string", "default": OK}],
        "inputs": [{"name": "before", "optional": True}],
    }
    document: list[dict[str, Any]] = [{"step": step}]
    listed = []
    for node in nodes:
        shown: dict[str, Any] = {"name": node.name, "step": "work", **node.more}
        shown["type"] = "execution" if isinstance(node.does, str) else "task"
        if node.on_error:
            shown["on-error"] = node.on_error
        if node.on_child_error:
            blueprint = {"name": f"{node.name} blueprint", "step": "work", "type": "grid_search"}
            axis = {"name": "does", "style": "multiple", "rules": {"items": list(node.does)}}
            document.append({"task": {**blueprint, "on-child-error": node.on_child_error, "parameters": [axis]}})
            shown["task"] = blueprint["name"]
            del shown["step"]
        listed.append(shown)
    parameters = [
        {
            "name": f"{node.name} does",
            "targets": [f"{node.name}.parameters.does"],
            "default": node.does if isinstance(node.does, str) else list(node.does),
        }
        for node in nodes
    ]
    edges = [[f"{before}.output.made", f"{node.name}.input.before"] for node in nodes for before in node.after]
    document.append({"pipeline": {"name": name, "parameters": parameters, "nodes": listed, "edges": edges}})
    return yaml.safe_dump(document, sort_keys=False)


def pipeline(*nodes: Node, name: str = "Small") -> Pipeline:
    """Return the pipeline of ``source``."""
    return load_text(source(*nodes, name=name)).choose()
