"""Test what ``translate run`` shows of composite nodes: the final table, and the tree and lines while they run."""

from __future__ import annotations

import io
import re

from tests.semantics.controlflow import graph, mapped, parallel, step
from translator.nodes import kind, named_branches, walk
from translator.run.progress import Progress
from translator.run.table import table
from translator.run.tree import LiveTree
from translator.run.view import view

GRAPH = graph(step("get"), parallel("fan out", x=graph(step("a"))), mapped("m", graph(step("s")), over="xs"))
KINDS = {".".join(path): kind(node) for path, node in walk(GRAPH, into=named_branches)}


TIMES = {"started": "2026-11-28T08:00:00.000Z", "ended": "2026-11-28T08:00:01.500Z"}


def execution(state, reason=None, **more):
    return {"index": 0, "state": state, "tries": 1, "parameters": {}, "metadata": {}, "reason": reason, **TIMES, **more}


def leaf(state, reason=None, **more):
    return {"kind": "execution", "state": state, "executions": [execution(state, reason, **more)]}


def test_table():
    inner = {"a": leaf("complete", metadata={"loss": 0.25}), "b": leaf("error", "exit status 3")}
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
    assert table({"nodes": nodes, "state": "error", **TIMES, "ended": "2026-11-28T08:03:04.000Z"}).splitlines() == [
        "get      complete       1.5 s",
        "fan out  error",
        "  [x]    error",
        "    a    complete       1.5 s  loss=0.25",
        "    b    error          1.5 s  exit status 3",
        "m        skipped",
        "end      skipped",
        "the run  error     3 min 04 s",
    ]


def test_kinds():
    assert KINDS == {"get": "execution", "fan out": "parallel", "fan out.x.a": "execution", "m": "map"}


def test_tree_and_lines():
    progress, out = Progress(), io.StringIO()
    kinds = KINDS
    lines = view(progress, kinds, engine="airflow", quiet=False, stream=out)
    for path in ("get", "fan out.x.a", "m.0.s"):
        for execution in progress.take({"event": "execution-started", "node": path, "index": 0}):
            lines.changed(execution)
    assert [line[9:] for line in out.getvalue().splitlines()] == [
        "get: started",
        "fan out.x.a: started",
        "m.0.s: started",
    ]
    text = LiveTree(progress, kinds, "airflow", io.StringIO()).drawn(100).plain
    text = re.sub(r"\d+\.\d s", "0.0 s", text).splitlines()
    assert [(len(line) - len(line.lstrip()), line.lstrip()[2:]) for line in text[1:]] == [
        (0, "get  0.0 s"),
        (0, "fan out  1 running"),
        (2, "x.a  0.0 s"),
        (0, "m  1 running"),
        (2, "0.s  0.0 s"),
    ]


def test_executions_of_a_loop_over_files_are_named_after_their_files():
    entries = [execution("complete", parameters={"page": "in/a.png"})]
    nodes = {"read": {"kind": "task", "state": "complete", "executions": entries}}
    assert table({"nodes": nodes, "state": "complete", **TIMES}, {"read": {0: "a.png"}}).splitlines() == [
        "read         complete         1 complete",
        "  [0] a.png  complete  1.5 s",
        "the run      complete  1.5 s",
    ]
