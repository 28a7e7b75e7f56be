"""Test that the outline above a generated graph shows its kinds of nodes, routes and nesting."""

from pathlib import Path

from tests.controlflow.build import T, case, graph
from translator.load import load
from translator.targets.outline import outline

CASES = Path(__file__).parents[1] / "goldens" / "cases"


def lines(case):
    (pipeline,) = load(CASES / case).pipelines
    return outline(pipeline.graph)


def test_kinds_routes_and_nesting():
    assert lines("runnable/depth.yaml") == (
        "models: map over models -> report",
        "  prepare -> tune; if it fails -> take defaults",
        "  take defaults -> train",
        "  tune: loop until tuned, at most 3 times -> train; if it fails -> take defaults",
        "    trials: map over trials -> look",
        "      attempt",
        "    look",
        "  train: parallel -> score",
        "    branch by fold",
        "      folds: map over folds",
        "        fit",
        "    branch at once",
        "      fit",
        "  score",
        "report",
    )


def test_a_chain_needs_no_outline():
    chain = case(graph({"one": (T, "two", None), "two": (T, "success", None)})).pipeline
    assert outline(chain.graph) == ()


def test_ends_that_a_node_chooses_itself():
    assert lines("magnus/items.yaml")[-1] == "Odd -> fail; if it fails -> success"


def test_a_node_that_no_route_leads_to():
    assert [line for line in lines("magnus/routes.yaml") if "unreachable" in line] == ["Nowhere (unreachable)"]
