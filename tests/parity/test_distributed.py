"""Run distributed tasks on both engines: the states of nodes, and members that reach each other."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.parity.compare import check
from tests.parity.engines import complete_alike, run_on_all
from tests.parity.merged import Part, merge, prefixes
from tests.parity.test_cases import Node, around
from translator.load import load

EXAMPLE = Path(__file__).parents[2] / "examples" / "distributed"
MEMBERS = 2


def group(rule="stop-all", fails=None):
    """Return a scenario around a distributed task; ``fails``: by rank how many of the first tries fail."""
    blueprint = {"type": "distributed", "execution-count": MEMBERS, "parameters": []}
    return around(Node("node", rule, MEMBERS, does={"ranks": fails or {}}, blueprint=blueprint))


ROWS = {
    "all complete": (group(), "complete complete", 1),
    "one fails, stop-next": (group("stop-next", {1: 9}), "error skipped", 1),
    "one fails twice, retry": (group("retry", {1: 2}), "complete complete", 3),
}


def assert_group(part, expected, tries):
    node, after = part.nodes["node"], part.nodes["after"]
    assert f"{node['state']} {after['state']}" == expected, part.ran.engine
    assert [(one["state"], one["tries"]) for one in node["executions"]] == [(node["state"], tries)] * MEMBERS
    for one in node["executions"]:
        if node["state"] == "error":
            told = "of its group failed: the command ended with exit status 3" in one["reason"]
            assert told or one["reason"].endswith("fails as planned"), one["reason"]


def test_states(engines, tmp_path):
    """Rows in which nothing stops the run are one run, in which all groups are active at once."""
    scenarios = {name: scenario for name, (scenario, _, _) in ROWS.items()}
    runs = run_on_all(engines, merge(scenarios), tmp_path, jobs=MEMBERS * len(ROWS))
    for name, prefix in prefixes(scenarios).items():
        for ran in runs:
            assert_group(Part(ran, prefix), *ROWS[name][1:])
    check(runs)


def test_a_member_that_fails_stops_the_run(engines, tmp_path):
    runs = run_on_all(engines, group("stop-all", {0: 9}), tmp_path, jobs=MEMBERS + 1)
    for ran in runs:
        assert_group(Part(ran, ""), "error stopped", 1)
        assert ran.document["state"] == "error"
    check(runs)


def test_the_example(engines, tmp_path, monkeypatch):
    """Members reach each other over TCP at the addresses in distributed.json. Each engine has a port."""
    pipeline = load(EXAMPLE / "valohai.yaml").choose()
    for engine in engines:
        with socket.create_server(("", 0)) as server:
            monkeypatch.setitem(engine.environment, "AVERAGE_PORT", str(server.getsockname()[1]))
    document = complete_alike(engines, pipeline, EXAMPLE, tmp_path, jobs=3)
    average, report = document["nodes"]["average"], document["nodes"]["report"]
    assert [one["state"] for one in average["executions"]] == ["complete"] * 3
    assert 0.49 < average["executions"][0]["metadata"]["average"] < 0.51
    assert [one["path"] for one in average["executions"][0]["outputs"]] == ["average.txt"]
    assert report["state"] == "complete"
