"""Test actions of nodes against a server: Prefect's states of the flow run and the nodes, and what they say.

``tests/parity/test_actions.py`` has the table of cases.
"""

import contextvars
import textwrap
import threading

import pytest

pytest.importorskip("prefect")


from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.states import Cancelled

from tests.prefect.support import wait_for
from tests.processes import process_in

STEPS = """
- step:
    name: measure
    image: none
    command: >-
      until [ ! -e HERE_IT_IS/waits ] || [ -s HERE_IT_IS/process ]; do sleep 0.1; done;
      echo '{"accuracy": 0.5}'; [ {parameter-value:rate} != 3 ]
    parameters: [{name: rate, type: integer, default: 1}]
- step: {name: publish, image: none, command: "true"}
- step:
    name: sleep
    image: none
    command: TELL > HERE_IT_IS/process; exec sleep 300
"""


def pipeline(action: str, more: str = "", on_error: str = "stop-all") -> str:
    """Return ``measure`` with an action, and ``publish`` that follows it."""
    return STEPS + textwrap.dedent(f"""
    - pipeline:
        name: gated
        nodes:
          - {{name: measure, type: execution, step: measure, on-error: {on_error}, actions: [{action}]}}
          - {{name: publish, type: execution, step: publish}}
          {more}
        edges:
          - [measure.dependency.*, publish.dependency.*]
    """)


def test_a_stop_is_a_success_and_ends_other_branches(run, tmp_path):
    (tmp_path / "waits").touch()
    ran = run(
        pipeline(
            "{when: node-complete, if: metadata.accuracy < 0.9, then: stop-pipeline}",
            "- {name: sleep, type: execution, step: sleep}",
        )
    )
    assert ran.record["state"] == "stopped"
    assert ran.nodes == {"measure": "complete", "publish": "stopped", "sleep": "stopped"}
    assert (ran.state.type.value, ran.state.name) == ("COMPLETED", "Stopped")
    assert ran.state.message.startswith(
        "measure: stop-pipeline at node-complete, because metadata.accuracy < 0.9; complete: measure"
    )
    assert process_in(tmp_path / "process") is None
    assert "measure: stop-pipeline" in ran.record["nodes"]["sleep"]["executions"][0]["reason"]


@pytest.mark.parametrize(
    ("action", "rate", "nodes"),
    [
        ("{when: node-starting, if: parameter.rate == 2, then: error-pipeline}", 2, ("stopped", "stopped")),
        ("{when: node-error, if: metadata.accuracy < 0.9, then: error-pipeline}", 3, ("error", "stopped")),
    ],
    ids=["node-starting", "node-error"],
)
def test_a_run_that_an_action_fails(run, action, rate, nodes):
    ran = run(pipeline(action, on_error="continue"), measure={"rate": rate})
    assert ran.record["state"] == "error"
    assert (ran.nodes["measure"], ran.nodes["publish"]) == nodes
    assert (ran.state.type.value, ran.state.name) == ("FAILED", "Failed")
    assert "error-pipeline" in ran.state.message
    assert [one["then"] for one in ran.record["nodes"]["measure"]["actions"]] == ["error-pipeline"]


def test_a_run_without_effects_is_complete(run):
    ran = run(pipeline("{when: node-complete, if: metadata.accuracy > 0.9, then: stop-pipeline}"))
    assert (ran.record["state"], ran.state.type.value, ran.state.name) == ("complete", "COMPLETED", "Completed")
    assert set(ran.nodes.values()) == {"complete"}
    assert "actions" not in ran.record["nodes"]["measure"]


@pytest.mark.parametrize(
    ("approve", "decision", "state", "nodes"),
    [
        (True, "approved", "complete", {"measure": "complete", "publish": "complete", "beside": "complete"}),
        (False, "rejected", "stopped", {"measure": "complete", "publish": "stopped", "beside": "complete"}),
    ],
    ids=["approve", "reject"],
)
def test_a_person_decides(run, monkeypatch, approve, decision, state, nodes):
    monkeypatch.setattr("prefect_plugin.dataflow.approval.PATIENCE", 400)
    answered = []

    def answer():
        """Answer the form as the UI does; if that fails, cancel the approval, so that the run ends."""
        with get_client(sync_client=True) as client:

            def paused():
                wanted = FlowRunFilter(name=FlowRunFilterName(any_=["Start publish?"]))
                listed = client.read_flow_runs(flow_run_filter=wanted)
                return next((one for one in listed if one.state and one.state.is_paused()), None)

            flow_run = wait_for(paused, 300, "the approval")
            try:
                if approve:
                    wrong = client.resume_flow_run(flow_run.id, run_input={"approve": "perhaps"})
                    assert wrong.status.value == "REJECT"
                keyset = flow_run.state.state_details.run_input_keyset
                shown = client.read_flow_run_input(flow_run.id, keyset["description"])
                assert client.resume_flow_run(flow_run.id, run_input={"approve": approve}).status.value == "ACCEPT"
                answered.append(shown)
            finally:
                if not answered:
                    client.set_flow_run_state(flow_run.id, Cancelled(), force=True)

    person = threading.Thread(target=contextvars.copy_context().run, args=[answer])
    person.start()
    ran = run(
        STEPS
        + """
- pipeline:
    name: asks
    nodes:
      - {name: measure, type: execution, step: measure}
      - {name: publish, type: execution, step: publish, actions: [{when: node-starting, then: require-approval}]}
      - {name: beside, type: execution, step: publish}
    edges:
      - [measure.dependency.*, publish.dependency.*]
      - [measure.dependency.*, beside.dependency.*]
"""
    )
    person.join(60)
    assert ran.nodes == nodes
    assert ran.record["state"] == state
    (effect,) = ran.record["nodes"]["publish"]["actions"]
    assert effect["decision"] == decision
    assert ran.state.type.value == "COMPLETED"
    (shown,) = answered
    assert "accuracy = 0.5" in str(shown)
