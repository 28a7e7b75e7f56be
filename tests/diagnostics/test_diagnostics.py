"""Test that findings are shown as a good compiler shows them, and that JSON and SARIF contain the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator import diagnostics
from translator.diagnostics import Diagnostic, Diagnostics, Severity, SourceText, TranslationError
from translator.span import Span

SHOWN = [
    # text, span (line, column, end line, end column), what is shown below the message
    ("a: bad", (1, 4, 1, 7), ["    1 | a: bad", "      |    ^^^"]),
    ("a: bad", (1, 4, 1, 4), ["    1 | a: bad", "      |    ^"]),
    ("a: bad", (1, 7, 1, 8), ["    1 | a: bad", "      |       ^"]),
    ("x\n  many\n  lines\n", (2, 3, 4, 1), ["    2 |   many", "      |   ^^^^"]),
    ("x\ty: 1", (1, 3, 1, 4), ["    1 | x    y: 1", "      |      ^"]),
    ("日本: x", (1, 5, 1, 6), ["    1 | 日本: x", "      |       ^"]),
    ("e\u0301: x", (1, 5, 1, 6), ["    1 | e\u0301: x", "      |    ^"]),
    ("a\x1b[2J: x", (1, 1, 1, 2), ["    1 | a\\x1b[2J: x", "      | ^"]),
    ("a\u2028b", (2, 1, 2, 2), ["    2 | b", "      | ^"]),
    ("a\r\nb\rc", (3, 1, 3, 2), ["    3 | c", "      | ^"]),
    ("a", (7, 1, 7, 2), []),
    ("-" * 300 + "x" + "-" * 300, (1, 301, 1, 302), None),
]


@pytest.mark.parametrize(("source", "place", "lines"), SHOWN, ids=lambda value: repr(value)[:20])
def test_the_line_and_a_caret(source, place, lines):
    found = Diagnostic("code", Severity.ERROR, "what is wrong", Span("f.yaml", *place), "what to do")
    shown = diagnostics.text([found], {"f.yaml": SourceText("some/f.yaml", source)}).splitlines()
    assert shown[0] == f"some/f.yaml:{place[0]}:{place[1]}: error[code]: what is wrong"
    assert shown[-1] == "      = what to do"
    if lines is not None:
        assert shown[1:-1] == lines
    else:
        assert max(map(len, shown)) < 200
        assert shown[1][shown[2].index("^")] == "x"


def test_without_a_place_or_a_hint():
    found = Diagnostic("missing-file", Severity.ERROR, "there is no file x\ny", None)
    assert diagnostics.text([found], {}) == "error[missing-file]: there is no file x\\ny\n"


def test_a_line_that_may_hold_a_secret_is_not_shown():
    found = Diagnostic("c", Severity.WARNING, "m", Span("f", 1, 1, 1, 2), quote=False)
    assert diagnostics.text([found], {"f": SourceText("f", "KEY: 1234")}) == "f:1:1: warning[c]: m\n"


def test_color_is_only_escapes():
    found = Diagnostic("c", Severity.WARNING, "m", Span("f", 1, 1, 1, 2), "h")
    sources = {"f": SourceText("f", "abc")}
    plain, colored = diagnostics.text([found], sources), diagnostics.text([found], sources, color=True)
    assert "\x1b[" not in plain
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored != plain


PLACES = st.tuples(st.integers(1, 4), st.integers(1, 70), st.integers(4, 9), st.integers(1, 70))


@given(st.text(max_size=60), PLACES, st.text(max_size=20))
def test_whatever_the_text_each_line_is_one_line(source, place, message):
    found = Diagnostic("c", Severity.NOTE, message, Span("f", *place), message)
    shown = diagnostics.text([found], {"f": SourceText("f", source)})
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert shown.count("\n") in (2, 4)


def collector() -> Diagnostics:
    found = Diagnostics()
    found.note("third", "later", Span("f", 3, 1, 3, 2))
    found.about("P").error("second", "in a pipeline", Span("f", 2, 5, 2, 6), hint="do it")
    found.about("Q").error("second", "in a pipeline", Span("f", 2, 5, 2, 6))
    found.warning("first", "no place", None)
    return found


def test_the_collector_sorts_by_place_and_reports_once():
    found = collector()
    assert [d.code for d in found] == ["first", "second", "third"]
    assert (len(found), found.ok, found.count(Severity.ERROR)) == (3, False, 1)
    assert [d.code for d in found.concerning("Q")] == ["first", "second", "third"]
    assert [d.code for d in found.concerning("R")] == ["first", "third"]
    assert found.concerning("R").ok


def test_the_exception_says_what_is_wrong():
    assert str(TranslationError(collector())) == "f:2:5: error[second]: in a pipeline"


def test_json():
    shown = json.loads(diagnostics.as_json(collector(), {"f": SourceText("some/f", "a\nb\nc")}))
    assert [entry["code"] for entry in shown] == ["first", "second", "third"]
    assert shown[0]["file"] is None
    assert shown[1] == {
        "code": "second",
        "severity": "error",
        "message": "in a pipeline",
        "hint": "do it",
        "pipeline": "P",
        "pipelines": ["P", "Q"],
        "file": "some/f",
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 6,
    }


def test_sarif():
    sources = {"f": SourceText("some folder/f", "a")}
    log = json.loads(diagnostics.sarif(collector(), sources, version="1.2.3", codes_uri="https://x/codes"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("pipeline-translator", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["first", "second", "third"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
    assert "locations" not in run["results"][0]
    assert run["results"][1]["message"] == {"text": "in a pipeline (do it)"}
    (location,) = run["results"][1]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "some%20folder/f"},
        "region": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 6},
    }


def test_sarif_explains_the_codes():
    found = [Diagnostic(code, Severity.ERROR, "m", None) for code in ("unknown-step", "unsupported-stop-condition")]
    log = json.loads(diagnostics.sarif(found, {}, version="1", codes_uri="https://x/codes"))
    step, family = log["runs"][0]["tool"]["driver"]["rules"]
    assert step["helpUri"] == "https://x/codes#unknown-step"
    assert family["helpUri"] == "https://x/codes#unsupported-"
    assert step["shortDescription"]["text"] == "there is no step of this name"
    assert "Correct the name." in step["help"]["text"]
    assert "```yaml" in step["help"]["markdown"]


GITHUB = [
    (Span("f", 1, 2, 1, 4), "file=a b%2Cc%3A1/f,line=1,endLine=1,col=2,endColumn=4,title=c"),
    (Span("f", 1, 2, 3, 4), "file=a b%2Cc%3A1/f,line=1,endLine=3,title=c"),
    (None, "title=c"),
]


@pytest.mark.parametrize(("span", "properties"), GITHUB)
def test_github(span, properties):
    sources = {"f": SourceText("a b,c:1/f", "abc")}
    found = [Diagnostic("c", severity, "100%: a, b\r\n\x1b::error::", span, "do it") for severity in Severity]
    assert diagnostics.github(found, sources).splitlines() == [
        f"::{command} {properties}::100%25: a, b%0A\\x1b::error:: (do it)" for command in ("error", "warning", "notice")
    ]
