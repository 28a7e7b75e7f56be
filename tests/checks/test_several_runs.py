"""Name the option that runs a pipeline once per value of a list, and use it as it is written."""

from __future__ import annotations

import shlex

import pytest

from tests.matrices import TEXT
from translator.cli.matrix_option import combinations
from translator.diagnostics import Diagnostics
from translator.load import load_text


@pytest.mark.parametrize(
    ("default", "values"),
    [("[1, 2]", [1, 2]), ("[3]", [3]), ("[1, x]", None), ("[]", None)],
)
def test_a_list_as_the_default_of_a_parameter_with_one_value(default: str, values: list[int] | None) -> None:
    text = TEXT.replace("{name: seed, default: 0", f"{{name: seed, default: {default}")
    errors = [one for one in load_text(text).diagnostics if one.code == "bad-default"]
    hints = {one.hint for one in errors}
    if values is None:
        assert not any(hint and "--matrix" in hint for hint in hints)
        return
    (hint,) = hints
    assert hint is not None
    start, option, argument = hint.partition(" --matrix ")
    assert (start, option) == (
        "for one run of the pipeline per value, write one value here, and give all with",
        " --matrix ",
    )
    problems = Diagnostics()
    points = combinations(load_text(TEXT).choose(), shlex.split(argument), (), problems)
    assert problems.ok, problems.found
    assert points == [{"seed": value} for value in values]
