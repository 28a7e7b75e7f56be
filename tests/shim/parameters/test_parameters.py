"""Test values of parameters: types, bounds, choices, and which source wins."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from valohai_yaml.excs import ValidationErrors

from translator.shim.contract import Parameter, Step
from translator.shim.parameters import ParameterError, coerce, resolve, vendor

INTEGER = Parameter("n", "integer", minimum=1, maximum=10)
FLOAT = Parameter("x", "float")
FLAG = Parameter("f", "flag")
TEXT = Parameter("t")
COLOUR = Parameter("c", choices=("red", "blue"))
MANY = Parameter("m", "integer", multiple="repeat", maximum=5)


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (INTEGER, 3, 3), (INTEGER, "3", 3), (INTEGER, 3.0, 3), (INTEGER, None, None),
        (FLOAT, 1, 1), (FLOAT, 1.0, 1.0), (FLOAT, "2", 2), (FLOAT, "1e-3", 0.001), (FLOAT, 0.5, 0.5),
        (FLAG, True, True), (FLAG, "true", True), (FLAG, "False", False), (FLAG, 0, False), (FLAG, "1", True),
        (TEXT, "x", "x"), (TEXT, "", ""), (TEXT, 5, 5), (TEXT, "é\n-", "é\n-"),
        (COLOUR, "red", "red"),
        (MANY, [1, "2"], [1, 2]), (MANY, 3, [3]), (MANY, (), []), (MANY, ("4",), [4]),
    ],
)  # fmt: skip
def test_values_get_the_type(parameter: Parameter, value: object, expected: object) -> None:
    found = coerce(parameter, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (INTEGER, 0, "parameter 'n': 0 is less than the minimum allowed (1)"),
        (INTEGER, 11, "parameter 'n': 11 is greater than the maximum allowed (10)"),
        (INTEGER, "x", "parameter 'n': x is not an integer"),
        (INTEGER, 1.5, "parameter 'n': 1.5 is not an integer"),
        (INTEGER, "", "parameter 'n': No value supplied"),
        (INTEGER, True, "parameter 'n': True is not an integer"),
        (INTEGER, [1], "parameter 'n' takes one value, not the list [1]"),
        (FLOAT, "x", "parameter 'x': x is not a floating-point number"),
        (FLOAT, math.nan, "parameter 'x': nan is not a finite number"),
        (FLOAT, "inf", "parameter 'x': inf is not a finite number"),
        (FLAG, "maybe", "parameter 'f': maybe is not among the choices allowed ([True, False])"),
        (COLOUR, "green", "parameter 'c': green is not among the choices allowed (['red', 'blue'])"),
        (MANY, [1, 9], "parameter 'm': 9 is greater than the maximum allowed (5)"),
        (MANY, [[1]], "parameter 'm': [1] is not a string, a number or a boolean"),
        (TEXT, {"a": 1}, "parameter 't': {'a': 1} is not a string, a number or a boolean"),
        (TEXT, "a\x00b", "parameter 't': the value contains a NUL character"),
    ],
)
def test_invalid_values_are_reported(parameter: Parameter, value: object, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        coerce(parameter, value)
    assert str(caught.value).startswith(message)


SCALARS = st.one_of(
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(type_=st.sampled_from(["string", "integer", "float"]), value=SCALARS, bounded=st.booleans())
def test_the_vendor_agrees(type_, value, bounded) -> None:
    parameter = Parameter("p", type_, minimum=-5 if bounded else None)
    if type_ == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        expected = vendor(parameter).validate(value)
    except ValidationErrors:
        with pytest.raises(ParameterError):
            coerce(parameter, value)
    else:
        if isinstance(expected, float) and not math.isfinite(expected):
            return
        assert coerce(parameter, value) == expected


STEP = Step("s", [], parameters=[Parameter("a", "integer", 1), Parameter("b", default="d"), Parameter("c")])


@pytest.mark.parametrize(
    ("run", "edge", "expected"),
    [
        ({}, {}, {"a": 1, "b": "d", "c": None}),
        ({"a": "2"}, {}, {"a": 2, "b": "d", "c": None}),
        ({"a": 2, "c": "r"}, {"a": 3}, {"a": 3, "b": "d", "c": "r"}),
    ],
)
def test_the_later_source_wins(run, edge, expected) -> None:
    found = resolve(STEP, run, edge)
    assert found == expected
    assert list(found) == ["a", "b", "c"]


def test_all_invalid_values_are_reported_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve(STEP, {"a": "x", "zz": 1}, {"b": [1]})
    assert str(caught.value).splitlines() == [
        "step 's' has no parameter 'zz'",
        "parameter 'a': x is not an integer",
        "parameter 'b' takes one value, not the list [1]",
    ]


def test_a_bad_value_is_an_error_before_the_command(worker) -> None:
    manifest = worker.run(Step("s", ["echo ran"], parameters=[INTEGER]), parameters={"n": [1, 2]})
    assert (manifest.state, manifest.reason) == ("error", "parameter 'n' takes one value, not the list [1, 2]")
    assert (manifest.parameters, manifest.begun, worker.output) == ({"n": [1, 2]}, True, [])
    assert worker.store.manifest(manifest.uri) == manifest
