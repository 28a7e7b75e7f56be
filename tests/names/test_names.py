"""Test that names become identifiers, and that different names stay different."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.ir import EdgeKind
from translator.names import closest, did_you_mean, identifiers

IDENTIFIERS = [
    # names, reserved, identifiers
    (["train"], (), ["train"]),
    (["class", "import os", "a b/c", "../x", "😀"], (), ["class_", "import_os", "a_b_c", "x", "node"]),
    (["match", "print", "list", "license"], (), ["match", "print_", "list_", "license_"]),
    (["train", "dag"], ("dag", "dag_"), ["train", "dag__"]),
    (["1st", "Ärger", "straße", "\uff21\uff22"], (), ["node_1st", "arger", "strae", "ab"]),
    (["a-b", "a b", "a.b"], (), ["a_b_d44362", "a_b_c8687a", "a_b_2e7336"]),
    (["a-b", "a_b", "a_b_d44362"], (), ["a_b_d44362_", "a_b", "a_b_d44362"]),
    (["Train", "train", "TRAIN"], (), ["train_e99c90", "train", "train_131f9d"]),
    (["", " ", "___"], (), ["node_e3b0c4", "node_36a9e7", "node_bda251"]),
    (["class!", "class"], (), ["class_d1661f", "class_"]),
    (["a b", "a-b"], ("a_b_c8687a",), ["a_b_c8687a_", "a_b_d44362"]),
    (["x" * 81], (), ["x" * 80 + "_4d1f7b"]),
]


@pytest.mark.parametrize(("names", "reserved", "expected"), IDENTIFIERS)
def test_identifiers(names, reserved, expected):
    assert list(identifiers(names, reserved).items()) == list(zip(names, expected, strict=True))


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


@given(st.permutations(["a-b", "a b", "a_b", "dag", "dag_", "class", "Class", "", "1", "node_1"]))
def test_the_order_of_names_does_not_matter(names):
    assert identifiers(names, ("dag",)) == identifiers(sorted(names), ("dag",))


def test_attributes_may_have_names_of_builtins():
    assert identifiers(["class", "input", "dict"], ("dict",), shadow_builtins=True) == {
        "class": "class_",
        "input": "input",
        "dict": "dict_",
    }


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
