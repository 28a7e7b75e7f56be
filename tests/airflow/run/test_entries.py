"""Check that the entries of lists arrive at mapped tasks as they were."""

from __future__ import annotations

import math
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.sdk.serde import deserialize, serialize

from airflow_plugin.tasks.entries import entry_of, texts_of

VALUES: list[Any] = [
    *(0, -1, 2**70, 0.1, 1e-300, math.inf, True, False, "", "1", "null", '{"label": "x"}', "{{ 7 * 7 }}", "grün \0 \n"),
    *("\ud800", ["a", 'b"'], [1, 2.5], []),
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_an_entry_arrives_as_it_was(value: Any) -> None:
    (text,) = deserialize(serialize(texts_of([{"label": f"x={value}", "parameters": {"x": value}}])))
    assert text.isascii()  # a lone surrogate, from the name of a file, has no UTF-8
    point = entry_of(text)
    assert point == {"label": f"x={value}", "parameters": {"x": value}}
    assert type(point["parameters"]["x"]) is type(value)


@pytest.mark.parametrize("entry", [{}, {"label": "x=1", "parameters": {"x": 1}}, {"index": [0], "label": "a"}])
def test_the_entry_itself_is_taken_too(entry: dict[str, Any]) -> None:
    assert entry_of(entry) == entry
