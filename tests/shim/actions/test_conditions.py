"""Test conditions of actions: expressions of ``leval`` over metadata and parameters."""

import pytest

from translator.shim.actions.conditions import ConditionError, holds, missing, names

HOLDS = [
    ("metadata.accuracy < 0.9", {"accuracy": 0.5}, True),
    ("metadata.accuracy < 0.9", {"accuracy": "0.5"}, True),
    ("metadata.val-acc >= 1", {"val-acc": 1}, True),
    ("metadata.class == 'cat'", {"class": "cat"}, True),
    ("metadata.a.b == 1", {"a": {"b": 1}}, True),
    ("metadata.a.b == 1", {"a.b": 1}, True),
    ("metadata.ok", {"ok": False}, False),
    ("metadata.ok == True", {"ok": True}, True),
    ("not metadata.ok", {}, True),
    ("metadata.ok is None", {}, True),
    ("metadata.x > 1 and parameter.rate < 1", {"x": 2}, True),
    ("abs(metadata.x) > 1", {"x": -2}, True),
    ("metadata.x < 1", {"x": float("nan")}, False),
    ("metadata.x in (1, 2)", {"x": 2}, True),
]


@pytest.mark.parametrize(("condition", "metadata", "expected"), HOLDS)
def test_holds(condition, metadata, expected):
    assert holds(condition, metadata=metadata, parameters={"rate": 0.1}) is expected


def nested(depth):
    """Return objects in objects, as deep as some parsers of JSON allow."""
    values = {"x": 1}
    for _ in range(depth):
        values = {"a": values}
    return values


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("metadata.a.a is None", False), ("metadata.a.x is None", True), ("metadata.a.a.a and metadata.loss < 1", True)],
)
def test_metadata_may_be_nested_deeply(condition, expected):
    assert holds(condition, metadata={**nested(3_000), "loss": 0.5}, parameters={}) is expected


def test_a_condition_on_a_deeply_nested_value():
    with pytest.raises(ConditionError):
        holds(f"metadata.{'a.' * 3_000}x == 1", metadata=nested(3_000), parameters={})
    with pytest.raises(ConditionError, match="nested too deeply"):
        holds("metadata.a == metadata.b", metadata={"a": nested(30_000), "b": nested(30_000)}, parameters={})


FAILS = [
    ("metadata.x < 1", {}, "there is no metadata.x"),
    ("metadata.val-acc < 1", {}, "there is no metadata.val-acc"),
    ("metadata.class < 1", {}, "there is no metadata.class"),
    ("metadata.x < 1", {"x": [1]}, "not 'list'"),
    ("metadata.x / 0 > 1", {"x": 1}, "division by zero"),
    ("metadata.x * 999999 > 1", {"x": "a"}, "multiplication"),
    ("metadata.x % 2 == 0", {"x": 1}, "binary operator Mod is not allowed"),
]


@pytest.mark.parametrize(("condition", "metadata", "reason"), FAILS)
def test_what_cannot_be_evaluated(condition, metadata, reason):
    with pytest.raises(ConditionError, match=reason):
        holds(condition, metadata=metadata, parameters={})


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({}, ["a.b", "c"]), ({"a": {"b": None}}, ["c"]), ({"a.b": 1, "c": 0}, []), ({"a": {"c": 1}}, ["a.b", "c"])],
)
def test_missing(metadata, expected):
    assert missing("metadata.a.b < 1 and metadata.c and parameter.d", metadata) == expected


def test_names():
    assert names("metadata.val-acc < parameter.class and x or f(1)") == [
        ("metadata", "val-acc"),
        ("parameter", "class"),
        ("x",),
        ("f", "()"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "metadata.x <", "1 < metadata.x < 2", "[1]", "lambda: 1", "(" * 400, "metadata.x == '\x00'"),
        *("x" * 200_000, "not " * 50 + "metadata.x", "metadata.x[0]", "metadata.x == f'{1}'", "a\nb", "().__class__"),
        "{{ metadata.x }} < 1",
    ],
)
def test_invalid_expressions(text):
    with pytest.raises(ConditionError):
        names(text)
