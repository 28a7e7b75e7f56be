"""Test how values of edges become environment variables, and which cannot."""

from __future__ import annotations

import pytest

from translator.shim.contract import Step
from translator.shim.parameters.variables import LONGEST, texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        ("", ""),
        ("3", "3"),
        (3, "3"),
        (0.1, "0.1"),
        (1e-07, "1e-07"),
        (True, "true"),
        (("a", 1), '["a", 1]'),
        ({"ü": None}, '{"ü": null}'),
        ("x" * (LONGEST - 2), "x" * (LONGEST - 2)),
    ],
)
def test_strings_stay_and_everything_else_is_json(value: object, text: str) -> None:
    assert texts({"A": value}) == ({"A": text}, None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a\0b", "it contains a NUL character"),
        ("\ud800", "it is not valid Unicode"),
        (["\ud800"], "it is not valid Unicode"),
        (float("nan"), "JSON has neither NaN nor infinities"),
        ({"a": [float("-inf")]}, "JSON has neither NaN nor infinities"),
        ("x" * (LONGEST - 1), f"it has more than {LONGEST} bytes"),
    ],
)
def test_what_no_process_can_get(worker, value: object, reason: str) -> None:
    found, problem = texts({"B": "b", "A": value, "C": "\0"})
    assert (found, problem) == ({"B": "b"}, f"the environment variable 'A' cannot have the value of its edge: {reason}")


def test_the_longest_value_reaches_the_command(worker) -> None:
    from translator.shim.execution import execute

    step = Step("s", ["echo ${#A} $B"], environment={"A": "old", "B": "stays"})
    variables = {"A": "x" * (LONGEST - 2)}
    assert execute(step, worker.context(), variables=variables).state == "complete", worker.told
    assert worker.output == [f"{LONGEST - 2} stays"]
    failed = execute(step, worker.context(attempt=2), variables={"A": "\0"})
    assert (failed.state, failed.exit_status) == ("error", None)
    assert (
        failed.reason == "the environment variable 'A' cannot have the value of its edge: it contains a NUL character"
    )


def test_variables_that_are_too_large_together_are_named(worker) -> None:
    from translator.shim.execution import execute

    variables = {f"X{number}": "x" * (LONGEST - 10) for number in range(100)}
    manifest = execute(Step("s", ["true"]), worker.context(), variables=variables)
    assert manifest.state == "error"
    reason = str(manifest.reason)
    assert reason.startswith("the command cannot be started: its environment variables are too large for this system: ")
    size = LONGEST - 10 + len("X0=") + 1
    assert f" bytes; the largest are X10 ({size + 1} bytes), " in reason
    assert reason.endswith(" more of them; pass large values in files")
