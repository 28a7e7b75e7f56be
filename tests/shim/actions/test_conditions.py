"""Test conditions of actions: expressions of ``leval`` over metadata and parameters."""

import pytest

from translator.shim.actions.conditions import ConditionError, holds, names

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
    ],
)
def test_invalid_expressions(text):
    with pytest.raises(ConditionError):
        names(text)
