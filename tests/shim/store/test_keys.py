"""Test that names become path segments, and that different names stay different."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.shim.store.keys import segment

SEGMENTS = [
    ("train", "train"),
    ("train.v2_final-1", "train.v2_final-1"),
    ("Training Pipeline", "Training-Pipeline-7280a0"),
    ("", "node-e3b0c4"),
    ("..", "node-5ec1f7"),
    ("../x", "x-d6b96a"),
    (".hidden", "hidden-169241"),
    ("-rf", "rf-686c39"),
    ("😀", "node-f0443a"),
]


@pytest.mark.parametrize(("name", "expected"), SEGMENTS)
def test_segment(name, expected):
    assert segment(name) == expected


@given(st.text(max_size=200))
def test_a_segment_is_one(name):
    once = segment(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", once)
    assert len(once) <= 107
    assert segment(once) == once or len(once) > 100


@given(st.text(alphabet="ab .-/", max_size=4), st.text(alphabet="ab .-/", max_size=4))
def test_two_names_have_two_segments(one, other):
    assert (segment(one) == segment(other)) == (one == other)
