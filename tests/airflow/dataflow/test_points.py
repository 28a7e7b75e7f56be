"""Check that the points of a grid arrive as they were chosen."""

from __future__ import annotations

import math
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.sdk.serde import deserialize, serialize

from airflow_plugin.dataflow.points import Point, point_of, texts_of

VALUES: list[Any] = [
    *(0, -1, 2**70, 0.1, 1e-300, math.inf, True, False, "", "1", "null", '{"label": "x"}', "{{ 7 * 7 }}", "grün \0 \n"),
    *("\ud800", ["a", 'b"'], [1, 2.5], []),
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_a_point_arrives_as_it_was_chosen(value: Any) -> None:
    (text,) = deserialize(serialize(texts_of([({"x": value}, f"x={value}")])))
    assert text.isascii()  # a lone surrogate, from the name of a file, has no UTF-8
    point = point_of(text)
    assert point == {"label": f"x={value}", "parameters": {"x": value}}
    assert type(point["parameters"]["x"]) is type(value)


def test_the_point_itself_is_taken_too() -> None:
    point = Point(label="x=1", parameters={"x": 1})
    assert point_of(point) == point
    assert point_of({}) == {}
