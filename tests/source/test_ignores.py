"""Test that comments, the configuration and ``--ignore`` leave out findings, and that vain comments are found."""

import json

import pytest

from translator.cli import main
from translator.load import load_text

STEP = "- step:\n    name: a\n    icon: x{image}\n    command: echo {{parameter:no}}{command}\n    image: y\n"
NODE = """\
- pipeline:
    name: P  # translate: ignore[ignored-image]
    nodes:
      - {name: a, type: execution, step: a}
    edges: []
"""
PLAIN = STEP.format(image="", command="") + NODE
FOUND = [("ignored-icon", 3), ("unknown-placeholder", 4)]


def findings(text: str, file: str = "valohai.yaml") -> list[tuple[str, int]]:
    return [(one.code, one.span.line if one.span else 0) for one in load_text(text, file).diagnostics]


def test_the_text_has_findings():
    assert findings(PLAIN) == FOUND


COMMENTS = [
    # what the image and the command have behind them, what is found
    ("  # translate: ignore[ignored-icon]", "", FOUND[1:]),
    ("  #translate:ignore [ ignored-icon ] because", "", FOUND[1:]),
    ("  # why  # translate: ignore[ignored-icon]", "", FOUND[1:]),
    ("", "  # translate: ignore[unknown-placeholder]", FOUND[:1]),
    ("  # translate: ignore[ignored-*]", "  # translate: ignore[unknown-placeholder,unused-ignore]", []),
    ("\n    # translate: ignore[unknown-placeholder]", "", [("ignored-icon", 3)]),
    ("\n    # translate: ignore[unknown-placeholder]\n\n    # why", "", [("ignored-icon", 3)]),
    ("  # translate: ignore[lint]", "", [("ignored-icon", 3), ("unused-ignore", 3), FOUND[1]]),
    ("  # translate: ignore[lint, unused-ignore]", "", FOUND),
    ("  # translate: ignore[ignored-icon, lint]", "", [("unused-ignore", 3), FOUND[1]]),
    ("  # translate: ignore[renamed-parameter]", "", FOUND),  # only --target prefect can say
    ("  # translate: ignore[linnt]", "", [("ignored-icon", 3), ("unknown-code", 3), FOUND[1]]),
    ("  # translate: ignore", "", [("ignored-icon", 3), ("bad-ignore", 3), FOUND[1]]),
    ("  # translate: ignore[]", "", [("ignored-icon", 3), ("bad-ignore", 3), FOUND[1]]),
    ("#translate:ignore[ignored-icon]", "", FOUND),  # part of the value
    ("  # translate: ignored[ignored-icon]", "", FOUND),
]


@pytest.mark.parametrize(("image", "command", "found"), COMMENTS)
def test_a_comment_leaves_out_findings_of_its_line(image, command, found):
    expected = sorted(found, key=lambda one: one[1])
    got = findings(STEP.format(image=image, command=command) + NODE)
    shift = image.count("\n")
    assert sorted((code, line - (shift if line > 3 else 0)) for code, line in got) == sorted(expected)


BLOCK = "- step:\n    name: a\n    image: x\n{}" + NODE
BLOCKS = [
    ("    command: |  # translate: ignore[unknown-placeholder]\n      echo {parameter:no}\n", []),
    ("    # translate: ignore[unknown-placeholder]\n    command: |\n      date\n      echo {parameter:no}\n", []),
    (
        "    command: |\n      echo {parameter:no}  # translate: ignore[unknown-placeholder]\n",
        ["unknown-placeholder", "bad-ignore"],
    ),
    (
        "    command: |\n      echo {parameter:no}\n    # translate: ignore[lint]\n    time-limit: 5\n",
        ["unknown-placeholder", "unused-ignore"],
    ),
    ('    command: "echo # translate: ignore[lint]"\n', ["bad-ignore"]),
    ("    command: >-  # translate: ignore[unknown-placeholder]\n      echo\n      {parameter:no}\n\n", []),
]


@pytest.mark.parametrize(("command", "codes"), BLOCKS)
def test_a_text_of_several_lines_is_ignored_where_it_starts(command, codes):
    assert sorted(code for code, _ in findings(BLOCK.replace("{}", command))) == sorted(codes)


def test_an_error_cannot_be_ignored():
    text = PLAIN.replace("step: a}", "step: b}  # translate: ignore[unknown-step, lint]")
    # Without its nodes the file is not checked whole, so nothing is said about 'lint'.
    assert [code for code, line in findings(text) if line == 9] == ["unknown-step", "not-ignorable"]


def test_a_warning_among_codes_that_can_be_errors_is_ignored(tmp_path, capsys):
    file = tmp_path / "valohai.yaml"
    file.write_text(PLAIN.replace("echo {parameter:no}", "python no.py  # translate: ignore[missing-script]"))
    assert main(["check", str(file), "--ignore", "ignored-icon", "--strict"]) == 0
    assert "nothing to report" in capsys.readouterr().out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "valohai.yaml").write_text(PLAIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes_of(capsys, *argv: str) -> list[str]:
    main(["check", "valohai.yaml", "--format", "json", *argv])
    return [found["code"] for found in json.loads(capsys.readouterr().out)]


OPTIONS = [
    (["--ignore", "ignored-icon"], ["unknown-placeholder"]),
    (["--ignore", "ignored-icon,unknown-placeholder"], []),
    (["--ignore", "ignored-*", "--ignore", "unknown-*"], []),
]


@pytest.mark.parametrize(("options", "codes"), OPTIONS)
def test_the_option_leaves_out_findings(folder, capsys, options, codes):
    assert codes_of(capsys, *options) == codes


@pytest.mark.parametrize("command", [["check"], ["explain"], ["config"], ["-t", "airflow"], ["-t", "prefect"]])
def test_all_commands_take_the_option(folder, capsys, command):
    named = [*command, "valohai.yaml"] if command[0] != "-t" else ["valohai.yaml", *command]
    main([*named, "--ignore", "ignored-icon,unknown-placeholder"])
    out, err = capsys.readouterr()
    assert err == ""
    assert "ignored-icon" not in out


WRONG = [
    ("missing-scripts", "there is no code 'missing-scripts'", "did you mean 'missing-script'?"),
    ("unknown-step", "'unknown-step' is an error, and errors cannot be ignored", "before it is fixed"),
    ("unsupported-*", "'unsupported-*' is an error", "before it is fixed"),
]


@pytest.mark.parametrize(("code", "message", "hint"), WRONG)
def test_a_wrong_code_is_refused_by_the_option_and_the_configuration(folder, capsys, code, message, hint):
    assert main(["check", "valohai.yaml", "--ignore", code]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert hint in err
    (folder / "translator.toml").write_text(f'ignore = ["lint", "{code}"]\n')
    assert main(["check", "valohai.yaml"]) == 1
    out = capsys.readouterr().out
    assert f"translator.toml:1:19: error[bad-setting]: {message}" in out
    assert hint in out


def test_the_configuration_leaves_out_findings(folder, capsys):
    (folder / "translator.toml").write_text('ignore = ["ignored-icon"]\n')
    assert codes_of(capsys) == ["unknown-placeholder"]
    (folder / "translator.toml").unlink()
    (folder / "pyproject.toml").write_text('[tool.pipeline-translator]\nignore = ["unknown-placeholder"]\n')
    assert codes_of(capsys) == ["ignored-icon"]
    (folder / "pyproject.toml").write_text("[tool.pipeline-translator]\nignore = 3\n")
    assert "bad-setting" in codes_of(capsys)


def test_comments_in_the_configuration_count(folder, capsys):
    table = """\
ignore = ["ignored-icon", "unknown-placeholder"]
[steps.aa]  # translate: ignore[lint]
image = "y # translate: ignore[lint]"
"""
    file = folder / "translator.toml"
    file.write_text(table)
    assert codes_of(capsys) == ["unused-setting", "unused-ignore", "bad-ignore"]
    file.write_text(table.replace("y #", "y#"))
    assert codes_of(capsys) == ["unused-setting", "unused-ignore"]
    file.write_text(file.read_text().replace("lint", "unused-setting"))
    assert codes_of(capsys) == []
