"""Test actions of nodes against a server: Prefect's states of the flow run and the nodes, and what they say.

``tests/parity/test_actions.py`` has the table of cases.
"""

import contextlib
import contextvars
import textwrap
import threading
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("prefect")


from prefect import get_client
from prefect.blocks.abstract import NotificationBlock
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelled

from tests.prefect.support import BUSY, wait_for
from tests.processes import process_in

OPENS_SECONDS = 12
"""How long it takes until an approval is open, on a quiet machine."""
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


ASKS = (
    STEPS
    + """
- pipeline:
    name: asks
    nodes:
      - {name: measure, type: execution, step: measure}
      - {name: publish, type: execution, step: publish, actions: [{when: node-starting, then: require-approval}]}
      - {name: beside, type: execution, step: BESIDE}
    edges:
      - [measure.dependency.*, publish.dependency.*]
      - [measure.dependency.*, beside.dependency.*]
"""
)


@pytest.fixture
def patience(tmp_path):
    """End approvals that nobody answers, so that a test fails instead of waiting."""
    (tmp_path / "translator.toml").write_text(f"[defaults.approval]\ntimeout = {BUSY * OPENS_SECONDS}\n")


@contextlib.contextmanager
def person(answer):
    """Call ``answer`` in another thread once an approval is open, with a client, its flow run, and its description.

    If that fails, or no approval opens, the run is stopped, so that it ends.
    """
    failures = []

    def opened(client, before):
        named = FlowRunFilter(name=FlowRunFilterName(any_=["Start publish?"]))
        for one in client.read_flow_runs(flow_run_filter=named):
            if one.id not in before and one.state and one.state.is_paused():
                # The form follows the state: before, the server refuses answers.
                with contextlib.suppress(PrefectHTTPStatusError):
                    return one, client.read_flow_run_input(
                        one.id, one.state.state_details.run_input_keyset["description"]
                    )
        return None

    def wait():
        with get_client(sync_client=True) as client:
            try:
                answer(client, *wait_for(lambda: opened(client, before), OPENS_SECONDS, "an approval"))
            except Exception as error:  # noqa: BLE001 - shown when the run has ended
                failures.append(error)
                for one in client.read_flow_runs():
                    if one.id not in before and one.state and not one.state.is_final():
                        client.set_flow_run_state(one.id, Cancelled(message=f"the test failed: {error}"), force=True)

    with get_client(sync_client=True) as client:
        before = {one.id for one in client.read_flow_runs()}
    thread = threading.Thread(target=contextvars.copy_context().run, args=[wait], daemon=True)
    thread.start()
    yield
    thread.join(OPENS_SECONDS)
    assert not thread.is_alive()
    assert failures == []


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    ("approve", "decision", "state", "nodes"),
    [
        (True, "approved", "complete", {"measure": "complete", "publish": "complete", "beside": "complete"}),
        (False, "rejected", "stopped", {"measure": "complete", "publish": "stopped", "beside": "complete"}),
        (None, "rejected", "stopped", {"measure": "complete", "publish": "stopped", "beside": "complete"}),
    ],
    ids=["approve", "reject", "cancel"],
)
def test_a_person_decides(run, approve, decision, state, nodes):
    def answer(client, approval, shown):
        assert "accuracy = 0.5" in str(shown)
        if approve is None:
            client.set_flow_run_state(approval.id, Cancelled(), force=True)
            return
        assert client.resume_flow_run(approval.id, run_input={"approve": "perhaps"}).status.value == "REJECT"
        assert client.resume_flow_run(approval.id, run_input={"approve": approve}).status.value == "ACCEPT"

    with person(answer):
        ran = run(ASKS.replace("BESIDE", "publish"))
    assert ran.nodes == nodes
    assert ran.record["state"] == state
    (effect,) = ran.record["nodes"]["publish"]["actions"]
    assert effect["decision"] == decision
    assert ran.state.type.value == "COMPLETED"


@pytest.mark.usefixtures("patience")
def test_an_approval_is_withdrawn_when_the_run_is_cancelled(run):
    def answer(client, approval, _):
        parent = client.read_task_run(approval.parent_task_run_id).flow_run_id
        client.set_flow_run_state(parent, Cancelled(), force=True)

    with person(answer):
        ran = run(ASKS.replace("BESIDE", "publish"))
    assert ran.nodes == {"measure": "complete", "publish": "stopped", "beside": "complete"}
    assert "actions" not in ran.record["nodes"]["publish"]
    assert ran.state.is_cancelled()


class Note(NotificationBlock):
    """A block that writes what it is told to a file."""

    _block_type_slug = "test-note"
    file: str

    def notify(self, body, subject=None):
        """Write the subject and the body."""
        Path(self.file).write_text(f"{subject}: {body}")


@pytest.mark.parametrize(("default", "state"), [("approve", "complete"), ("reject", "stopped")])
def test_nobody_answers(run, server, tmp_path, default, state):
    Note(file=str(tmp_path / "note")).save("people", overwrite=True)
    (tmp_path / "translator.toml").write_text(f"""\
[defaults]
approval = {{ timeout = "2s", default = "{default}" }}
prefect.notification_blocks = ["test-note/nobody", "test-note/people"]
""")
    ran = run(ASKS.replace("BESIDE", "publish"))
    assert ran.nodes == {"measure": "complete", "publish": state, "beside": "complete"}
    assert ran.record["state"] == state
    (effect,) = ran.record["nodes"]["publish"]["actions"]
    decision = "approved" if default == "approve" else "rejected"
    assert (effect["decision"], effect.get("by")) == (decision, None)
    subject, _, link = (tmp_path / "note").read_text().partition(": ")
    assert subject == "Start publish?"
    with get_client(sync_client=True) as client:
        asked = client.read_flow_run(UUID(link.rpartition("/")[2]))
    assert asked.state.is_completed()
