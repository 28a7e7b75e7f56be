"""Test ``translate explain`` for control-flow graphs: paths, assumptions, and names that do not exist."""

from __future__ import annotations

import json

import pytest

from tests.semantics.controlflow import choice, graph, loop, mapped, parallel, pipeline, step
from translator.diagnostics import Diagnostics
from translator.explain import controlflow, result

WHOLE = pipeline(
    graph(
        step("Get Features"),
        parallel("Train Models", XGBoost=graph(step("Train XGBoost")), RF=graph(step("Train RF"))),
        mapped("chunks", graph(step("step"), step("next")), over="parts"),
        choice("which", "side", heads=graph(step("h")), tails=graph(step("t"))),
        loop("again", graph(step("try")), "done", 3),
        step("end"),
    ),
    "runnable",
)


def explained(*failures, **values):
    found = Diagnostics()
    return controlflow.explain(WHOLE, failures, values, found), [d.message for d in found]


def test_text():
    explanation, _ = explained("Train Models.XGBoost.Train XGBoost")
    lines = result.as_text(explanation).splitlines()
    assert lines[0] == "p (p.yaml), if Train Models.XGBoost.Train XGBoost fails:"
    assert [" ".join(line.split()) for line in lines[2:8]] == [
        "Get Features complete no failure",
        "Train Models error failed: XGBoost",
        "[XGBoost] error",
        "Train XGBoost error it failed",
        "[RF] complete",
        "Train RF complete no failure",
    ]
    assert lines[-1] == "the run: error (Train Models failed)"


@pytest.mark.parametrize(
    ("failure", "failing"),
    [
        ("chunks.2.step", {"chunks.2.step"}),
        ("chunks.*.next", {"chunks.0.next"}),
        ("which.tails.t", {"which.tails.t"}),
        ("again.1.try", {"again.1.try"}),
        ("chunks", {"chunks"}),
    ],
)
def test_paths(failure, failing):
    explanation, found = explained(failure)
    assert not found

    def leaves(nodes, prefix=""):
        for name, node in nodes.items():
            inner = {
                path
                for b, of in node.get("branches", {}).items()
                for path in leaves(of["nodes"], f"{prefix}{name}.{b}.")
            }
            yield from inner or ({prefix + name} if node["states"] == ["error"] else set())

    assert set(leaves(json.loads(result.as_json(explanation))["nodes"])) == failing
    assert explanation.states == {"error"}


@pytest.mark.parametrize(
    ("failure", "path"),
    [
        ("Train XGBoost", "Train Models.XGBoost.Train XGBoost"),
        ("Train XGBost", "Train Models.XGBoost.Train XGBoost"),
        ("Get Featurs", "Get Features"),
        ("again.1.tri", "again.1.try"),
    ],
)
def test_a_node_in_a_branch_is_found_by_its_name(failure, path):
    found = Diagnostics()
    assert controlflow.explain(WHOLE, [failure], {}, found) is None
    assert [diagnostic.hint for diagnostic in found] == [f"did you mean {path!r}?"]


def test_given_values_are_not_assumed():
    explanation, _ = explained(parts=[1, 2, 3], side="tails", done=True)
    nodes = {node.name: node for node in explanation.nodes}
    assert list(nodes["chunks"].branches) == ["0", "1", "2"]
    assert nodes["which"].branches["heads"].state == "skipped"
    assert [note.split()[1] for note in explanation.notes] == ["'done'"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("Get Featurs", "there is no node called 'Get Featurs'"),
        ("Train Models.XGB.x", "Train Models has no branch called 'XGB'"),
        ("Train Models.XGBoost", "this is a branch; name one of its nodes"),
        ("Get Features.a.b", "Get Features has no branches"),
        ("chunks.x.step", "chunks needs the number of an item here, 0 to 999, or * for all"),
        pytest.param(
            f"again.{'9' * 5000}.try", "again needs the number of an iteration here, 0 to 999, or * for all", id="long"
        ),
        ("chunks.99999999.step", "chunks needs the number of an item here, 0 to 999, or * for all"),
        ("again.3.try", "again has at most 3 iterations, 0 to 2"),
        ("", "there is no node called ''"),
        ("...", "there is no node called ''"),
    ],
)
def test_unknown_names_are_reported(failure, message):
    assert explained(failure) == (None, [f"--fail {failure}: {message}"])
