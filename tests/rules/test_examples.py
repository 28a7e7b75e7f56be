"""Test that each example of translator/rules has the finding that it shows, and no other."""

import re
from pathlib import Path

import pytest

from translator.cli import main
from translator.rules import Rule, rules

FOUND = re.compile(r"^(?:\S.*: )?(error|warning|note)\[([a-z0-9-]+)\]: ", re.MULTILINE)
WITHOUT = {
    "bad-character": "not a text",
    "bad-input": "only a command that runs a pipeline takes the option",
    "date-as-text": "comes with bad-default",
    "huge-file": "2 MiB",
    "missing-condition": "what it takes is an option: --include",
    "moving-commit": "needs a Git repository",
    "no-earlier-run": "only a command that runs a pipeline looks for it",
    "not-ignorable": "always comes with the error",
    "not-utf-8": "not a text",
    "replaced-step": "always comes with unreachable-node",
    "switch-cycle": "comes with another error",
    "too-many-batches": "more executions than a file should spell",
    "too-many-errors": "1,000 errors",
    "too-many-files": "more than 10,000 files",
    "unreadable": "no input is known that Valohai's parser fails on",
    "unreadable-file": "depends on permissions",
    "unsupported-optional-condition": "comes with another error",
}
"""The codes without an example, and why."""
BESIDE = {"schedule-without-input": {"required-input"}}
"""The notes that are true of an example, too."""


@pytest.mark.parametrize("rule", [rule for rule in rules().values() if rule.example], ids=lambda rule: rule.code)
def test_the_example_has_the_finding(
    rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = rule.example
    assert example is not None
    for name, text in {example.name: example.text, **example.files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    arguments = [example.name if argument == "FILE" else argument for argument in example.arguments]
    hidden = {"ignored-image", *BESIDE.get(rule.code, ())} - {rule.code}
    main([*arguments, *(word for code in hidden for word in ("--ignore", code))])
    found = FOUND.findall("".join(capsys.readouterr()))
    assert {code for _, code in found} >= {rule.code} if not rule.code.endswith("*") else found, found
    codes = {rule.code if rule.code.endswith("*") and code.startswith(rule.code[:-1]) else code for _, code in found}
    assert codes == {rule.code}, found
    assert {severity for severity, _ in found} <= set(rule.severities)


def test_the_codes_without_an_example_are_known() -> None:
    assert [rule.code for rule in rules().values() if rule.example is None] == sorted(WITHOUT)


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.code)
def test_the_remedy_is_a_sentence(rule: Rule) -> None:
    assert re.fullmatch(r"[`A-Z].*\.", rule.remedy)
    assert rule.meaning[-1] not in ".!"
    assert set(rule.severities) <= {"error", "warning", "note"}
