"""Compare the quick check of defaults with the validator of JSON Schema, as which Airflow checks them."""

from __future__ import annotations

from typing import Any

import hypothesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from translator.targets.airflow.defaults import is_surely_valid

NAMES = st.sampled_from(("string", "integer", "number", "boolean", "null", "array"))
ATOMS = st.sampled_from(("", "a", 0, 1, 2, 0.5, 1.0, True, False, None))
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
SCHEMAS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": NAMES | st.lists(NAMES, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "minimum": st.sampled_from((0, 0.5, 1)),
            "maximum": st.sampled_from((0, 1, 2)),
            "maxLength": st.just(0),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner}, optional={"minItems": st.sampled_from((0, 1))}
    ),
    max_leaves=3,
)


@hypothesis.settings(max_examples=1000)
@hypothesis.given(VALUES, SCHEMAS)
def test_what_is_surely_valid_is_valid(value: object, schema: dict[str, Any]) -> None:
    if is_surely_valid(value, schema):
        assert Draft202012Validator(schema).is_valid(value)


def test_usual_defaults_need_no_validator() -> None:
    assert is_surely_valid(3, {"type": "integer", "minimum": 1})
    assert is_surely_valid(
        ["a"], {"type": "array", "items": {"type": ["string", "null"], "enum": ["a"]}, "minItems": 1}
    )
    assert not is_surely_valid([], {"type": "array", "minItems": 1})
    assert not is_surely_valid(1, {"type": "boolean"})
    assert not is_surely_valid([True], {"type": "array", "items": {"type": "boolean"}, "enum": [[1.0]]})
