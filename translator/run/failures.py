"""Tell why executions of a run failed: one block per execution, with its last lines and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.diagnostics import printable
from translator.history.records import executions
from translator.run.progress import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAILED = "error"


def failures(document: Mapping[str, Any], labels: Mapping[str, Mapping[int, str]], place: str) -> str:
    """Return a block of lines for each execution that failed; empty if none did.

    Args:
        document: a ``run.json``.
        labels: by node and index, short texts of the executions' parameters.
        place: where the run's files are.
    """
    blocks = []
    for execution in executions(document):
        if execution.entry["state"] != _FAILED:
            continue
        label = labels.get(execution.node, {}).get(execution.entry["index"], "")
        lines = [f"{execution.name}{f' ({label})' if label else ''}: {_FAILED}"]
        lines += [f"    {plain(line)}" for line in (execution.entry["reason"] or "").splitlines()]
        if log := execution.entry.get("log"):
            lines.append(f"    log: {place}/{log}")
        blocks.append("".join(f"{printable(line)}\n" for line in lines))
    return "\n".join(blocks)
