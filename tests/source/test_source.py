"""Test that YAML becomes located values, and that each mistake in it becomes a diagnostic."""

import datetime as dt
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from translator.diagnostics import Diagnostics
from translator.source import MAX_ALIASED, MAX_BYTES, MAX_DEPTH, MAX_VALUES, Located, Rules, parse, read_text


def read(text: str, rules: Rules = Rules.YAML_1_1) -> tuple[Located | None, list[str]]:
    diagnostics = Diagnostics()
    found = parse(text, "f", diagnostics, rules)
    return found, [f"{d.span.line}:{d.span.column} {d.code}" if d.span else d.code for d in diagnostics]


SCALARS = [
    # text, by the rules of YAML 1.1, by those of 1.2
    ("yes", True, "yes"),
    ("Off", False, "Off"),
    ("true", True, True),
    ("012", 10, 12),
    ("0o14", "0o14", 12),
    ("0x1F", 31, 31),
    ("1_000", 1000, 1000),
    ("12:30", 750, "12:30"),
    ("1e3", "1e3", 1000.0),
    ("1.5", 1.5, 1.5),
    ("-.5", "-.5", -0.5),
    (".inf", math.inf, math.inf),
    ("~", None, None),
    ("null", None, None),
    ("", None, None),
    ("2020-01-31", dt.date(2020, 1, 31), "2020-01-31"),
    ("'012'", "012", "012"),
    ('"yes"', "yes", "yes"),
    ("!!str 012", "012", "012"),
    ("! 012", 10, 12),
    ("!!int '7'", 7, 7),
    ("=", "=", "="),
]


@pytest.mark.parametrize(("text", "old", "new"), SCALARS)
def test_scalars(text, old, new):
    for rules, value in ((Rules.YAML_1_1, old), (Rules.YAML_1_2, new)):
        located, codes = read(f"- {text}", rules)
        assert codes == []
        assert located is not None
        assert located.value == [value]
        assert type(located.value[0]) is type(value)


SPANNED = """\
a: 1
list:
  - x
  - {k: "quoted"}
text: |
  block
  of lines
"""


def test_every_key_value_and_item_has_its_location():
    root, codes = read(SPANNED)
    assert codes == []
    assert root is not None
    assert root.value == {"a": 1, "list": ["x", {"k": "quoted"}], "text": "block\nof lines\n"}
    assert str(root.key_span("list")) == "f:2:1"
    assert str(root.at(["list", 0]).span) == "f:3:5"
    quoted = root.at(["list", 1, "k"])
    assert (quoted.span.line, quoted.span.column, quoted.span.end_column) == (4, 9, 17)
    assert str(root.at(["list", 1]).key_span("k")) == "f:4:6"
    assert str(root.value_span("text")) == "f:5:7"
    assert root.at(["list", 9, "x"]) is root.get("list")


def test_anchors_merge_keys_and_aliases():
    root, codes = read("base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: [*b, *b]\nthree: {<<: [{x: 5}, *b]}\n")
    assert codes == []
    assert root is not None
    assert root.value["one"] == {"y": 3, "x": 1}
    assert root.value["two"] == [{"x": 1, "y": 2}] * 2
    assert root.value["three"] == {"x": 5, "y": 2}
    assert str(root.at(["one", "x"]).span) == "f:1:14"


BAD = [
    ("a: 1\nb: 2\na: 3", ["3:1 duplicate-key"]),
    ("{a: 1, 'a': 2}", ["1:8 duplicate-key"]),
    ("a: !thing x\nb: !!python/object:os.system y", ["1:4 unknown-tag", "2:4 unknown-tag"]),
    ("!!set {a, b}", ["1:1 unknown-tag"]),
    ("!!binary aGk=", ["1:1 unknown-tag"]),
    ("- *nothing", ["1:3 unknown-alias"]),
    ("&a [*a]", ["1:5 recursive-alias"]),
    ("a: &x {b: {c: *x}}", ["1:15 recursive-alias"]),
    ("? [a, b]\n: 1", ["1:3 complex-key"]),
    ("<<: 3", ["1:5 bad-merge"]),
    ("<<: [3, {a: 1}]", ["1:6 bad-merge"]),
    ("a: 0x_", ["1:4 bad-scalar"]),
    ("a: !!int x", ["1:4 bad-scalar"]),
    ("a: 2020-13-41", ["1:4 bad-scalar"]),
    ("a: " + "9" * 5000, ["1:4 bad-scalar"]),
    ("a: 1\n---\nb: 2", ["2:1 several-documents"]),
    ("a: b: c", ["1:5 not-yaml"]),
    ("a: [1, 2", ["1:9 not-yaml"]),
    ("a: 'x", ["1:6 not-yaml"]),
    ("a:\n\t- b", ["2:1 not-yaml"]),
    ("%YAML 9.9\n---\na", ["1:1 not-yaml"]),
    ("a: \x00", ["1:4 control-character"]),
    ("a\nb\x1b[31m", ["2:2 control-character"]),
    ("[" * (MAX_DEPTH + 1), [f"1:{MAX_DEPTH + 1} too-deep"]),
    ("[" * 900, [f"1:{MAX_DEPTH + 1} too-deep"]),
    ("- " * 5000, [f"1:{2 * MAX_DEPTH + 1} too-deep"]),
    ("\ufeff- a", []),
]


@pytest.mark.parametrize(("text", "codes"), BAD, ids=lambda value: str(value)[:30])
def test_what_is_wrong_is_a_diagnostic(text, codes):
    assert read(text)[1] == codes


def test_all_duplicates_are_found_at_once():
    assert read("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")[1] == ["2:1 duplicate-key", "5:3 duplicate-key"]


def test_a_file_with_too_many_values():
    found, codes = read("[" + "a," * (MAX_VALUES + 10) + "]")
    assert (found, codes) == (None, [f"1:{2 * MAX_VALUES + 4} huge-file"])
    assert read("[" + "a," * (MAX_VALUES // 2) + "]")[1] == []


def test_the_last_of_two_equal_keys_counts_where_it_does_for_the_source_system():
    """For PyYAML it does, as Valohai and Loom read their files; ruamel.yaml (Magnus, runnable) reads on no further."""
    text = "a: 1\nb: 2\na: 3\n"
    assert yaml.safe_load(text) == {"a": 3, "b": 2}
    for rules, ok in ((Rules.YAML_1_1, True), (Rules.YAML_1_2, False)):
        diagnostics = Diagnostics()
        located = parse(text, "f", diagnostics, rules)
        assert located is not None
        assert diagnostics.ok == ok
        assert (located.value, located.keys["a"].start) == (
            ({"a": 3, "b": 2}, (3, 1)) if ok else ({"a": 1, "b": 2}, (1, 1))
        )


@pytest.mark.parametrize(
    "text", ["!!timestamp x", "!!timestamp 2020-13-45", "!!timestamp", "!!float ''", "!!int ''", "!!bool x"]
)
@pytest.mark.parametrize("rules", Rules)
def test_a_tag_that_does_not_match_the_text(text, rules):
    assert read(f"- {text}", rules)[1] == ["1:3 bad-scalar"]


def test_aliases_that_multiply_are_refused_before_they_do():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    root, codes = read("\n".join(lines))
    assert root is None
    assert [code.split()[1] for code in codes] == ["alias-bomb"]
    assert MAX_ALIASED < 10**6


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_empty_documents(text):
    root, codes = read(text)
    assert codes == []
    assert root is None or root.value is None


FILES = [
    (b"- a", []),
    (b"\xef\xbb\xbf- a", []),
    (b"- a\n- \xff\xfe", ["not-utf-8 2:3"]),
    ("- a".encode("utf-16"), ["not-utf-8 1:1"]),
    (b"x" * (MAX_BYTES + 1), ["huge-file"]),
]


@pytest.mark.parametrize(("data", "codes"), FILES, ids=["plain", "mark", "latin", "utf-16", "huge"])
def test_files(tmp_path: Path, data, codes):
    file = tmp_path / "valohai.yaml"
    file.write_bytes(data)
    diagnostics = Diagnostics()
    text = read_text(file, diagnostics)
    assert [f"{d.code} {d.span.line}:{d.span.column}" if d.span else d.code for d in diagnostics] == codes
    assert (text is None) == bool(codes)


def test_no_file(tmp_path: Path):
    diagnostics = Diagnostics()
    locked = tmp_path / "locked"
    locked.mkdir()
    for path in (tmp_path / "nothing.yaml", tmp_path, locked / "a\0b"):
        assert read_text(path, diagnostics) is None
    assert sorted(d.code for d in diagnostics) == ["missing-file", "not-a-file", "unreadable-file"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_pyyaml_output_is_read_as_by_pyyaml(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    located, codes = read(text)
    expected = yaml.safe_load(text)
    assert codes == []
    assert (None if located is None else located.value) == expected


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?, \n\t<0.~=", max_size=40), st.sampled_from(list(Rules)))
def test_no_text_raises_an_exception(text, rules):
    root, codes = read(text, rules)
    try:
        expected = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, IndexError):
        return
    if not codes and rules is Rules.YAML_1_1:
        assert (None if root is None else root.value) == expected


def test_a_million_brackets_are_an_error() -> None:
    """Newer versions of libyaml stop at their own depth, and sooner or later all do."""
    diagnostics = Diagnostics()
    assert parse("[" * 1_000_000, "a.yaml", diagnostics) is None
    assert [d.code in {"too-deep", "not-yaml"} for d in diagnostics.found] == [True]
