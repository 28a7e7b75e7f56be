"""Compare two ``run.json`` documents: ``python examples/compare.py LEFT RIGHT`` exits with 0 if the runs are equal.

Equal means: the same state of the run, of every node and of every execution, the same parameters and metadata, and
the same output files, byte by byte. Only the engine, the run's id and the times may differ.
"""

import json
import sys
from pathlib import Path

ITS_OWN = ("engine", "run", "started", "ended")


def differences(left: object, right: object, place: str = "") -> list[str]:
    """Describe every difference between two JSON values in a line."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = [key for key in {**left, **right} if place or key not in ITS_OWN]
        return [line for key in keys for line in differences(left.get(key), right.get(key), f"{place}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for index, pair in pairs for line in differences(*pair, f"{place}[{index}]")]
    return [] if left == right else [f"{place.removeprefix('.')}: {left!r} against {right!r}"]


def rows(left: dict, right: dict) -> list[tuple[str, ...]]:
    """Return a row for each node: name, kind, its state on both engines, and whether its output files are equal."""
    return [*_rows(left["nodes"], right["nodes"], ""), ("the run", "", left["state"], right["state"], "")]


def _rows(left: dict, right: dict, indent: str) -> list[tuple[str, ...]]:
    table = []
    for name, node in left.items():
        other = right[name]
        branches = node.get("branches")
        if branches is not None:
            table.append((indent + name, node["kind"], node["state"], other["state"], "-"))
            for branch, graph in branches.items():
                found = other["branches"].get(branch, {"state": "-", "nodes": {}})
                table.append((f"{indent}  [{branch}]", "", graph["state"], found["state"], ""))
                if graph["nodes"].keys() == found["nodes"].keys():
                    table += _rows(graph["nodes"], found["nodes"], indent + "    ")
            continue
        executions = node["executions"]
        kind = f"task of {len(executions)}" if node["kind"] == "task" and executions else node["kind"]
        mine, theirs = outputs(node), outputs(other)
        verdict = "-" if not mine and not theirs else f"{len(mine)} {'equal' if mine == theirs else 'DIFFERENT'}"
        table.append((indent + name, kind, states(node), states(other), verdict))
    return table


def states(node: dict) -> str:
    """Return a node's state, and the states of those executions that differ from it."""
    others = [execution["state"] for execution in node["executions"] if execution["state"] != node["state"]]
    counts = ", ".join(f"{others.count(state)} {state}" for state in dict.fromkeys(others))
    return f"{node['state']} ({counts})" if counts else node["state"]


def outputs(node: dict) -> list[tuple[int, str, str]]:
    """Return execution, path and digest of each output file of a node."""
    return [
        (execution["index"], file["path"], file["sha256"])
        for execution in node["executions"]
        for file in execution["outputs"]
    ]


def show(left: dict, right: dict) -> bool:
    """Print two runs in columns; return whether they are equal."""
    table = [(left["pipeline"], "", left["engine"], right["engine"], "files"), *rows(left, right)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    found = differences(left, right)
    for line in found:
        print(f"  differs: {line}")
    if not found:
        print("  The same states, parameters, metadata and bytes on both.")
    return not found


def main(arguments: list[str]) -> int:
    """Compare the two documents that the command line names."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    left, right = (json.loads(Path(argument).read_text(encoding="utf-8")) for argument in arguments)
    return 0 if show(left, right) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
