"""Show the record of a run as a table: in ``translate run`` at its end, and in ``translate show``."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.diagnostics import columns, printable
from translator.history.times import duration, seconds
from translator.run.progress import brief
from translator.shim.files.sizes import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Labels = Mapping[str, Mapping[int, str]]
    Row = tuple[str, str, str, str]

_COLORS = {"complete": "32", "error": "1;31", "stopped": "33", "skipped": "2"}
_METRICS = 4
"""The maximum number of metrics of an execution in the table."""


def table(
    document: Mapping[str, Any],
    labels: Labels = MappingProxyType({}),
    *,
    files: bool = False,
    reasons: bool = True,
    color: bool = False,
) -> str:
    """Return a run's record as lines: states, durations and metrics of executions, and the logs of failed ones.

    Args:
        document: a ``run.json``.
        labels: by node and index, names of executions that do not differ in their parameters.
        files: whether to list the output files.
        reasons: whether to tell why executions failed, and where their logs are.
        color: whether to colour states with ANSI escapes.
    """
    rows = list(_rows(document["nodes"], "", labels, files=files, reasons=reasons))
    rows.append(("the run", document["state"], duration(seconds(document["started"], document["ended"])), ""))
    width = max(len(took) for _, _, took, _ in rows)
    shown = [
        tuple(printable(cell) for cell in (name, state, took.rjust(width), remark))
        for name, state, took, remark in rows
    ]
    first = max(len(name) for name, *_ in shown)
    lines = columns(shown)
    if color:
        lines = [_colored(line, first, state) for line, (_, state, *_) in zip(lines, shown, strict=True)]
    return "".join(f"{line}\n" for line in lines)


def _colored(line: str, start: int, state: str) -> str:
    """Show the state in its colour; it follows the first column."""
    code = _COLORS.get(state)
    return line[:start] + line[start:].replace(state, f"\x1b[{code}m{state}\x1b[0m", 1) if code else line


def _rows(nodes: Mapping[str, Any], indent: str, labels: Labels, *, files: bool, reasons: bool) -> Iterator[Row]:
    for name, node in nodes.items():
        if "branches" in node:
            yield indent + name, node["state"], "", brief(node.get("reason") or "")
            for branch, record in node["branches"].items():
                yield f"{indent}  [{branch}]", record["state"], "", ""
                yield from _rows(record["nodes"], f"{indent}    ", labels, files=files, reasons=reasons)
            continue
        executions = node["executions"]
        single = executions[0] if node["kind"] == "execution" and executions else None
        remark = _remark(single, reasons=reasons) if single else _counts(executions)
        remark = remark or brief(node.get("reason") or "")
        yield (
            indent + name,
            node["state"],
            _duration_text(single),
            "; ".join([*_actions(node), *([remark] if remark else [])]),
        )
        if single and files:
            yield from _files(single, indent)
        if node["kind"] == "task":
            for execution in executions:
                index = execution["index"]
                label = labels.get(name, {}).get(index) or _label(execution, executions)
                yield (
                    f"{indent}  [{index}] {label}",
                    execution["state"],
                    _duration_text(execution),
                    _remark(execution, reasons=reasons),
                )
                if files:
                    yield from _files(execution, f"{indent}  ")


def _actions(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the effects of a node's actions, with their conditions."""
    for one in node.get("actions", ()):
        decision = f", {one['decision']}," if "decision" in one else ""
        yield f"{one['then']}{decision} at {one['when']}" + (f" ({' and '.join(one['if'])})" if one["if"] else "")


def _files(execution: Mapping[str, Any], indent: str) -> Iterator[Row]:
    for file in execution["outputs"]:
        yield f"{indent}  {file['path']}", "", "", size(file["size"])


def _duration_text(execution: Mapping[str, Any] | None) -> str:
    return duration(seconds(execution.get("started"), execution.get("ended"))) if execution else ""


def _remark(execution: Mapping[str, Any], *, reasons: bool) -> str:
    tries = f"try {execution['tries']}" if execution["tries"] > 1 else ""
    failed = execution["state"] == "error"
    if failed and not reasons:
        return "; ".join(part for part in (tries, _metrics(execution)) if part)
    reason = brief(execution["reason"] or "")
    log = f"log: {execution['log']}" if execution.get("log") and execution["state"] != "complete" else ""
    kept = f"reused from run {str(execution['reused']).split('/')[-4:][0]}" if execution.get("reused") else ""
    return "; ".join(part for part in (tries, kept, reason, log, _metrics(execution)) if part)


def _metrics(execution: Mapping[str, Any]) -> str:
    """Return the last values of the first metrics that a step printed."""
    from translator.shim.parameters.metrics import metrics

    return metrics(execution["metadata"], _METRICS)


def _counts(executions: list[Mapping[str, Any]]) -> str:
    states = [execution["state"] for execution in executions]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _label(execution: Mapping[str, Any], siblings: list[Mapping[str, Any]]) -> str:
    """Return the parameters in which an execution differs from its siblings."""
    from translator.shim.parameters.grid import label

    values = execution["parameters"]
    return label({k: v for k, v in values.items() if any(s["parameters"].get(k) != v for s in siblings)})
