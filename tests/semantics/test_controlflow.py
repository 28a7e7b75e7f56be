"""Test the rules for control-flow graphs, as a table of cases."""

from __future__ import annotations

import pytest

from tests.semantics.controlflow import choice, end, graph, loop, mapped, parallel, pipeline, states, step
from translator.semantics.controlflow import Interpreter, StepEnding
from translator.shim.contract import State

C, E = State.COMPLETE, State.ERROR


def run(whole, fails=(), writes=None, parameters=None, reducer=None):
    """Return the fate of a run; the steps at the paths in ``fails`` fail, others write according to ``writes``."""
    seen = {}

    def oracle(visit):
        seen[visit.path] = {**visit.parameters, **visit.items}
        return StepEnding(E if visit.path in fails else C, (writes or {}).get(visit.path, {}))

    of = {} if reducer is None else {"reducer": reducer}
    return Interpreter(whole, oracle, **of).run(parameters or {}), seen


LINE = graph(step("a"), step("b"))
HANDLED = graph(step("a", "b", "h"), step("b", "join"), step("h", "join"), step("join"), start="a")
SIDES = graph(parallel("p", x=LINE, y=graph(step("c"))), step("after"))


@pytest.mark.parametrize(
    ("whole", "fails", "expected", "run_state"),
    [
        (LINE, [], "a:complete b:complete", C),
        (LINE, ["a"], "a:error b:skipped", E),
        (HANDLED, [], "a:complete b:complete h:skipped join:complete", C),
        (HANDLED, ["a"], "a:error b:skipped h:complete join:complete", C),
        (HANDLED, ["a", "h"], "a:error b:skipped h:error join:skipped", E),
        (graph(step("a", end(E))), [], "a:complete", E),
        (graph(step("a", end(C), end(C))), ["a"], "a:error", C),
        (
            SIDES,
            ["p.x.a"],
            "p:error p.x:error p.x.a:error p.x.b:skipped p.y:complete p.y.c:complete after:skipped",
            E,
        ),
        (
            graph(parallel("p", handler="h", x=LINE), step("h")),
            ["p.x.b"],
            "p:error p.x:error p.x.a:complete p.x.b:error h:complete",
            C,
        ),
    ],
)
def test_token(whole, fails, expected, run_state):
    fate, _ = run(pipeline(whole), fails)
    assert " ".join(f"{path}:{state}" for path, state in states(fate).items()) == expected
    assert fate.state is run_state


def test_parameters_of_branches():
    whole = graph(step("s"), parallel("p", x=graph(step("a"), step("b")), y=graph(step("c"))), step("end"))
    writes = {"s": {"v": 0}, "p.x.a": {"v": 1, "x": 1}, "p.y.c": {"v": 2}}
    fate, seen = run(pipeline(whole), writes=writes)
    assert seen["p.x.b"] == {"v": 1, "x": 1}
    assert seen["p.y.c"] == {"v": 0}
    assert seen["end"] == fate.written == {"v": 2, "x": 1}


@pytest.mark.parametrize(("dialect", "left"), [("magnus", {"v": 2, "x": 1}), ("runnable", {"v": 0})])
def test_what_a_failed_composite_node_passes_on(dialect, left):
    whole = graph(parallel("p", x=graph(step("a"), step("b")), y=graph(step("c"))))
    writes = {"p.x.a": {"v": 1, "x": 1}, "p.x.b": {"v": 9}, "p.y.c": {"v": 2}}
    assert run(pipeline(whole, dialect), ["p.x.b"], writes, {"v": 0})[0].written == left


def test_map():
    whole = graph(step("s"), mapped("m", graph(step("a"), step("b")), over="xs"))
    fate, seen = run(pipeline(whole), ["m.1.a"], {"s": {"xs": [10, 20, 30]}})
    assert states(fate)["m.1.b"] == "skipped"
    assert (fate.state, states(fate)["m.2"], seen["m.2.b"]["item"]) == (E, "complete", 30)
    assert states(run(pipeline(whole), writes={"s": {"xs": []}})[0]) == {"s": "complete", "m": "complete"}
    for wrong in ("text", None, {"a": 1}, [1.5], ["a.b"]):
        assert states(run(pipeline(whole), writes={"s": {"xs": wrong}})[0])["m"] == "error"
    assert run(pipeline(whole))[0].state is E


def test_a_map_of_runnable_passes_on_what_its_steps_return():
    whole = pipeline(graph(mapped("m", graph(step("a", returns=["r", "gone"])), over="xs")), "runnable")
    writes = {"m.0.a": {"r": 1, "other": 1}, "m.2.a": {"r": 3}}
    assert run(whole, (), writes, {"xs": [1, 2, 3]})[0].written == {"xs": [1, 2, 3], "r": (1, 3), "gone": ""}


@pytest.mark.parametrize(("value", "taken"), [(True, "True"), (1, "1"), ("1", "1"), (2, None), ([1], None)])
def test_choice(value, taken):
    whole = pipeline(graph(choice("c", "x", **{"True": graph(step("a")), "1": graph(step("b"))})), "runnable")
    fate, _ = run(whole, parameters={"x": value})
    found = states(fate)
    assert {name for name in ("True", "1") if found[f"c.{name}"] == "complete"} == ({taken} if taken else set())
    assert fate.state is (C if taken else E)


@pytest.mark.parametrize(
    ("values", "fails", "iterations", "state"),
    [
        ([True], [], 1, C),
        ([False, 1, True], [], 3, C),
        ([False] * 9, [], 4, C),
        ([False] * 9, ["l.1.a"], 2, E),
    ],
)
def test_loop(values, fails, iterations, state):
    whole = pipeline(graph(loop("l", graph(step("a")), "done", 4)), "runnable")
    writes = {f"l.{i}.a": {"done": value, "n": i} for i, value in enumerate(values)}
    fate, _ = run(whole, fails, writes)
    assert (len(fate.nodes["l"].branches), fate.state) == (iterations, state)
    assert fate.written["n"] == (0 if fails else iterations - 1)


def test_nesting():
    inner = mapped("inner", graph(step("a")), over="ys", item="y")
    whole = graph(mapped("outer", graph(step("s"), inner), over="xs", item="x"))
    writes = {"outer.0.s": {"ys": [1]}, "outer.1.s": {"ys": [2, 3]}}
    fate, seen = run(pipeline(whole), ["outer.1.inner.1.a"], writes, {"xs": ["p", "q"]})
    assert seen["outer.1.inner.1.a"] == {"xs": ["p", "q"], "ys": [2, 3], "x": "q", "y": 3}
    assert {path for path, state in states(fate).items() if state == "error"} == {
        "outer",
        "outer.1",
        "outer.1.inner",
        "outer.1.inner.1",
        "outer.1.inner.1.a",
    }
