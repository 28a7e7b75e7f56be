"""Check that steps of Loom in generated files equal those of the pipeline, field by field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from tests.oracle.loom.strategy import projects
from translator import ir
from translator.load import load, load_text
from translator.runtime import lower_step
from translator.shim import loom
from translator.shim.contract import Input, Parameter
from translator.targets import render
from translator.targets.steps import step_of

if TYPE_CHECKING:
    from tests.oracle.loom.projects import Project
    from translator.load import Loaded

CASES = sorted((Path(__file__).parents[1] / "goldens" / "cases" / "loom").glob("*.yaml"))


def assert_calls_make_the_steps(loaded: Loaded) -> None:
    for pipeline in loaded.pipelines:
        for node in pipeline.nodes:
            assert isinstance(node, ir.ExecutionNode | ir.TaskNode)
            call = render.literal(step_of(node, "loom"))
            made = eval(call, {"loom": loom})  # noqa: S307 - our own text
            grid = node.grid if isinstance(node, ir.TaskNode) else None
            assert made == lower_step(node.step, "loom", grid), call


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_call_makes_the_step(case: Path) -> None:
    loaded = load(case)
    assert loaded.diagnostics.ok
    assert_calls_make_the_steps(loaded)


@settings(max_examples=60)
@given(project=projects(max_steps=8))
def test_calls_of_random_pipelines_make_their_steps(project: Project) -> None:
    loaded = load_text(project.text, dialect="loom", choices=project.choices)
    assert loaded.pipelines, loaded.diagnostics
    assert_calls_make_the_steps(loaded)


def test_arguments_in_order() -> None:
    """A file of the loop may be an argument, and then it stands where it is written."""
    step = loom.script(
        "s",
        "tasks/${KIND}.py",
        loop=loom.Loop("in", "out", parallel=True),
        inputs={"a": "a.csv"},
        outputs={"-o": "o.csv"},
        args={
            "--n": 3,
            "--item": loom.ITEM,
            "--made": loom.OUTPUT,
            "--model": loom.path("${HOME}/m"),
            "--quiet": False,
        },
        extra=["--more"],
        in_place=True,
    )
    assert [(one.name, one.type, one.default, one.pass_as) for one in step.parameters] == [
        ("a", "string", "a.csv", None),
        ("-o", "string", "o.csv", None),
        ("--n", "integer", 3, None),
        ("--item", "string", None, "--item"),
        ("--made", "string", None, None),
        ("--model", "string", "${HOME}/m", "--model"),
        ("--quiet", "flag", False, None),
        ("loop.over", "string", "in", ""),
        ("loop.into", "string", "out", ""),
    ]
    assert [item.name for item in step.inputs] == ["a", "--item", "--model", "loop.over"]
    assert list(step.outputs) == ["-o", "--made", "loop.into"]
    assert step.files is not None
    assert (step.files.items, step.files.outputs, step.files.sequential) == (("--item",), ("--made",), False)
    assert list(step.required_environment) == ["KIND", "HOME"]
    assert dict(step.options) == {"extra": ("--more",), "in_place": True}


def test_conditions_take_any_value() -> None:
    step = loom.condition(
        "c", predicate="count", inputs={"data": "frames"}, args={"n": 2, "some": [1, 2], "none": None}
    )
    assert step.inputs == (Input("data", ("frames",), optional=True),)
    assert step.parameters[1:] == (Parameter("n", "integer", 2), Parameter("none", optional=True))
    assert dict(step.options) == {"predicate": "count", "negate": False, "arguments": {"some": (1, 2)}}
    assert replace(step, options={}).command == ()
