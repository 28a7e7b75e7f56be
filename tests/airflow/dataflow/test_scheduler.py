"""Test what ``dag.test()`` cannot show, on a real scheduler with one process per task."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
import urllib.request
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from tests.airflow.pipelines import FAIL, OK, Node, pipeline
from tests.airflow.scheduler import alive, wait_until
from tests.http_server import Server, send
from tests.processes import TELL, process_of
from tests.shim.deployers.deploying import free_port
from translator import ir
from translator.load import load, load_text
from translator.shim import deployers
from translator.shim.contract import Distribution, Objective, Parameter, Search, Step
from translator.shim.parameters import grid
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.airflow.scheduler import Airflow
    from translator.shim.deployers import Administration

CASES = Path(__file__).parents[2] / "goldens" / "cases"
# Says which process it is, where a test and other commands see it, and would run for minutes, holding a lock.
SLEEP = (
    "exec 9> $TESTS_HOME/lock; flock -s 9; "
    f"sh -c '{TELL} > $TESTS_HOME/asleep/$VH_PIPELINE_NODE_ID-$VH_JOB_ID; echo asleep; exec sleep 600'"
)


def _when_asleep(count: int, command: str) -> str:
    """Return a command that waits until so many others have left their process ids."""
    return f'until [ "$(ls $TESTS_HOME/asleep | wc -l)" -ge {count} ]; do sleep 0.2; done; {command}'


DRIFTS = {"when": "node-complete", "if": "metadata.drift <= 1", "then": "stop-pipeline"}
_DETECT = (
    'if [ "$(cat $TESTS_HOME/drift)" -le 1 ]; then until [ -n "$(ls $TESTS_HOME/asleep)" ]; do sleep 0.2; done; fi; '
    'echo "{\\"drift\\": $(cat $TESTS_HOME/drift)}"; ' + OK
)
"""Prints how far the data has drifted; if that stops the run, another branch runs already."""

LAUNCH = """\
- step: {name: read, image: i, command: cp /valohai/inputs/data/* /valohai/outputs, inputs: [{name: data}]}
- pipeline: {name: Launch, nodes: [{name: read, type: execution, step: read}], edges: []}
"""
ASSIGNED = """\
- step: {name: deploy, image: i, command: "true"}
- pipeline:
    name: Assigned
    nodes:
      - {name: deploy, type: execution, step: deploy, actions: [{when: node-starting, then: require-approval}]}
    edges: []
"""
# To ask may take long on a busy machine, but less than the time limit; nobody answers before that is over.
OF_APPROVALS = """
[pipelines.Assigned]
approval = { timeout = "17s", default = "approve" }
airflow.assigned_users = { somebody-else = "Somebody Else" }
airflow.notifiers = { call = "tellers.Teller", file = "told" }
airflow.execution_timeout = "15s"
"""
TELLER = """\
import os
from pathlib import Path

from airflow.sdk import BaseNotifier


class Teller(BaseNotifier):
    def __init__(self, file):
        super().__init__()
        self.file = file

    def notify(self, context):
        (Path(os.environ["TESTS_HOME"]) / self.file).write_text(context["task_instance"].task_id)
"""
TODAY = datetime.now(ZoneInfo("Europe/Helsinki")).date()
DEPLOYS = """\
- endpoint: {name: serve, image: i, server-command: sh serve.sh}
- pipeline:
    name: Deploys
    nodes: [{name: deploy, type: deployment, deployment: digits, endpoints: [serve], aliases: [live]}]
    edges: []
"""
UPDATES = """\
- step:
    name: make
    image: i
    command: >-
      echo made > /valohai/outputs/made;
      echo '{"valohai.alias": "tests-made"}' > /valohai/outputs/made.metadata.json
- step: {name: fail, image: i, command: exit 3}
- step: {name: many, image: i, command: "true", parameters: [{name: x, type: integer}]}
- step: {name: read, image: i, command: cat /valohai/inputs/made/*, inputs: [{name: made, default: "datum://tests-made"}]}
- task: {name: many, step: many, type: grid_search, parameters: [{name: x, style: multiple, rules: {items: [1, 2]}}]}
- pipeline:
    name: Updates
    reuse-executions: true
    nodes:
      - {name: make, type: execution, step: make}
      - {name: many, type: task, task: many}
      - {name: fail, type: execution, step: fail, on-error: continue}
    edges: []
- pipeline: {name: Updated, nodes: [{name: read, type: execution, step: read}], edges: []}
"""
OF_UPDATES = """
[pipelines.Updates.assets]
make = ["tests-made"]
many = ["tests-many", "s3://tests/many/"]
fail = ["tests-failed"]
[pipelines.Updated]
schedule = { cron = "0 0 1 1 *", assets = ["tests-made", "s3://tests/many/"] }
"""
SEARCHES = """\
- step:
    name: train
    image: i
    command:
      - >-
        echo '{"accuracy": {parameter-value:x}}'; echo {parameter-value:x} > $VH_OUTPUTS_DIR/{parameter-value:x}
      - if grep -qx {parameter-value:x} $TESTS_HOME/failing; then exit 3; fi
    parameters: [{name: x, type: integer}]
- step: {name: collect, image: i, command: cat $VH_INPUTS_DIR/*/* > $VH_OUTPUTS_DIR/all, inputs: [{name: found}]}
- task:
    name: draw
    step: train
    type: random_search
    execution-count: 2
    parameters: [{name: x, style: random, rules: {min: 1000, max: 1999}}]
- task:
    name: tune
    step: train
    type: bayesian_tpe
    execution-count: 3
    execution-batch-size: 2
    optimization-target-metric: accuracy
    optimization-target-value: 50
    parameters: [{name: x, style: random, rules: {min: 1, max: 999}}]
- pipeline:
    name: Searches
    nodes:
      - {name: tune, type: task, task: tune, on-error: continue}
      - {name: draw, type: task, task: draw, on-error: continue}
      - {name: collect, type: execution, step: collect}
    edges:
      - [tune.output.*, collect.input.found]
      - [draw.output.*, collect.input.found]
"""
COOPERATES = """\
- step:
    name: work
    image: i
    command: COMMAND
- task: {name: few, step: work, type: distributed, execution-count: 3, parameters: []}
- task: {name: many, step: work, type: distributed, execution-count: 17, parameters: []}
- pipeline: {name: Cooperates, nodes: [{name: work, type: task, task: few}], edges: []}
- pipeline: {name: Wide, nodes: [{name: work, type: task, task: many, on-error: stop-next}], edges: []}
"""
COOPERATES = COOPERATES.replace(
    "COMMAND", json.dumps(f"if [ -e $TESTS_HOME/together ]; then {SLEEP}; fi; echo worked > $VH_OUTPUTS_DIR/made")
)
SERVES = 'mkdir -p digits/live/serve; exec python3 -m http.server --bind 127.0.0.1 "$VALOHAI_PORT"\n'
HALTED = pipeline(
    Node("search", [f"touch $TESTS_HOME/halted; {OK}", FAIL, SLEEP], "stop-all", "continue-and-complete"),
    Node("breaks", _when_asleep(1, "until [ -e $TESTS_HOME/halted ]; do sleep 0.2; done; sleep 1; exit 1")),
    name="Halted",
)
PIPELINES = {
    "dual": pipeline(
        Node("prepare"),
        Node("strict", [OK, FAIL], "stop-next", after=["prepare"]),
        Node("after strict", after=["strict"]),
        Node("lenient", [OK, FAIL], "continue", after=["prepare"]),
        Node("after lenient", "ls /valohai/inputs/before; " + OK, after=["lenient"]),
        name="Dual",
    ),
    "stop_all": pipeline(
        Node("sleeper", SLEEP, "stop-next"),
        Node("after", after=["sleeper"]),
        Node("search", [SLEEP, _when_asleep(3, "exit 1"), SLEEP]),
        name="Stop all",
    ),
    "tolerant": pipeline(
        Node("search", [FAIL, FAIL], "stop-all", "continue-and-complete"),
        Node("sleeper", SLEEP, "continue"),
        name="Tolerant",
    ),
    "siblings": pipeline(
        Node("search", [SLEEP, _when_asleep(1, "exit 1")], "stop-next", "stop-all-and-error"),
        Node("aside", _when_asleep(1, "flock $TESTS_HOME/lock true; " + OK)),
        name="Siblings",
    ),
    "gated": pipeline(
        Node("detect", _DETECT, more={"actions": [DRIFTS]}),
        Node("retrain", after=["detect"]),
        Node("aside", f'[ "$(cat $TESTS_HOME/drift)" -gt 1 ] || {{ {SLEEP}; }}', "stop-next"),
        name="Gated",
    ),
    "asks": pipeline(
        Node("measure", 'echo \'{"accuracy": 0.8, "note": "a | b `c`"}\'; ' + OK),
        Node("deploy", after=["measure"], more={"actions": [{"when": "node-starting", "then": "require-approval"}]}),
        Node("after", after=["deploy"]),
        Node("beside", after=["measure"]),
        name="Asks",
    ),
    "ends": pipeline(
        Node("measure", OK, "stop-next", more={"actions": [{"when": "node-complete", "then": "require-approval"}]}),
        Node("after", after=["measure"]),
        name="Ends",
    ),
    "templates": pipeline(
        Node("one", "echo '{{ 7 * 7 }} {% raw %} {{ params }}'; " + OK),
        Node("many", ["echo '{{ 7 * 7 }}'", "echo '{{ ti }}'"]),
        name="Templates",
    ),
    "launch": load_text(LAUNCH).choose(),
    "searches": load_text(SEARCHES).choose(),
    **{pipeline.name.lower(): pipeline for pipeline in load_text(COOPERATES).pipelines},
    "halted": replace(HALTED, assets={"search": ir.AssetUpdate(("tests-halted",), HALTED.span)}),
    # Due at midnight, and no run is missing: only a backfill starts one.
    "daily": replace(pipeline(Node("one"), name="Daily"), schedule=ir.Schedule("0 0 * * *", "Europe/Helsinki")),
    "caught": replace(
        pipeline(Node("one"), name="Caught"),
        schedule=ir.Schedule("0 0 * * *", "Europe/Helsinki", catchup=True, start_date=f"{TODAY - timedelta(days=2)}"),
    ),
}


PASSWORD = "hunter2-of-the-portal"  # noqa: S105 - it is meant to look like one
PORTAL = """\
- step: {name: read, image: i, command: cat /valohai/inputs/data/*, inputs: [{name: data, default: URL}]}
- pipeline: {name: Portal, nodes: [{name: read, type: execution, step: read}], edges: []}
"""


@pytest.fixture(scope="module")
def portal() -> Iterator[Server]:
    """Start a web server that wants a password, and repeats it in what it refuses."""
    server = Server()

    def answer(handler: Any, number: int) -> None:
        right = f"Basic {base64.b64encode(f'reader:{PASSWORD}'.encode()).decode()}"
        sent = handler.headers["Authorization"]
        send(handler, 200, b"content\n") if sent == right else send(handler, 403, f"no {sent}".encode())

    server.answer = answer
    yield server
    server.close()


@pytest.fixture(scope="module")
def deployed(scheduler: Airflow, portal: Server) -> Airflow:
    """Start the scheduler with all pipelines in its DAGs folder."""
    project = scheduler.home / "project"
    project.mkdir()
    (scheduler.home / "asleep").mkdir()
    (project / "work.sh").write_text("echo worked > $VH_OUTPUTS_DIR/made.$VH_JOB_ID\n")
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    of_goldens = (pipeline for case in ("policies", "edges") for pipeline in load(CASES / f"{case}.yaml").pipelines)
    files = {airflow.file_name(each): airflow.generate(each, options) for each in (*PIPELINES.values(), *of_goldens)}
    (project / "valohai.yaml").write_text(PORTAL.replace("URL", f"'{portal.url}'"))
    connections = f'"http://{portal.host}/" = "portal"'
    of_servers = f'[defaults.deployers.local]\ndirectory = "{scheduler.home / "servers"}"\nport = {free_port()}\n'
    (project / "translator.toml").write_text(
        f"[defaults.airflow.dag.input_connections]\n{connections}\n{OF_APPROVALS}{of_servers}{OF_UPDATES}"
    )
    (project / "updates.yaml").write_text(UPDATES)
    updating, updated = load(project / "updates.yaml").pipelines
    for each in (updating, updated):
        files[airflow.file_name(each)] = airflow.generate(each, options)
    (scheduler.dags / "tellers.py").write_text(TELLER)
    (project / "deploys.yaml").write_text(DEPLOYS)
    files["deploys.py"] = airflow.generate(load(project / "deploys.yaml").choose(), options)
    files["portal.py"] = airflow.generate(load(project / "valohai.yaml").choose(), options)
    (project / "assigned.yaml").write_text(ASSIGNED)
    files["assigned.py"] = airflow.generate(load(project / "assigned.yaml").choose(), options)
    for name, text in files.items():
        (scheduler.dags / name).write_text(text)
    wanted = {name.removesuffix(".py") for name in files}
    scheduler.wait_for_dags(*wanted)
    return scheduler


def states(document: dict[str, Any]) -> dict[str, str]:
    return {name: node["state"] for name, node in document["nodes"].items()}


def asleep(airflow: Airflow) -> list[int]:
    """Return the commands that sleep."""
    told = [path.read_text() for path in (airflow.home / "asleep").iterdir()]
    return [process for text in told if text and (process := process_of(text)) is not None]


@pytest.fixture(autouse=True)
def _nobody_asleep(deployed: Airflow) -> None:
    for path in (deployed.home / "asleep").iterdir():
        path.unlink()


def test_every_file_is_imported(deployed: Airflow) -> None:
    assert deployed.api("GET", "/api/v2/importErrors")["import_errors"] == []
    listed = deployed.listed()
    assert {*PIPELINES, "policies", "edges"} <= set(listed)
    assert listed["stop_all"]["dag_display_name"] == "Stop all"


def test_reserialised_dags_run(deployed: Airflow) -> None:
    done = deployed.command("dags", "reserialize")
    assert done.returncode == 0, done.stderr
    deployed.trigger("policies", "policies-1")
    assert deployed.wait("policies", "policies-1") == "success"
    executions = deployed.record("policies-1")["nodes"]["all-of-them"]["executions"]
    assert [one["parameters"]["size"] for one in executions] == [1, 2, 3, 4]


def test_the_provider_is_listed(deployed: Airflow) -> None:
    listed = deployed.command("providers", "list", "-o", "plain").stdout
    assert re.search(r"^pipeline-translator\s", listed, re.MULTILINE)
    plugins = deployed.command("plugins", "-o", "json").stdout
    assert "pipeline_translator" in plugins


def test_dual(deployed: Airflow) -> None:
    deployed.trigger("dual", "dual-1")
    assert deployed.wait("dual", "dual-1") == "failed"
    document = deployed.record("dual-1")
    assert states(document) == {
        "prepare": "complete",
        "strict": "error",
        "after strict": "skipped",
        "lenient": "complete",
        "after lenient": "complete",
    }
    assert document["state"] == "error"
    tasks = deployed.tasks("dual", "dual-1")
    assert tasks["lenient.run", 1]["state"] == "failed"
    assert tasks["lenient.run", 1]["rendered_map_index"] == f"does={FAIL}"
    assert tasks["after_lenient", -1]["state"] == "success"
    assert tasks["after_strict", -1]["state"] == "upstream_failed"


def test_params_of_the_trigger_form_set_the_grid(deployed: Airflow) -> None:
    deployed.trigger("dual", "dual-2", {"strict does": [OK, OK, OK], "lenient does": OK})
    assert deployed.wait("dual", "dual-2") == "success"
    document = deployed.record("dual-2")
    assert [one["state"] for one in document["nodes"]["strict"]["executions"]] == ["complete"] * 3
    assert len(document["nodes"]["lenient"]["executions"]) == 1
    assert document["parameters"]["strict does"] == [OK, OK, OK]


def test_a_bad_param_is_refused_at_once(deployed: Airflow) -> None:
    with pytest.raises(OSError, match="400"):
        deployed.trigger("policies", "policies-bad", {"all.size": "many"})


def test_inputs_are_given_in_the_trigger_form(deployed: Airflow) -> None:
    with pytest.raises(OSError, match="400"):
        deployed.trigger("launch", "launch-bad")
    deployed.trigger("launch", "launch-1", {"read.inputs.data": ["work.sh"]})
    deployed.trigger("launch", "launch-2", {"read.inputs.data": ["/etc/hostname"]})
    assert deployed.wait("launch", "launch-1") == "success"
    (execution,) = deployed.record("launch-1")["nodes"]["read"]["executions"]
    assert [one["path"] for one in execution["outputs"]] == ["work.sh"]
    assert deployed.wait("launch", "launch-2") == "failed"
    (execution,) = deployed.record("launch-2")["nodes"]["read"]["executions"]
    assert "/etc/hostname is outside the project" in execution["reason"]


def test_inputs_are_read_with_a_connection(deployed: Airflow, portal: Server) -> None:
    deployed.trigger("portal", "portal-1")
    assert deployed.wait("portal", "portal-1") == "failed"
    (execution,) = deployed.record("portal-1")["nodes"]["read"]["executions"]
    assert execution["reason"] == (
        f"valohai.yaml:1: input 'data': {portal.url} cannot be fetched: the connection 'portal', which has the "
        f"credentials for http://{portal.host}/, does not exist: create it (Admin > Connections), or change "
        "airflow.dag.input_connections in translator.toml"
    )
    assert portal.asked == []
    connection = {"connection_id": "portal", "conn_type": "http", "login": "reader", "password": PASSWORD}
    deployed.api("POST", "/api/v2/connections", connection)
    deployed.trigger("portal", "portal-2")
    assert deployed.wait("portal", "portal-2") == "success"
    run = "/api/v2/dags/portal/dagRuns/portal-2/taskInstances"
    logged = str(deployed.api("GET", f"{run}/read/logs/1")["content"])
    assert "'event': 'content'" in logged
    deployed.api("PATCH", "/api/v2/connections/portal", {**connection, "password": f"{PASSWORD}-no-more"})
    deployed.trigger("portal", "portal-3")
    assert deployed.wait("portal", "portal-3") == "failed"
    files = [path for path in deployed.home.rglob("*") if path.is_file() and not path.suffix.startswith(".db")]
    pair = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
    for path in files:  # the store, the DAGs, the logs of all processes
        content = path.read_bytes()
        assert PASSWORD.encode() not in content, path
        assert pair.encode() not in content, path


def test_nothing_of_the_yaml_is_a_template(deployed: Airflow) -> None:
    deployed.trigger("templates", "templates-1")
    assert deployed.wait("templates", "templates-1") == "success"
    run = "/api/v2/dags/templates/dagRuns/templates-1/taskInstances"
    logged = str(deployed.api("GET", f"{run}/one/logs/1")["content"])
    assert "{{ 7 * 7 }} {% raw %} {{ params }}" in logged
    assert "49" not in re.findall(r"'event': '(\d+)", logged)
    logged = str(deployed.api("GET", f"{run}/many.run/logs/1?map_index=1")["content"])
    assert "{{ ti }}" in logged


def test_stop_all_stops_running_executions(deployed: Airflow) -> None:
    deployed.trigger("stop_all", "stop-1")
    wait_until(lambda: len(asleep(deployed)) == 3)
    running = asleep(deployed)
    wait_until(lambda: deployed.tasks("stop_all", "stop-1")["search.run", 1]["state"] == "failed")
    assert deployed.wait("stop_all", "stop-1", 30) == "failed"
    assert not [pid for pid in running if alive(pid)]
    document = deployed.record("stop-1")
    assert document["state"] == "error"
    assert states(document) == {"sleeper": "stopped", "after": "stopped", "search": "error"}
    assert [one["state"] for one in document["nodes"]["search"]["executions"]] == ["stopped", "error", "stopped"]


def test_a_gate_stops_all_when_the_node_has_ended(deployed: Airflow) -> None:
    deployed.trigger("tolerant", "tolerant-1")
    assert deployed.wait("tolerant", "tolerant-1", 180) == "failed"
    assert asleep(deployed) == []
    assert states(deployed.record("tolerant-1")) == {"search": "error", "sleeper": "stopped"}


def test_only_siblings_are_stopped(deployed: Airflow) -> None:
    deployed.trigger("siblings", "siblings-1")
    assert deployed.wait("siblings", "siblings-1", 180) == "failed"
    assert asleep(deployed) == []
    document = deployed.record("siblings-1")
    assert states(document) == {"search": "error", "aside": "complete"}
    assert [one["state"] for one in document["nodes"]["search"]["executions"]] == ["stopped", "error"]


def test_an_action_is_evaluated_again_when_its_node_is_cleared(deployed: Airflow) -> None:
    drift = deployed.home / "drift"
    drift.write_text("0")
    deployed.trigger("gated", "gated-1")
    assert deployed.wait("gated", "gated-1") == "success"  # the pipeline decided to do no more
    assert asleep(deployed) == []
    document = deployed.record("gated-1")
    assert document["state"] == "stopped"
    assert states(document) == {"detect": "complete", "retrain": "stopped", "aside": "stopped"}
    effect = {"when": "node-complete", "if": ["metadata.drift <= 1"], "then": "stop-pipeline"}
    assert document["nodes"]["detect"]["actions"] == [effect]
    assert "stop-pipeline" in document["nodes"]["aside"]["executions"][0]["reason"]
    tasks = deployed.tasks("gated", "gated-1")
    shown = {name: tasks[name, -1]["state"] for name in ("detect.run", "detect.actions", "retrain", "finish")}
    assert shown == {"detect.run": "success", "detect.actions": "skipped", "retrain": "skipped", "finish": "success"}

    drift.write_text("5")
    deployed.api("POST", "/api/v2/dags/gated/dagRuns/gated-1/clear", {"dry_run": False, "only_failed": False})
    assert deployed.wait("gated", "gated-1") == "success"
    document = deployed.record("gated-1")
    assert document["state"] == "complete"
    assert set(states(document).values()) == {"complete"}
    assert "actions" not in document["nodes"]["detect"]

    for path in (deployed.home / "asleep").iterdir():
        path.unlink()
    (deployed.home / "asleep" / "nobody").touch()
    drift.write_text("1")
    options = {"dry_run": False, "only_failed": False, "include_downstream": True, "reset_dag_runs": True}
    body = {"dag_run_id": "gated-1", "task_ids": ["detect.run"], **options}
    deployed.api("POST", "/api/v2/dags/gated/clearTaskInstances", body)
    assert deployed.wait("gated", "gated-1") == "success"
    document = deployed.record("gated-1")
    assert document["state"] == "stopped"
    assert states(document) == {"detect": "complete", "retrain": "stopped", "aside": "complete"}
    assert document["nodes"]["detect"]["actions"] == [effect]


@pytest.mark.parametrize(
    ("option", "decision", "state", "expected"),
    [
        ("Approve", "approved", "complete", ("complete", "complete")),
        ("Reject", "rejected", "stopped", ("stopped", "stopped")),
    ],
)
def test_a_person_decides(deployed: Airflow, option: str, decision: str, state: str, expected: tuple[str, str]) -> None:
    run = f"asks-{option}"
    deployed.trigger("asks", run)
    waiting = ("awaiting_input", "deferred")  # before Airflow 3.3, the triggerer waits

    def parked() -> bool:
        tasks = deployed.tasks("asks", run)
        asked = tasks.get(("deploy.starting", -1), {}).get("state") in waiting
        return asked and tasks["beside", -1]["state"] == "success"

    wait_until(parked)  # another branch continues
    detail = f"/api/v2/dags/asks/dagRuns/{run}/taskInstances/deploy.starting/-1/hitlDetails"
    asked = deployed.api("GET", detail)
    assert asked["subject"] == "Start deploy?"
    assert "`accuracy = 0.8, note = a / b 'c'`" in asked["body"]
    assert "| `measure` | `0` | `made` |" in asked["body"]
    time.sleep(3)  # Airflow loses an answer that comes as soon as the task waits
    restarted = decision == "approved"
    if restarted:  # an approval and its answer survive the scheduler and its workers
        deployed.kill("scheduler")
    deployed.api("PATCH", detail, {"chosen_options": [option], "params_input": {}})
    if restarted:
        deployed.start("scheduler")
    assert deployed.wait("asks", run) == "success"
    document = deployed.record(run)
    assert document["state"] == state
    assert (document["nodes"]["deploy"]["state"], document["nodes"]["after"]["state"]) == expected
    assert document["nodes"]["beside"]["state"] == "complete"
    (effect,) = document["nodes"]["deploy"]["actions"]
    assert effect["decision"] == decision
    assert effect["by"]


def test_a_task_that_asks_fails(deployed: Airflow) -> None:
    """As if Airflow had lost it: the node has failed, and nobody has stopped the run."""
    for run, task in (("asks-lost", "deploy.starting"), ("ends-lost", "measure.actions")):
        dag_id = run.partition("-")[0]
        deployed.trigger(dag_id, run)
        wait_until(lambda: deployed.tasks(dag_id, run)[task, -1]["state"] in ("awaiting_input", "deferred"))  # noqa: B023
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}"
        deployed.api("PATCH", path, {"new_state": "failed"})
        assert deployed.wait(dag_id, run) == "failed"
        document = deployed.record(run)
        name = task.partition(".")[0]
        node = document["nodes"][name]
        reason = f"the task {task!r} failed in Airflow: see its log"
        assert (document["state"], node["state"], node["reason"]) == ("error", "error", reason)
        assert document["nodes"]["after"]["state"] == {"asks": "stopped", "ends": "skipped"}[dag_id]
    assert [one["state"] for one in node["executions"]] == ["complete"]


def test_nobody_answers(deployed: Airflow) -> None:
    deployed.trigger("assigned", "assigned-1")
    told = deployed.home / "told"
    wait_until(lambda: told.exists() and told.read_text() == "deploy.starting")
    detail = "/api/v2/dags/assigned/dagRuns/assigned-1/taskInstances/deploy.starting/-1/hitlDetails"
    assert deployed.api("GET", detail)["assigned_users"] == [{"id": "somebody-else", "name": "Somebody Else"}]
    assert deployed.wait("assigned", "assigned-1") == "success"
    document = deployed.record("assigned-1")
    (effect,) = document["nodes"]["deploy"]["actions"]
    assert (effect["decision"], effect.get("by")) == ("approved", None)


def runs(deployed: Airflow, dag_id: str) -> set[tuple[str, str]]:
    """Return the runs of a DAG by type and day, if all have succeeded."""
    listed = deployed.api("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=20")["dag_runs"]
    return {(run["run_type"], run["logical_date"][:10]) for run in listed if run["state"] == "success"}


def test_a_schedule_makes_up_for_missed_runs_and_can_be_backfilled(deployed: Airflow) -> None:
    days = [f"{TODAY - timedelta(days=days)}" for days in (3, 2, 1)]  # midnight is on the evening before, in UTC
    for dag_id in ("caught", "daily"):
        deployed.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
    ends = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{TODAY}T00:00:00Z"}
    deployed.api("POST", "/api/v2/backfills", {"dag_id": "daily", **ends})
    wait_until(lambda: {("backfill", day) for day in days} <= runs(deployed, "daily"))
    assert {kind for kind, _ in runs(deployed, "daily")} == {"backfill"}
    wait_until(lambda: {("scheduled", day) for day in days} <= runs(deployed, "caught"))
    assert len(list(deployed.store.glob("Caught/scheduled__*/run.json"))) == 3


def test_complete_nodes_update_assets_that_start_another_pipeline(deployed: Airflow) -> None:
    deployed.trigger("halted", "halted-1")
    deployed.api("PATCH", "/api/v2/dags/updated", {"is_paused": False})
    for count in (1, 2):  # the second time, a result is reused
        deployed.trigger("updates", f"updates-{count}")
        assert deployed.wait("updates", f"updates-{count}") == "success"
        assert states(deployed.record(f"updates-{count}")) == {"make": "complete", "many": "complete", "fail": "error"}
        events = deployed.api("GET", f"/api/v2/assets/events?source_run_id=updates-{count}")["asset_events"]
        assert sorted((event["name"], event["source_task_id"]) for event in events) == [
            ("s3://tests/many/", "many.done"),
            ("tests-made", "make"),
            ("tests-many", "many.done"),
        ]
        wait_until(lambda: len(list(deployed.store.glob("Updated/asset_triggered__*/run.json"))) == count)  # noqa: B023
        tasks = deployed.tasks("updates", f"updates-{count}")
        assert [tasks["many.run", index]["rendered_map_index"] for index in (0, 1)] == ["x=1", "x=2"]
    many = deployed.record("updates-2")["nodes"]["many"]["executions"]
    assert [one["reused"] for one in many] == [f"updates-1/many/{index}/try-1" for index in (0, 1)]
    # A node some of whose executions are stopped is not complete, even if it tolerates failures.
    assert deployed.wait("halted", "halted-1") == "failed"
    assert states(deployed.record("halted-1")) == {"search": "stopped", "breaks": "error"}
    done = deployed.tasks("halted", "halted-1")["search.done", -1]
    assert (done["state"], deployed.api("GET", "/api/v2/assets/events?source_run_id=halted-1")["total_entries"]) == (
        "skipped",
        0,
    )
    records = [json.loads(path.read_text()) for path in deployed.store.glob("Updated/*/run.json")]
    assert [states(record) for record in records] == [{"read": "complete"}] * 2


@pytest.fixture
def servers(deployed: Airflow) -> Iterator[Callable[[], Administration]]:
    """Return what manages the servers of deployments; end all of them afterwards."""
    load_administration = deployers.load("local").administration
    assert load_administration is not None
    settings = {"directory": str(deployed.home / "servers")}
    yield lambda: load_administration(settings, lambda _: None)
    load_administration(settings, lambda _: None).stop_all()


def test_a_cancelled_deployment_leaves_the_old_version(
    deployed: Airflow, servers: Callable[[], Administration]
) -> None:
    script = deployed.home / "project" / "serve.sh"
    script.write_text(SERVES)
    deployed.trigger("deploys", "deploys-1")
    assert deployed.wait("deploys", "deploys-1") == "success"
    script.write_text(f"{TELL} > {deployed.home}/asleep/server\nexec sleep 600\n")
    deployed.trigger("deploys", "deploys-2")
    wait_until(lambda: asleep(deployed))
    deployed.api("PATCH", "/api/v2/dags/deploys/dagRuns/deploys-2", {"state": "failed"})
    wait_until(lambda: not asleep(deployed) and len(servers().versions()) == 1)
    (version,) = servers().versions()
    assert (version.version, list(version.aliases)) == ("1", ["live"])
    with urllib.request.urlopen(version.servers[0].url) as old:
        assert old.status == 200
    wait_until(lambda: list(deployed.store.glob("*/deploys-2/run.json")))
    assert states(deployed.record("deploys-2")) == {"deploy": "stopped"}


def test_members_of_a_distributed_task_end_together_and_run_again_together(deployed: Airflow) -> None:
    """One is killed, one is cleared alone, all are cleared, and the run is cancelled."""
    dag, run = "cooperates", "cooperates-1"

    def clear(*tasks: object) -> None:
        body = {"dag_run_id": run, "task_ids": [*tasks, "work.done", "finish"]}
        options = {"dry_run": False, "only_failed": False, "reset_dag_runs": True}
        deployed.api("POST", f"/api/v2/dags/{dag}/clearTaskInstances", {**body, **options})

    def ended(expected: str) -> list[tuple[str, str]]:
        assert deployed.wait(dag, run) == expected
        executions = deployed.record(run)["nodes"]["work"]["executions"]
        return [(one["state"], one["reason"] or "") for one in executions]

    together = deployed.home / "together"
    together.touch()
    deployed.trigger(dag, run)
    wait_until(lambda: len(asleep(deployed)) == 3)
    members = asleep(deployed)
    os.kill(deployed.tasks(dag, run)["work.run", 1]["pid"], signal.SIGKILL)
    first, killed, third = ended("failed")
    reason = "member 1 of its group failed: it was lost: it is failed in the engine"
    assert [first[0], killed[0], third[0]] == ["error"] * 3
    assert reason in first[1]
    assert reason in third[1]
    assert not [pid for pid in members if alive(pid)]

    together.unlink()
    clear(["work.run", 1])
    _, (state, reason), _ = ended("failed")
    assert state == "error"
    assert "members 0, 2 had ended before (failed), and did not join: a member of a distributed task" in reason

    clear("work.run")
    assert ended("success") == [("complete", "")] * 3

    _nobody(deployed)
    together.touch()
    clear("work.run")
    wait_until(lambda: len(asleep(deployed)) == 3)
    members = asleep(deployed)
    deployed.api("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}", {"state": "failed"})
    wait_until(lambda: not [pid for pid in members if alive(pid)])
    together.unlink()


def test_a_group_that_is_wider_than_the_dag_fails_at_once(deployed: Airflow) -> None:
    deployed.trigger("wide", "wide-1")
    assert deployed.wait("wide", "wide-1") == "failed"
    reasons = {one["reason"] for one in deployed.record("wide-1")["nodes"]["work"]["executions"]}
    (reason,) = reasons
    assert reason.endswith(
        "all 17 members of the task must run at the same time, and max_active_tasks of the DAG is 16: raise it"
    )


def _nobody(deployed: Airflow) -> None:
    for path in (deployed.home / "asleep").iterdir():
        path.unlink()


def _searched(deployed: Airflow) -> tuple[dict[str, dict[int, tuple[int, str, int]]], list[int]]:
    """Return by node and index the value, the state and the tries of an execution of ``SEARCHES``.

    Then the values of those whose files the node after them got.
    """
    assert deployed.wait("searches", "searches-1") == "success"
    document = deployed.record("searches-1")
    assert states(document) == {"tune": "complete", "draw": "complete", "collect": "complete"}
    found = {
        node: {
            one["index"]: (one["parameters"]["x"], one["state"], one["tries"])
            for one in document["nodes"][node]["executions"]
        }
        for node in ("tune", "draw")
    }
    tries = document["nodes"]["collect"]["executions"][0]["tries"]
    (listed,) = deployed.store.glob(f"Searches/searches-1/collect/0/try-{tries}/outputs/all")
    return found, sorted(map(int, listed.read_text().split()))


def test_searches_keep_their_values_whatever_is_cleared(deployed: Airflow) -> None:
    pytest.importorskip("optuna")

    def clear(*tasks: object, downstream: bool = False) -> None:
        body = {"dag_run_id": "searches-1", "task_ids": tasks, "include_downstream": downstream}
        options = {"dry_run": False, "only_failed": False, "reset_dag_runs": True}
        deployed.api("POST", "/api/v2/dags/searches/clearTaskInstances", {**body, **options})

    failing = deployed.home / "failing"
    search = Search(3, "Searches/tune", {"x": Distribution(1, 999, integers=True)}, Objective("accuracy", 50, 2))
    step = Step(name="train", parameters=[Parameter(name="x", type="integer")])
    first, second = (point["x"] for point in grid.points(step, {}, search=search, trials=[]))
    drawn = [
        point["x"]
        for point in grid.points(
            step, {}, search=Search(2, "Searches/draw", {"x": Distribution(1000, 1999, integers=True)})
        )
    ]
    failing.write_text(f"{second}\n{drawn[1]}\n")
    deployed.trigger("searches", "searches-1")
    found, collected = _searched(deployed)
    third = found["tune"][2][0]
    assert found == {
        "tune": {0: (first, "complete", 1), 1: (second, "error", 1), 2: (third, "complete", 1)},
        "draw": {0: (drawn[0], "complete", 1), 1: (drawn[1], "error", 1)},
    }
    assert collected == sorted([first, third, drawn[0]])

    failing.write_text("none\n")
    clear(["tune.run_1", 1], ["draw.run", 1], "tune.done", "draw.done", "collect", "finish")
    found, collected = _searched(deployed)
    assert found == {
        "tune": {0: (first, "complete", 1), 1: (second, "complete", 2), 2: (third, "complete", 1)},
        "draw": {0: (drawn[0], "complete", 1), 1: (drawn[1], "complete", 2)},
    }
    assert collected == sorted([first, second, third, *drawn])

    failing.write_text(f"{third}\n")
    clear("tune.ask_2", downstream=True)
    found, collected = _searched(deployed)
    assert found["tune"] == {0: (first, "complete", 1), 1: (second, "complete", 2), 2: (third, "error", 2)}
    assert collected == sorted([first, second, *drawn])
