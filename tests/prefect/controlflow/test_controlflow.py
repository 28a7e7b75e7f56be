"""Run control-flow graphs on a real Prefect: every way through them, states in the UI, branches, parameters."""

import json

import pytest

pytest.importorskip("prefect")

from tests.controlflow.build import T, case, graph, mapped
from tests.controlflow.deep import DEEP, TOLD, nested
from tests.controlflow.run import differences, recorded
from tests.controlflow.table import CASES, COMPLETE, DIFFERENT, ERROR, GIVEN, RUNNABLE
from tests.controlflow.work import Work
from tests.prefect.support import flow_of, task_runs
from translator.cli.param_option import declare
from translator.load import load_text
from translator.targets import GenerateOptions
from translator.targets import prefect as target


@pytest.fixture
def walked(server, tmp_path, monkeypatch):
    """Generate the flow of a case, run it, and give Prefect's state and ``run.json``, which is as predicted."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("TRANSLATOR_PROJECT", str(tmp_path / "project"))

    def run_it(made, given=None):
        file = tmp_path / "controlflow_flow.py"
        file.write_text(target.generate(made.pipeline, GenerateOptions()))
        state = flow_of(file)(**(given or {}), return_state=True)
        record = json.loads((tmp_path / "store" / "controlflow" / "run" / "run.json").read_text())
        assert differences(made, record, given) == []
        return state, record

    return run_it


def short(record):
    """Return the states of nodes by path, each as its first letter."""
    words = ((path, of.split()) for path, of in recorded(record["nodes"]).items())
    return " ".join(f"{path}={of[1][0]}" for path, of in words if len(of) > 1)


TABLE = {name: ("magnus", *row) for name, row in CASES.items()}
TABLE |= {name: ("runnable", *row) for name, row in RUNNABLE.items()}
TABLE |= {f"runnable, {name}": ("runnable", *CASES[name]) for name in DIFFERENT}


@pytest.mark.parametrize("name", TABLE)
def test_states(walked, name):
    dialect, made, expected, run = TABLE[name]
    state, record = walked(case(made, dialect, **GIVEN))

    assert short(record) == expected
    assert record["state"] == run
    assert state.type.value == {COMPLETE: "COMPLETED", ERROR: "FAILED"}[run]


def test_branches_are_parallel_and_their_parameters_are_merged_in_order(walked, tmp_path):
    met = tmp_path / "met"
    met.mkdir()

    def meets(me):
        wait = f"touch {met}/{me}-$i; until test -e {met}/x-$i && test -e {met}/y-$i; do sleep 0.05; done"
        return graph({"one": Work(first=wait, writes={"who": me})})

    checks = Work(first='test "$MAGNUS_PRM_who" = \'"y"\' || exit 4')
    made = graph(
        {
            "m": mapped(graph({"p": {me: meets(me) for me in ("x", "y")}, "z": checks}), "list", "i"),
            "after": Work(writes={"rate": 0.5}),
        }
    )
    state, record = walked(case(made, list=("a", "b"), rate=1), given={"rate": 3})

    assert state.is_completed(), short(record)
    assert record["parameters"] == {"list": ["a", "b"], "rate": 0.5, "who": "y"}


def test_what_prefect_shows(walked):
    made = graph({"m": mapped(graph({"one": Work(fails_on={"i": "b"}), "two": T}), "list", "i"), "z": T})
    state, _ = walked(case(made, list=("a", "b")))

    runs = task_runs(state.state_details.flow_run_id, 8)
    shown = {name: run.state.name for name, run in runs.items()}
    assert shown == {
        "m": "Failed",
        "m[i=a]": "Completed",
        "one[i=a]": "Completed",
        "two[i=a]": "Completed",
        "m[i=b]": "Failed",
        "one[i=b]": "Failed",
        "two[i=b]": "Skipped",
        "z": "Skipped",
    }


def test_parameters_that_are_nested_too_deep(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    pipeline = declare(load_text(DEEP, "deep.yaml").choose(), {"xs": ()})
    file = tmp_path / "deep_flow.py"
    file.write_text(target.generate(pipeline, GenerateOptions()))
    assert flow_of(file)(xs=nested(150), return_state=True).is_failed()
    document = json.loads((tmp_path / "store" / "deep" / "run" / "run.json").read_text())
    assert {name: node["state"] for name, node in document["nodes"].items()} == dict.fromkeys(("each", "one"), "error")
    reasons = {document["nodes"]["each"]["reason"], document["nodes"]["one"]["executions"][0]["reason"]}
    assert {reason.removeprefix("deep.yaml:14: ") for reason in reasons} == {TOLD}
    assert document["state"] == "error"
