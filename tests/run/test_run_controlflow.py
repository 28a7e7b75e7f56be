"""Test what ``translate run`` shows of composite nodes: the final table, and the tree and lines while they run."""

from __future__ import annotations

import io

from rich.console import Console

from tests.semantics.controlflow import graph, mapped, parallel, step
from translator.nodes import kind, named_branches, walk
from translator.run.progress import LiveTree, Progress, view
from translator.run.table import table

GRAPH = graph(step("get"), parallel("fan out", x=graph(step("a"))), mapped("m", graph(step("s")), over="xs"))
KINDS = {".".join(path): kind(node) for path, node in walk(GRAPH, into=named_branches)}


def leaf(state, reason=None):
    return {"kind": "execution", "state": state, "executions": [{"state": state, "tries": 1, "reason": reason}]}


def test_table():
    inner = {"a": leaf("complete"), "b": leaf("error", "exit status 3")}
    nodes = {
        "get": leaf("complete"),
        "fan out": {
            "kind": "parallel",
            "state": "error",
            "reason": None,
            "branches": {"x": {"state": "error", "nodes": inner}},
        },
        "m": {"kind": "map", "state": "skipped", "reason": None, "branches": {}},
        "end": {"kind": "execution", "state": "skipped", "executions": []},
    }
    assert table({"nodes": nodes, "state": "error"}).splitlines() == [
        "get      complete",
        "fan out  error",
        "  [x]    error",
        "    a    complete",
        "    b    error     exit status 3",
        "m        skipped",
        "end      skipped",
        "the run  error",
    ]


def test_kinds():
    assert KINDS == {"get": "execution", "fan out": "parallel", "fan out.x.a": "execution", "m": "map"}


def test_tree_and_lines():
    progress, out = Progress(), io.StringIO()
    kinds = KINDS
    lines = view(progress, kinds, quiet=False, stream=out)
    for path in ("get", "fan out.x.a", "m.0.s"):
        lines.changed(progress.take({"event": "execution-started", "node": path, "index": 0}))
    assert out.getvalue() == "get: started\nfan out.x.a: started\nm.0.s: started\n"
    shown = Console(file=io.StringIO(), width=60)
    shown.print(LiveTree(progress, kinds, io.StringIO())._tree())
    text = [line.strip(" │├└─…") for line in shown.file.getvalue().splitlines()]
    assert text == ["get", "fan out", "x.a", "m", "0.s"]


def test_executions_of_a_loop_over_files_are_named_after_their_files():
    execution = {"index": 0, "state": "complete", "tries": 1, "reason": None, "parameters": {"page": "in/a.png"}}
    nodes = {"read": {"kind": "task", "state": "complete", "executions": [execution]}}
    assert table({"nodes": nodes, "state": "complete"}, {"read": {0: "a.png"}}).splitlines() == [
        "read         complete  1 complete",
        "  [0] a.png  complete",
        "the run      complete",
    ]
