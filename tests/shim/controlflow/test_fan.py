"""Test the fan-out and fan-in of composite nodes."""

from __future__ import annotations

import math

import pytest

from translator.shim.contract import ExecutionId, FileRecord, Pickle, Scope, State
from translator.shim.controlflow import fan, scopes
from translator.shim.store import open_store
from translator.shim.store import scopes as documents

OK, BAD, STOP = State.COMPLETE, State.ERROR, State.STOPPED
OUTER = Scope(inherited={"x": 0})


def branches(*pairs):
    return [fan.Branch(str(n), state, Scope(written=written)) for n, (state, written) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("dialect", "kind", "pairs", "more", "state", "written"),
    [
        ("magnus", "parallel", [(OK, {"x": 1}), (OK, {"x": 2})], {}, OK, {"x": 2}),
        ("magnus", "parallel", [(BAD, {"x": 1}), (OK, {"y": 2})], {}, BAD, {"x": 1, "y": 2}),
        ("magnus", "map", [], {}, OK, {}),
        ("magnus", "map", [(OK, {}), (STOP, {})], {}, STOP, {}),
        ("runnable", "parallel", [(BAD, {"x": 1}), (OK, {"y": 2})], {}, BAD, {}),
        ("runnable", "loop", [(OK, {"x": 1, "z": 1}), (BAD, {"x": 2})], {}, BAD, {"x": 2, "z": 1}),
        ("runnable", "map", [(OK, {"x": 1, "y": 1}), (OK, {"x": 2})], {"returns": ["x"]}, OK, {"x": [1, 2]}),
        ("runnable", "map", [(OK, {"x": 1}), (OK, {"x": 4})], {"returns": ["x"], "reducer": "max"}, OK, {"x": 4}),
        ("runnable", "map", [], {"returns": ["x"]}, OK, {"x": ""}),
        ("runnable", "choice", [(OK, {"x": 1})], {}, OK, {"x": 1}),
    ],
)  # fmt: skip
def test_join(dialect, kind, pairs, more, state, written) -> None:
    found, scope = fan.join(dialect, kind, OUTER, branches(*pairs), **more)
    assert (found, dict(scope.written), scope.inherited) == (state, written, {"x": 0})


@pytest.mark.parametrize("reducer", ["sum", "no.such", "lambda: 1", "lambda *x: {1}", "("])
def test_a_reducer_that_fails(reducer) -> None:
    with pytest.raises(fan.FanError, match="the reducer"):
        fan.join("runnable", "map", OUTER, branches((OK, {"x": 1}), (OK, {"x": 2})), returns=["x"], reducer=reducer)


@pytest.mark.parametrize("value", [None, 3, "abc", {"a": 1}, [0.5], ["a.b"]])
def test_what_cannot_be_mapped_over(value) -> None:
    with pytest.raises(fan.FanError):
        fan.items(Scope(written={"over": value}), "over")
    with pytest.raises(fan.FanError, match="does not exist; parameters: over"):
        fan.items(Scope(written={"over": value}), "other")


def test_items_cases_and_iterations() -> None:
    assert fan.items(Scope(inherited={"over": [1, None, "a"]}), "over") == [1, None, "a"]
    assert fan.items(Scope(inherited={"over": []}), "over") == []
    assert fan.case(Scope(inherited={"on": True}), "on", ["True", "1"]) == "True"
    with pytest.raises(fan.FanError, match="not one of the cases"):
        fan.case(Scope(inherited={"on": 2}), "on", ["1"])
    assert fan.again(Scope(written={"done": 1}), "done", 0, 2)
    assert not fan.again(Scope(written={"done": True}), "done", 0, 2)
    assert not fan.again(Scope(), "done", 1, 2)


def test_parameters_that_are_nested_too_deep() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    environ = {
        "MAGNUS_PRM_E": "[" * 50_000,
        "MAGNUS_PRM_G": f"{'[' * 101}1{']' * 101}",
        "MAGNUS_PRM_OK": "[" * 101 + "x",
    }
    given = {"d": deep, "g": 1, "fine": [1]}
    told = "parameter {!r} cannot be used: it is nested deeper than 100"
    assert scopes.refusal("magnus", given, environ) == "; ".join(map(told.format, "deg"))
    assert scopes.initial("magnus", given, environ).parameters == {"fine": [1], "ok": "[" * 101 + "x"}
    assert scopes.refusal("magnus", {"fine": [1]}, {}) is None


def test_scopes_fall_through_and_come_back_from_the_store() -> None:
    scope = scopes.initial("magnus", {"Foo": (1, 2)}, {"MAGNUS_PRM_BAR": "[1]", "MAGNUS_PRM_t": "{", "PATH": "x"})
    assert scope.parameters == {"Foo": [1, 2], "bar": [1], "t": "{"}
    store = open_store("memory://fan")
    file = FileRecord("a", 1, "0", "memory://fan/p/a")
    left = scopes.after(scopes.enter(scope, item={"i": 1}, loop={"N": 0}), {"nan": math.inf}, {"a": file})
    identity = ExecutionId("p", "r", "m", kind="map")
    written = fan.commit(store, identity, BAD, left, reason="why", started="2026-11-21T08:00:00.000Z")
    assert store.manifest(written.uri) == written
    assert written.scope == left
    assert scopes.enter(left).catalog == {"a": file}


def test_values_like_our_marks_survive_the_store() -> None:
    values = {
        "object": {"$object": "x.dill"},
        "float": {"$float": "nan"},
        "dict": {"$dict": {"$object": 1}},
        "deep": [{"a": {"$object": "x"}}, {"$float": 1, "b": 2}],
        "pickle": Pickle.at("y.dill"),
        "$object": "x",
    }
    for scope in (Scope(inherited=values), Scope(written=values), Scope(items=values), Scope(written={"$object": "x"})):
        back = documents.from_json(documents.to_json(scope, "memory://x"), "memory://x")
        assert back == scope
        assert [name for name, value in back.parameters.items() if isinstance(value, Pickle)] == (
            ["pickle"] if "pickle" in scope.parameters else []
        )


def test_a_reason_names_the_first_failed_branches() -> None:
    branches = [fan.Branch(str(index), State.COMPLETE if index == 1 else State.ERROR) for index in range(14)]
    assert fan.failure(branches[:4]) == "failed branches: 0, 2, 3"
    assert fan.failure(branches) == "failed branches: 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3 more"
