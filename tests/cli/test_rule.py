"""Test ``translate rule``."""

import json
import urllib.parse
from pathlib import Path

from translator.cli import main
from translator.cli.docs import page_uri
from translator.rules import rules


def test_a_code_is_explained(capsys):
    assert main(["rule", "unknown-placeholder"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "unknown-placeholder: a placeholder names no parameter, or follows an open brace; a warning in a command, "
        "which gets it as it is written\n"
        "  error, warning. Correct the name"
    )
    assert "$ translate check valohai.yaml" in out
    assert "command: date {parameter:rat}" in out


def test_a_member_of_a_family_is_explained_by_the_family(capsys):
    assert main(["rule", "unsupported-stop-condition"]) == 0
    assert capsys.readouterr().out.startswith("unsupported-*: ")


def test_a_pattern_explains_several_codes(capsys):
    assert main(["rule", "unused-*", "--format", "json"]) == 0
    assert [rule["code"] for rule in json.loads(capsys.readouterr().out)] == ["unused-ignore", "unused-setting"]


def test_all_codes_are_listed(capsys):
    assert main(["rule"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(rules())


def test_an_unknown_code_gets_a_suggestion(capsys):
    assert main(["rule", "unknown-placeholdr"]) == 2
    assert "did you mean 'unknown-placeholder'?" in capsys.readouterr().err


def test_the_page_of_codes_has_an_address():
    uri = urllib.parse.urlsplit(page_uri("codes"))
    assert uri.scheme == "file"
    page = Path(urllib.parse.unquote(uri.path)).read_text(encoding="utf-8")
    assert all(f"\n## {code}\n" in page for code in rules())
