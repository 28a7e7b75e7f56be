"""Call the flow of a pipeline once per combination of values, on a real server, and retry what failed."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("prefect")

from prefect import Flow, get_client
from prefect.states import Scheduled

from prefect_plugin.matrix.runs import run_each
from tests import matrices
from translator.targets import prefect as target


def test_a_flow_of_several_runs(server, tmp_path, monkeypatch):
    project, folder = tmp_path / "project", tmp_path / "flows"
    project.mkdir()
    folder.mkdir()
    own, several = matrices.write(target, project, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    spec = __import__(several.stem)
    (flow,) = (value for name, value in vars(spec).items() if isinstance(value, Flow) and name.endswith("_matrix"))
    home = project.parent / "home"

    state = flow(return_state=True)
    assert (state.type.value, state.message.endswith("1 of 2 runs are complete")) == ("FAILED", True), state
    first = records(tmp_path)
    assert sorted((one["parameters"]["seed"], one["state"]) for one in first.values()) == [
        (1, "complete"),
        (2, "error"),
    ]

    # As a retry of the flow run: all runs are subflow runs again, but what is complete does not run.
    (home / "mended").touch()
    run = state.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Scheduled(name="AwaitingRetry"), force=True)
        flow_run = client.read_flow_run(run)
    from prefect.flow_engine import run_flow

    again = run_flow(flow, flow_run=flow_run, return_type="state")
    assert (again.type.value, again.message) == ("COMPLETED", "2 of 2 runs are complete")
    assert [(home / f"ran-{seed}").read_text() for seed in (1, 2)] == ["prepared\n", "prepared\n"]
    second = {name: one for name, one in records(tmp_path).items() if name not in first}
    assert {one["state"] for one in second.values()} == {"complete"}
    reused = [
        [
            one.get("reused", "").partition("/")[0] in first
            for node in record["nodes"].values()
            for one in node["executions"]
        ]
        for record in sorted(second.values(), key=lambda one: one["parameters"]["seed"])
    ]
    assert reused == [[True, True], [True, False]]
    assert own.stem in sys.modules


def test_it_needs_a_flow():
    with pytest.raises(Exception, match="in the body of a flow"):
        run_each(None, [])


def records(folder):
    """Return the records of the runs by name."""
    return {path.parent.name: json.loads(path.read_text()) for path in (folder / "store").glob("*/*/run.json")}
