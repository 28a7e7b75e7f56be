"""Show a task node in the UI as a table of its executions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.artifacts import create_table_artifact

from prefect_plugin.tasks.display_names import flat
from translator.shim.json_values.storable import sane
from translator.shim.store import segment
from translator.shim.store.manifest import summary

if TYPE_CHECKING:
    from prefect_plugin.run.run_state import NodeRun

ROWS = 1000
"""The maximum number of executions in a table; ``run.json`` has all."""
_NOT_KEY = re.compile(r"[^a-z0-9]+")


def show_executions(node: NodeRun) -> None:
    """Create a table artifact with state, parameters and metadata of each execution of a node."""
    points = node.points or []
    rows = [_row(node, index) for index in range(min(len(points), ROWS))]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    more = f" The first {ROWS} of {len(points)}." if len(points) > ROWS else ""
    try:
        create_table_artifact(
            key=key_of(node.run.pipeline, node.name),
            table=[{name: row.get(name) for name in columns} for row in rows],
            description=f"Executions of the node {flat(node.name)}, run {node.run.id}.{more}",
        )
    except Exception as error:  # noqa: BLE001 - a table that cannot be created must not change the run
        get_run_logger().warning("cannot make the table of executions: %s", error)


def key_of(pipeline: str, node: str) -> str:
    """Return the key of a node's table; Prefect only accepts lower-case letters, digits and dashes."""
    return "-".join(_NOT_KEY.sub("-", segment(name).lower()).strip("-") for name in (pipeline, node))


def _row(node: NodeRun, index: int) -> dict[str, Any]:
    manifest = node.manifests.get(index)
    row: dict[str, Any] = {"execution": index, "state": node.states[index].value}
    if manifest is None:
        parameters = node.points[index].parameters if node.points else {}
        return row | {name: sane(value) for name, value in parameters.items()}
    short = summary(manifest)
    return {**row, **short["parameters"], **short["metadata"], "reason": manifest.reason or ""}
