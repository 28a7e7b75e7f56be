"""Routed graphs on a real Prefect: every way through them, states in the UI, branches and their parameters."""

import json

import pytest

pytest.importorskip("prefect")

from prefect_plugin.routed import steps
from tests.prefect.routed.build import choice, graph, loop, mapped, pipeline
from tests.prefect.routed.standin import execute
from tests.prefect.support import flow_of, task_runs
from translator.targets import GenerateOptions
from translator.targets import prefect as target

COMPLETE, ERROR, SKIPPED = "complete", "error", "skipped"


@pytest.fixture
def walked(server, tmp_path, monkeypatch):
    """Generate a flow for a graph, run it, and give Prefect's state and ``run.json``."""
    monkeypatch.setattr(steps, "execute", execute)
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)

    def run_it(made, dialect="magnus", given=None, **parameters):
        file = tmp_path / "routed_flow.py"
        file.write_text(target.generate(pipeline(made, dialect, **parameters), GenerateOptions()))
        state = flow_of(file)(**(given or {}), return_state=True)
        return state, json.loads((tmp_path / "store" / "routed" / "run" / "run.json").read_text())

    return run_it


def states(nodes):
    """By path without the indexes' digits left out: what became of every node."""
    found = {}
    for name, node in nodes.items():
        found[name] = node["state"]
        for branch, of in node.get("branches", {}).items():
            found |= {f"{name}.{branch}.{inner}": state for inner, state in states(of["nodes"]).items()}
    return found


def short(record):
    return " ".join(f"{path}={state[0]}" for path, state in states(record["nodes"]).items())


T, F = "true", "false"
HANDLED = {"on": (F, "next", "handler"), "next": (T, "end", None), "handler": (T, "end", None), "end": T}
CASES = {
    "chain": (graph({"a": T, "b": T}), "a=c b=c", COMPLETE),
    "chain fails": (graph({"a": T, "b": F, "c": T, "d": T}), "a=c b=e c=s d=s", ERROR),
    "stub": (graph({"a": ""}), "a=c", COMPLETE),
    "handled and rejoining": (graph(HANDLED), "on=e next=s handler=c end=c", COMPLETE),
    "nothing to handle": (graph({**HANDLED, "on": (T, "next", "handler")}), "on=c next=c handler=s end=c", COMPLETE),
    "handler fails": (graph({**HANDLED, "handler": (F, "end", None)}), "on=e next=s handler=e end=s", ERROR),
    "skip": (graph({"a": (F, "b", "c"), "b": T, "c": T}), "a=e b=s c=c", COMPLETE),
    "skip, not needed, fails": (graph({"a": (T, "b", "c"), "b": F, "c": T}), "a=c b=e c=s", ERROR),
    "next: fail": (graph({"a": (T, "fail", None)}), "a=c", ERROR),
    "on_failure: success": (graph({"a": (F, "b", "success"), "b": T}), "a=e b=s", COMPLETE),
    "shared": (
        graph({"a": (T, "b", "h"), "b": (F, "c", "h"), "c": (T, "success", "h"), "h": (T, "fail", None)}),
        "a=c b=e c=s h=c",
        ERROR,
    ),
    "shared and joining": (
        graph({"a": (F, "b", "h"), "b": (T, "d", "h"), "h": (T, "d", None), "d": T}),
        "a=e b=s h=c d=c",
        COMPLETE,
    ),
    "same way for both": (graph({"a": (F, "b", "b"), "b": T}), "a=e b=c", COMPLETE),
    "handlers of handlers": (
        graph({"a": (F, "success", "h"), "h": (F, "success", "g"), "g": T, "z": T}),
        "a=e h=e g=c z=c",
        COMPLETE,
    ),
    "parallel": (
        graph({"a": T, "p": {"x": graph({"one": F, "two": T}), "y": graph({"one": T, "two": T})}, "b": T}),
        "a=c p=e p.x.one=e p.x.two=s p.y.one=c p.y.two=c b=s",
        ERROR,
    ),
    "parallel handled inside": (
        graph({"p": {"x": graph({"one": (F, "two", "success"), "two": T}), "y": graph({"q": {"z": graph({"i": T})}})}}),
        "p=c p.x.one=e p.x.two=s p.y.q=c p.y.q.z.i=c",
        COMPLETE,
    ),
    "parallel handled outside": (
        graph({"p": ({"x": graph({"one": F})}, "b", "h"), "b": (T, "success", None), "h": T}),
        "p=e p.x.one=e b=s h=c",
        COMPLETE,
    ),
    "parallel not reached": (graph({"a": F, "p": {"x": graph({"one": T})}}), "a=e p=s p.x.one=s", ERROR),
    "map": (
        graph({"m": mapped(graph({"one": 'test "$i" != b', "two": T}), "list", "i"), "z": T}),
        "m=e m.0.one=c m.0.two=c m.1.one=e m.1.two=s m.2.one=c m.2.two=c z=s",
        ERROR,
    ),
    "map of maps": (
        graph({"m": mapped(graph({"n": mapped(graph({"one": 'test "$i$j" != bb'}), "pair", "j")}), "pair", "i")}),
        "m=e m.0.n=c m.0.n.0.one=c m.0.n.1.one=c m.1.n=e m.1.n.0.one=c m.1.n.1.one=e",
        ERROR,
    ),
    "map of nothing": (graph({"m": mapped(graph({"one": F}), "none", "i"), "z": T}), "m=c z=c", COMPLETE),
    "map of no list": (graph({"m": (mapped(graph({"one": T}), "text", "i"), "z", "z"), "z": T}), "m=e z=c", COMPLETE),
    "loop": (
        graph({"l": loop(graph({"one": 'test "$n" = 1 && echo done=true || echo done=false'}), "done", 5, "n")}),
        "l=c l.0.one=c l.1.one=c",
        COMPLETE,
    ),
    "loop to its limit": (graph({"l": loop(graph({"one": T}), "done", 2)}), "l=c l.0.one=c l.1.one=c", COMPLETE),
    "loop fails": (graph({"l": loop(graph({"one": F, "two": T}), "done", 2)}), "l=e l.0.one=e l.0.two=s", ERROR),
    "choice": (
        graph({"c": choice("text", b=graph({"x": F}), word=graph({"x": T}))}),
        "c=c c.b.x=s c.word.x=c",
        COMPLETE,
    ),
    "no such case": (graph({"c": choice("text", b=graph({"x": T}))}), "c=e c.b.x=s", ERROR),
}


@pytest.mark.parametrize("case", CASES)
def test_states(walked, case):
    made, expected, run = CASES[case]
    dialect = "runnable" if case.split()[0] in ("loop", "choice", "no") else "magnus"
    state, record = walked(made, dialect, list=("a", "b", "c"), pair=("a", "b"), none=(), text="word")

    assert short(record) == expected
    assert record["state"] == run
    assert state.type.value == {COMPLETE: "COMPLETED", ERROR: "FAILED"}[run]


def test_branches_are_side_by_side_and_their_parameters_are_merged_in_order(walked):
    meet = 'touch $me-$i; until test -e x-$i && test -e y-$i; do sleep 0.05; done; echo who=\\"$me\\"'
    made = graph(
        {
            "m": mapped(
                graph({"p": {me: graph({"one": f"me={me}; {meet}"}) for me in ("x", "y")}, "z": "test $who = y"}),
                "list",
                "i",
            ),
            "after": 'test "$who" = y && echo rate=0.5',
        }
    )
    state, record = walked(made, list=("a", "b"), rate=1, given={"rate": 3})

    assert state.is_completed(), short(record)
    assert record["parameters"] == {"list": ["a", "b"], "rate": 0.5, "who": "y"}


def test_what_prefect_shows(walked):
    made = graph({"m": mapped(graph({"one": 'test "$i" != b', "two": T}), "list", "i"), "z": T})
    state, _ = walked(made, list=("a", "b"))

    runs = task_runs(state.state_details.flow_run_id, 8)
    shown = {name: run.state.name for name, run in runs.items()}
    assert shown == {
        "m": "Failed",
        "m[i=a]": "Completed",
        "one[i=a]": "Completed",
        "two[i=a]": "Completed",
        "m[i=b]": "Failed",
        "one[i=b]": "Failed",
        "two": "Skipped",
        "z": "Skipped",
    }
