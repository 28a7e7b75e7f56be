"""Test how failures propagate on real Airflow, with ``dag.test()``.

The rows of the on-error table are in ``tests/parity/test_cases.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.pipelines import FAIL, OK, Node, pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.conftest import Embedded

# ``before`` -> ``it`` -> ``after``, with ``late`` behind; the states of it, after and the run.
CASES: dict[str, tuple[Node, str, str, str]] = {
    "no points": (Node("it", [], "stop-next"), "error", "skipped", "error"),
    "no points, continue": (Node("it", [], "continue"), "error", "skipped", "error"),
    "no points, stop-all": (Node("it", []), "error", "stopped", "error"),
}


def states(document: dict[str, Any]) -> dict[str, str]:
    return {name: node["state"] for name, node in document["nodes"].items()}


@pytest.mark.parametrize("case", CASES)
def test_on_error(embedded: Embedded, case: str) -> None:
    it, state, after, run = CASES[case]
    it = Node(it.name, it.does, it.on_error, it.on_child_error, after=["before"])
    document = embedded.run(pipeline(Node("before"), it, Node("after", after=["it"]), Node("late", after=["after"])))
    found = states(document)
    assert (found["before"], found["it"], found["after"]) == ("complete", state, after)
    assert found["late"] == ("skipped" if after == "skipped" else after)
    assert document["state"] == run
    assert document["status"] == (0 if run == "complete" else 1)


def test_retry_counts_its_tries(embedded: Embedded, tmp_path: Path) -> None:
    twice = f"test -e {tmp_path}/tried && {OK} || {{ touch {tmp_path}/tried; exit 1; }}"
    document = embedded.run(pipeline(Node("again", twice, "retry"), Node("after", after=["again"])))
    assert states(document) == {"again": "complete", "after": "complete"}
    assert document["nodes"]["again"]["executions"][0]["tries"] == 2


def test_retry_stops_all_after_the_last_attempt(embedded: Embedded) -> None:
    document = embedded.run(pipeline(Node("again", [OK, FAIL], "retry"), Node("after", after=["again"])))
    assert states(document) == {"again": "error", "after": "stopped"}
    assert [one["tries"] for one in document["nodes"]["again"]["executions"]] == [1, 3]
    assert document["state"] == "error"


def test_nodes_after_one_that_never_ran_do_not_run(embedded: Embedded) -> None:
    """A gate must tell a node that failed from one that was never run."""
    document = embedded.run(
        pipeline(
            Node("it", FAIL, "stop-next"),
            Node("gated", OK, "continue", after=["it"]),
            Node("mapped", [OK, OK], "continue", after=["it"]),
            Node("strict", [OK, OK], "continue", "continue-and-error", after=["it"]),
            Node("verdict", [OK, OK], "stop-all", "continue-and-complete", after=["it"]),
            Node("after", after=["gated", "mapped", "strict", "verdict"]),
            Node("aside", OK),
            Node("other", after=["aside"]),
        )
    )
    found = states(document)
    assert {name for name, state in found.items() if state == "skipped"} == {
        *("gated", "mapped", "strict", "verdict", "after"),
    }
    assert found["aside"] == found["other"] == "complete"
    assert document["state"] == "error"


def test_different_rules_meet(embedded: Embedded) -> None:
    document = embedded.run(
        pipeline(
            Node("fails", FAIL, "continue"),
            Node("some", [FAIL, OK], "continue"),
            Node("strict", [FAIL, OK], "continue", "continue-and-error"),
            Node("plain"),
            Node("join", "ls /valohai/inputs/before; " + OK, after=["fails", "some", "strict", "plain"]),
            Node("after", [OK, OK], after=["join", "fails"]),
        )
    )
    assert states(document) == {
        "fails": "error",
        "some": "complete",
        "strict": "error",
        "plain": "complete",
        "join": "complete",
        "after": "complete",
    }
    assert document["state"] == "complete"


def test_stop_all_prevents_later_starts(embedded: Embedded) -> None:
    """``aside`` comes a wave after the failure; ``dag.test()`` runs one task after another."""
    document = embedded.run(
        pipeline(
            Node("fails", FAIL),
            Node("first"),
            Node("aside", after=["first"]),
            Node("gated", OK, "continue", after=["first"]),
            Node("behind", after=["gated"]),
            Node("mapped", [OK, OK], "continue", after=["first"]),
        )
    )
    found = states(document)
    assert found["first"] in ("complete", "stopped")
    assert {found[name] for name in ("aside", "gated", "behind", "mapped")} == {"stopped"}
    assert document["state"] == "error"
