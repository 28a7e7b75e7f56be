"""Test positions of keys and values of TOML: the scan agrees with ``tomllib`` on every document that this accepts."""

import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.diagnostics import Diagnostics
from translator.source import Located, dotted, parse_toml

DOCUMENT = '''# a comment with "quotes" and [brackets]
title = "x" # after a value
a.b . "c d" = [1, {x = 2, y.z = """q
"quoted"" """}, # in an array
 'lit', ]
[defaults.airflow]
queue = "gpu"
when = 1979-05-27 07:32:00
[[p]]
n=1
[p.q]
m=2
[[p]]
n = 3
[pipelines."Tr \\"P\\""]
e = {}
f = []
'''


def read(text: str) -> Located:
    found = Diagnostics()
    value = parse_toml(text, "t.toml", found)
    assert value is not None, list(found)
    return value


def test_keys_and_values_have_their_places() -> None:
    root = read(DOCUMENT)
    airflow = root.at(["defaults", "airflow"])
    assert str(airflow.key_span("queue")) == "t.toml:7:1"
    assert str(airflow.value_span("queue")) == "t.toml:7:9"
    inner = root.at(["a", "b", "c d", 1])
    assert str(inner.key_span("y")) == "t.toml:3:27"
    assert str(root.at(["p", 1]).key_span("n")) == "t.toml:14:1"
    assert str(root.at(["pipelines"]).key_span('Tr "P"')) == "t.toml:15:12"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a = ", "1:4", "not valid TOML"),
        ("a = 1\na=2", "2:4", "not valid TOML: Cannot overwrite"),
        ("[x\n", "1:3", "not valid TOML"),
        ("x = " + "[" * 100_000, "1:1", "nested too deep"),
        ("b = " + "9" * 5000, "1:1", "not valid TOML"),
        ('a = """', "1:8", "not valid TOML"),
    ],
    ids=["no-value", "twice", "header", "deep", "digits", "open-string"],
)
def test_what_is_not_toml_is_reported(text: str, place: str, said: str) -> None:
    found = Diagnostics()
    assert parse_toml(text, "t.toml", found) is None
    (error,) = found
    assert said in error.message
    assert str(error.span) == f"t.toml:{place}"


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
STRINGS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
SCALARS = st.one_of(
    STRINGS, st.integers(-(10**6), 10**6), st.booleans(), st.floats(allow_nan=False, allow_infinity=False, width=32)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
BLANKS = st.sampled_from(["", " ", "\t"])
BREAKS = st.sampled_from(["", " ", "\n", " # a ]} comment\n", "\r\n"])


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@st.composite
def written(draw: st.DrawFn, value: object) -> str:
    """Return a value as TOML, in one of its spellings."""
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            pairs.append(f"{draw(BLANKS)}{quoted(key)}{draw(BLANKS)}={draw(BLANKS)}{draw(written(item))}{draw(BLANKS)}")
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        items = [f"{draw(BREAKS)}{draw(written(item))}{draw(BREAKS)}" for item in value]
        end = draw(st.sampled_from([",", ""])) if items else ""
        return "[" + ",".join(items) + end + draw(BREAKS) + "]"
    if isinstance(value, str):
        if draw(st.booleans()) and "'" not in value and all(char.isprintable() for char in value):
            return f"'{value}'"
        if draw(st.booleans()) and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value):
            escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
            return f'"""\n{escaped}"""' if not escaped.endswith('"') else quoted(value)
        return quoted(value)
    return json.dumps(value)


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = []
    for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=4)).items():
        if isinstance(value, dict) and draw(st.booleans()):
            lines += [f"[{draw(BLANKS)}{quoted(key)}{draw(BLANKS)}]"]
            lines += [f"{quoted(name)} = {draw(written(item))}" for name, item in value.items()]
        elif not lines or not any(line.startswith("[") for line in lines):
            lines.append(f"{quoted(key)}={draw(written(value))}{draw(st.sampled_from(['', ' # x']))}")
    return "\n".join(lines)


@given(documents())
def test_the_scan_agrees_with_tomllib(text: str) -> None:
    expected = tomllib.loads(text)
    root = read(text)
    assert root.value == expected
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    waiting = [root]
    while waiting:
        value = waiting.pop()
        for key, place in (value.keys or {}).items():
            shown = lines[place.start[0] - 1][place.start[1] - 1 :]
            assert tomllib.loads(f"{shown[: place.end[1] - place.start[1]]} = 1") == {key: 1}
        waiting += [*(value.entries or {}).values(), *(value.items or ())]
        if value.entries is None and value.items is None:
            assert value.text is not None
            assert tomllib.loads(f"x = {value.text}") == {"x": value.value}


def test_keys_are_written_as_toml_does() -> None:
    assert dotted(["pipelines", 'Tr "P"', "airflow"]) == 'pipelines."Tr \\"P\\"".airflow'
