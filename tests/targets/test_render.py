"""Test that values become literals with the same meaning, in text that formatters leave unchanged."""

from __future__ import annotations

import ast
import math
import subprocess
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import strategies as st
from ruff import find_ruff_bin

from translator.shim.contract import Input, Parameter, Step, output
from translator.targets import GenerateOptions, render

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.one_of(
    st.text(max_size=140),
    st.text("ab '\"\\{}%\n", max_size=200),
    st.text("word and ", min_size=60, max_size=130),
)
ATOMS = st.one_of(TEXTS.filter(lambda text: "\0" not in text), st.integers(), st.booleans(), st.none())
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
DATA = st.recursive(
    ATOMS | NUMBERS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("ab'\n", max_size=30), inner, max_size=4),
    max_leaves=12,
)


def rendered(*values: object) -> str:
    parts: list[str] = []
    for value in values:
        parts += ("x = call(", *render.keywords([("first", value), ("second", value)], " " * 4), ")", "if x:")
        parts.append(render.line("    y = ", render.call("module.Thing", value, keyword=value)))
    return render.source(parts, "test.py")


@hypothesis.given(DATA)
def test_a_literal_evaluates_to_its_value(value: object) -> None:
    assert ast.literal_eval(render.literal(value)) == value


@hypothesis.given(DATA, st.integers(0, 20), st.integers(0, 90))
def test_layout_does_not_change_the_value(value: object, indent: int, before: int) -> None:
    text = render.layout(value, indent=indent, before=before, after=1)
    assert ast.literal_eval(f"(\n{' ' * before}{text}\n)") == value


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.lists(DATA, min_size=20, max_size=60))
def test_formatters_leave_it_alone(values: list[object]) -> None:
    ruff = [find_ruff_bin()]
    text = rendered(*values)
    style = subprocess.run(
        [*ruff, "format", "--isolated", "--diff", "-"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout.decode()
    lint = subprocess.run(
        [*ruff, "check", "--isolated", "--select=E", "--ignore=E741", "-"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout.decode()


def test_a_dataclass_is_written_as_its_call() -> None:
    step = Step(name="x", command=("a", "b"), parameters=(Parameter("p", default=3),), inputs=(Input("i"),))
    text = render.literal(step)
    assert text == (
        'Step(name="x", command=["a", "b"], parameters=[Parameter(name="p", default=3)], inputs=[Input(name="i")])'
    )
    assert set(render.names_in(step)) == {"Step", "Parameter", "Input"}


def test_defaults_are_left_out_but_similar_values_are_not() -> None:
    assert render.literal(Parameter("p", default=False)) == 'Parameter(name="p", default=False)'
    assert render.literal(output("node", "*")) == 'Output(source="node")'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "a\0b", b"bytes", {1, 2}, object()])
def test_unrenderable_values_are_errors(value: object) -> None:
    with pytest.raises(render.UnrenderableError):
        render.literal([value])


@pytest.mark.parametrize("text", ["a b", "", "class", "a.", "1a", "a;b", "a\nb", "os.system('x')"])
def test_only_names_are_names(text: str) -> None:
    with pytest.raises(render.UnrenderableError):
        render.name(text)


@pytest.mark.parametrize("text", ['"""', "\n import os", "\\", "\u2028x", "\u202e", "\r\nimport os"])
def test_no_text_becomes_code(text: str) -> None:
    tree = ast.parse(rendered(text) + render.comment(text))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert strings == [text] * 4


def test_lines_that_cannot_be_broken_have_a_pragma(tmp_path: Path) -> None:
    assert '"  # noqa: E501' not in rendered("short")
    assert f'first="{"x" * 90}",  # noqa: E501' in rendered("x" * 90)


def test_a_long_text_wraps_after_spaces() -> None:
    text = "A text that is too long for one line of the file, with a word.  And more, so that it takes three lines. "
    assert all(len(line) <= render.WIDTH for line in rendered(text).splitlines())
    assert "noqa" not in rendered(text)
    assert render.layout(f"{'x' * 75} y", indent=4, before=20, after=1) == f'(\n        "{"x" * 75} y"\n    )'


def test_a_script_is_shown_line_by_line() -> None:
    script = "".join(f"echo line {number} of a longer script\n" for number in range(5))
    assert '        "echo line 0 of a longer script\\n"\n' in rendered([script])


@pytest.mark.parametrize(
    ("project", "expression"),
    [
        (".", "Path(__file__).parent"),
        ("..", 'Path(__file__).parent / ".."'),
        ("../a 'b'", "Path(__file__).parent / \"../a 'b'\""),
    ],
)
def test_the_project_is_relative_to_the_file(project: str, expression: str) -> None:
    assert render.project_lines(GenerateOptions(project=project)) == (f"PROJECT = {expression}",)


@pytest.mark.parametrize(
    ("fetched", "comment"),
    [
        ("snapshot:" + "0" * 64, "# A snapshot of the project; workers fetch it from the artifact store."),
        ("git+https://h/a.git@" + "0" * 40, "# The commit of the project; workers fetch it from its Git repository."),
    ],
)
def test_a_project_that_workers_fetch_is_named(fetched: str, comment: str) -> None:
    assert render.project_lines(GenerateOptions(fetched=fetched)) == (comment, f'PROJECT = "{fetched}"')
