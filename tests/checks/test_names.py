"""Check that no name with a line break or a control character reaches an engine, in any dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.targets.test_hostile_names import DIALECTS, loaded
from translator.load import load_text
from translator.nodes import walk

if TYPE_CHECKING:
    from pathlib import Path

STEP = "- step: {name: s, image: x, command: 'true', parameters: [{name: p}], inputs: [{name: i, optional: true}]}\n"


def of(pipeline: str, steps: str = STEP) -> str:
    return f"{steps}- pipeline: {pipeline}\n"


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        (">\n      Training\n      Pipeline\n", "Training Pipeline"),
        ('"a\\tb"', "a b"),
        ('"a\\u2028b\\u202e"', "a b"),
        ('"\\n"', "pipeline"),
        ('"👩\\u200d💻 é  x"', "👩\u200d💻 é  x"),
    ],
)
def test_the_name_of_a_pipeline_is_flattened_with_a_note(name: str, flat: str) -> None:
    text = f"{STEP}- pipeline:\n    name: {name}\n    nodes: [{{name: a, type: execution, step: s}}]\n    edges: []\n"
    found = load_text(text)
    assert found.diagnostics.ok
    assert [pipeline.name for pipeline in found.pipelines] == [flat] == list(found.names)
    noted = [diagnostic.span.line for diagnostic in found.concerning(flat) if diagnostic.code == "flattened-name"]
    assert noted == ([] if "👩" in name else [3])
    assert found.choose(flat).name == flat


def test_two_pipelines_that_differ_by_control_characters_only() -> None:
    one = of('{name: "a b", nodes: [{name: n, type: execution, step: s}], edges: []}')
    other = of('{name: "a\\nb", nodes: [{name: n, type: execution, step: s}], edges: []}', "")
    found = load_text(one + other)
    assert [d.span.line for d in found.diagnostics if d.code == "duplicate-pipeline"] == [3]
    assert found.pipelines == ()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (of('{name: x, nodes: [{name: "a\\nb", type: execution, step: s}], edges: []}'), "node 'a b'"),
        (
            of(
                '{name: x, nodes: [{name: a, type: execution, step: "s\\x07"}], edges: []}',
                STEP.replace("name: s", 'name: "s\\x07"'),
            ),
            "step 's'",
        ),
        (
            of(
                "{name: x, nodes: [{name: a, type: execution, step: s}], edges: []}",
                STEP.replace("name: p", 'name: "p\\x85q"'),
            ),
            "parameter 'p q'",
        ),
        (
            of(
                "{name: x, nodes: [{name: a, type: execution, step: s}], edges: []}",
                STEP.replace("name: i", 'name: "i\\u2066"'),
            ),
            "input 'i'",
        ),
        (
            of(
                '{name: x, parameters: [{name: "y\\n", targets: [a.parameters.p]}], '
                "nodes: [{name: a, type: execution, step: s}], edges: []}"
            ),
            "pipeline parameter 'y'",
        ),
    ],
)
def test_control_characters_in_other_names_are_errors(text: str, place: str) -> None:
    errors = [found for found in load_text(text).diagnostics if found.code == "control-in-name"]
    assert [error.message.partition(" contains ")[0] for error in errors] == [f"the name of {place}"]
    assert errors[0].span


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("odd", ["a\nb", "a\x85b", "a\u2028b", "a\u202eb"])
def test_odd_names_are_errors_in_every_dialect(dialect: str, odd: str, tmp_path: Path) -> None:
    within = loaded(dialect, odd, tmp_path / "in the file")
    assert not within.pipelines
    assert all(found.span for found in within.diagnostics if found.severity == "error")
    named = loaded(dialect, "fine", tmp_path / "its name", f"{odd}.yaml")
    for pipeline in named.pipelines:
        assert pipeline.name in {"a b", "fine"}
        assert all(node.name.isprintable() for _, node in walk(pipeline.graph))
