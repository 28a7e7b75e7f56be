"""Print the final table of ``translate run``."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.diagnostics import printable
from translator.run.progress import brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def table(document: Mapping[str, Any], labels: Mapping[str, Mapping[int, str]] = MappingProxyType({})) -> str:
    """Return a run's record as lines: states of nodes and executions, and the logs of failed ones.

    Args:
        document: a ``run.json``.
        labels: by node and index, names of executions that do not differ in their parameters.
    """
    rows = list(_rows(document["nodes"], "", labels))
    rows.append(("the run", document["state"], ""))
    widths = [max(len(printable(row[column])) for row in rows) for column in (0, 1)]
    lines = (f"{printable(a):{widths[0]}}  {b:{widths[1]}}  {printable(c)}".rstrip() for a, b, c in rows)
    return "".join(line + "\n" for line in lines)


def _rows(
    nodes: Mapping[str, Any], indent: str, labels: Mapping[str, Mapping[int, str]]
) -> Iterator[tuple[str, str, str]]:
    for name, node in nodes.items():
        if "branches" in node:
            yield indent + name, node["state"], brief(node.get("reason") or "")
            for branch, record in node["branches"].items():
                yield f"{indent}  [{branch}]", record["state"], ""
                yield from _rows(record["nodes"], f"{indent}    ", labels)
            continue
        executions = node["executions"]
        single = executions[0] if node["kind"] == "execution" and executions else None
        remark = _remark(single) if single else _counts(executions)
        yield indent + name, node["state"], remark or brief(node.get("reason") or "")
        if node["kind"] == "task":
            for execution in executions:
                index = execution["index"]
                label = labels.get(name, {}).get(index) or _label(execution, executions)
                yield f"{indent}  [{index}] {label}", execution["state"], _remark(execution)


def _remark(execution: Mapping[str, Any]) -> str:
    tries = f"try {execution['tries']}" if execution["tries"] > 1 else ""
    reason = brief(execution["reason"] or "")
    log = f"log: {execution['log']}" if execution.get("log") and execution["state"] != "complete" else ""
    return "; ".join(part for part in (tries, reason, log) if part)


def _counts(executions: list[Mapping[str, Any]]) -> str:
    states = [execution["state"] for execution in executions]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _label(execution: Mapping[str, Any], siblings: list[Mapping[str, Any]]) -> str:
    """Return the parameters in which an execution differs from its siblings."""
    from translator.shim.parameters.grid import label

    values = execution["parameters"]
    return label({k: v for k, v in values.items() if any(s["parameters"].get(k) != v for s in siblings)})
