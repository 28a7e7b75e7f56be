"""Test that names become identifiers and path segments, and that different names stay different."""

import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.ir import EdgeKind
from translator.names import closest, did_you_mean, identifiers, slug

IDENTIFIERS = [
    # names, reserved, identifiers
    (["train"], (), ["train"]),
    (["class", "import os", "a b/c", "../x", "😀"], (), ["class_", "import_os", "a_b_c", "x", "node"]),
    (["match", "print", "list", "license"], (), ["match_", "print_", "list_", "license_"]),
    (["train", "dag"], ("dag", "dag_"), ["train", "dag__"]),
    (["1st", "Ärger", "straße", "\uff21\uff22"], (), ["node_1st", "arger", "strae", "ab"]),
    (["a-b", "a b", "a.b"], (), ["a_b", "a_b_2", "a_b_3"]),
    (["a-b", "a_b", "a_b_2", "a b"], (), ["a_b_3", "a_b", "a_b_2", "a_b_4"]),
    (["Train", "train", "TRAIN"], (), ["train_2", "train", "train_3"]),
    (["", " ", "___"], (), ["node", "node_2", "node_3"]),
    (["class!", "class"], (), ["class_", "class_2"]),
    (["a b", "a-b"], ("a_b_2",), ["a_b", "a_b_3"]),
    (["x" * 81], (), ["x" * 80 + "_4d1f7b"]),
]


@pytest.mark.parametrize(("names", "reserved", "expected"), IDENTIFIERS)
def test_identifiers(names, reserved, expected):
    assert list(identifiers(names, reserved).items()) == list(zip(names, expected, strict=True))


SLUGS = [
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


@pytest.mark.parametrize(("name", "expected"), SLUGS)
def test_slug(name, expected):
    assert slug(name) == expected


@given(st.lists(st.text(max_size=12), max_size=12), st.sets(st.sampled_from(["dag", "a", "node", "node_2"])))
def test_identifiers_are_python_s_and_never_shared(names, reserved):
    given_names = identifiers(names, reserved)
    assert list(given_names) == list(dict.fromkeys(names))
    assert len(set(given_names.values())) == len(given_names)
    for identifier in given_names.values():
        assert identifier.isidentifier()
        assert identifier.isascii()
        assert not keyword.iskeyword(identifier)
        assert identifier not in reserved


@given(st.text(max_size=200))
def test_a_slug_is_one_segment(name):
    segment = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", segment)
    assert len(segment) <= 107
    assert slug(segment) == segment or len(segment) > 100


@given(st.text(alphabet="ab .-/", max_size=4), st.text(alphabet="ab .-/", max_size=4))
def test_two_names_have_two_slugs(one, other):
    assert (slug(one) == slug(other)) == (one == other)


def test_the_shim_s_own_rule_agrees():
    """The shim must not import the compiler, so it has a copy of the rule."""
    store = pytest.importorskip("translator.shim.store")
    for name, _ in SLUGS:
        assert store.segment(name) == slug(name)


def test_did_you_mean():
    assert closest("trian", ["train", "evaluate"]) == "train"
    assert closest("TRAIN", ["train"]) == "train"
    assert closest("zzz", ["train"]) is None
    assert did_you_mean("trian", ["train"]) == "did you mean 'train'?"
    assert did_you_mean("zzz", ["train", "evaluate"], "nodes") == "nodes: 'train', 'evaluate'"
    assert did_you_mean("zzz", ["train"]) is None
    assert did_you_mean("files", EdgeKind) == "did you mean 'file'?"
    assert did_you_mean("zzz", [EdgeKind.FILE], "kinds") == "kinds: 'file'"
    assert did_you_mean("zzz", [], "nodes") is None
