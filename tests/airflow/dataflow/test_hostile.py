"""Test that a deployment's settings do not change what a pipeline means."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.hostile import hostile
from tests.airflow.pipelines import FAIL, OK, Node, pipeline
from tests.airflow.scheduler import wait_until
from tests.processes import TELL, process_of
from translator.load import load_text
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.airflow.scheduler import Airflow

ODD = {
    "<img src=x onerror=alert(1)>.html": "x",
    "a b/..%2f..?#é\u202e.svg": "<script>alert(1)</script>",
    "m.bin": "m" * 9,
}
WRITE_ODD = "; ".join(
    [f'mkdir -p "$VH_OUTPUTS_DIR/a b"; printf \'{text}\' > "$VH_OUTPUTS_DIR/{name}"' for name, text in ODD.items()]
)
MADE = "printf {} > $VH_OUTPUTS_DIR/made"
ONCE = "test -e FOLDER/tried || { touch FOLDER/tried; exit 1; }; "
SLEEP = f"{TELL} > FOLDER/asleep; exec sleep 600"

PIPELINES = {
    "mixed": pipeline(
        Node("prepare", f"{WRITE_ODD}; {MADE.format(0)}"),
        Node("strict", [MADE.format(1), FAIL], "stop-next", after=["prepare"]),
        Node("after strict", after=["strict"]),
        Node("lenient", [MADE.format(1), FAIL, MADE.format(3)], "continue", after=["prepare"]),
        Node("after lenient", "cp /valohai/inputs/before/made $VH_OUTPUTS_DIR/made", after=["lenient"]),
        Node("tolerated", FAIL, "continue"),
        Node("after tolerated", after=["tolerated"]),
        Node("again", f"{ONCE}{OK}", "retry"),
        name="Mixed",
    ),
    "failing_once": pipeline(Node("one", FAIL), Node("two", after=["one"]), name="Failing once"),
    "wide": pipeline(Node("many", [OK] * 4), name="Wide"),
    "refused": pipeline(Node("one"), name="Refused"),
    "slow": pipeline(Node("sleeper", SLEEP, "stop-next"), Node("after", after=["sleeper"]), name="Slow"),
}
SHOPS = """
dag:
  start_at: Flaky
  steps:
    Flaky: {type: task, command_type: shell, command: "exit 1", next: Shops, on_failure: Shops}
    Shops:
      type: map
      iterate_on: shops
      iterate_as: shop
      next: success
      branch:
        start_at: sell
        steps:
          sell: {type: task, command_type: shell, command: '! echo "$MAGNUS_MAP_VARIABLE" | grep closed', next: success}
          success: {type: success}
          fail: {type: fail}
    success: {type: success}
    fail: {type: fail}
"""
LINKS = "/api/v2/dags/{dag}/dagRuns/{dag}-1/taskInstances/{task}/links"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Start the deployment, and a run of each pipeline."""
    pytest.importorskip("airflow.sdk")
    with hostile(tmp_path_factory.mktemp("hostile") / "home") as airflow_:
        project = airflow_.home / "project"
        project.mkdir()
        options = GenerateOptions(project=os.path.relpath(project, airflow_.dags))
        shops = load_text(SHOPS, "shops.yaml").choose()
        for each in (*PIPELINES.values(), shops):
            text = airflow.generate(each, options).replace("FOLDER", str(airflow_.home))
            (airflow_.dags / airflow.file_name(each)).write_text(text)
        wanted = {*PIPELINES, "shops"} - {"refused"}
        airflow_.wait_for_dags(*wanted, seconds=180)
        for dag in sorted(wanted):
            conf = {"shops": ["open", "closed", "late"]} if dag == "shops" else {}
            airflow_.trigger(dag, f"{dag}-1", conf)
        yield airflow_


def ended(airflow_: Airflow, dag: str) -> tuple[str, dict[str, Any]]:
    """Return the final state of a DAG's first run, and its ``run.json``."""
    return airflow_.wait(dag, f"{dag}-1", 400), airflow_.record(f"{dag}-1")


def executions(document: dict[str, Any]) -> dict[str, list[tuple[str, int]]]:
    """Return the state of each execution of a node, and the number of its tries."""
    nodes = document["nodes"].items()
    return {name: [(one["state"], one["tries"]) for one in node["executions"]] for name, node in nodes}


def test_a_failed_step_is_not_tried_again(deployed: Airflow) -> None:
    state, document = ended(deployed, "failing_once")
    assert (state, document["state"]) == ("failed", "error")
    assert executions(document) == {"one": [("error", 1)], "two": []}


def test_states_and_files_match_the_specification(deployed: Airflow) -> None:
    state, document = ended(deployed, "mixed")
    assert (state, document["state"]) == ("failed", "error")
    assert {name: node["state"] for name, node in document["nodes"].items()} == {
        "prepare": "complete",
        "strict": "error",
        "after strict": "skipped",
        "lenient": "complete",
        "after lenient": "complete",
        "tolerated": "error",
        "after tolerated": "complete",
        "again": "complete",
    }
    tries = executions(document)
    assert tries.pop("again") == [("complete", 2)]
    assert {tried for of_node in tries.values() for _, tried in of_node} == {1}
    (made,) = (deployed.store / "Mixed" / "mixed-1").glob("after-lenient-*/0/try-*/outputs/made")
    assert made.read_text() == "3"
    (pool,) = {task["pool"] for task in deployed.tasks("mixed", "mixed-1").values()}
    assert pool == "small", "the cluster policy did not apply"


def test_a_control_flow_graph(deployed: Airflow) -> None:
    state, document = ended(deployed, "shops")
    assert (state, document["state"]) == ("failed", "error")
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"Flaky": "error", "Shops": "error"}
    branches = document["nodes"]["Shops"]["branches"]
    sold = {item: branch["nodes"]["sell"] for item, branch in branches.items()}
    assert [of["state"] for of in sold.values()] == ["complete", "error", "complete"]
    assert {one["tries"] for of in sold.values() for one in of["executions"]} == {1}


def test_a_grid_that_is_too_wide_says_which_setting_forbids_it(deployed: Airflow) -> None:
    state, document = ended(deployed, "wide")
    assert (state, document["nodes"]["many"]["state"]) == ("failed", "error")
    logs = deployed.api("GET", "/api/v2/dags/wide/dagRuns/wide-1/taskInstances/many.grid/logs/1")["content"]
    assert "the grid has 4 points; [core] max_map_length allows 3" in str(logs)


def test_a_time_limit_of_a_policy_is_a_failure_with_a_reason(deployed: Airflow) -> None:
    state, document = ended(deployed, "slow")
    assert state == "failed"
    assert {name: node["state"] for name, node in document["nodes"].items()} == {"sleeper": "error", "after": "skipped"}
    (one,) = document["nodes"]["sleeper"]["executions"]
    assert one["tries"] == 1
    assert one["reason"].endswith("the execution exceeded the engine's time limit for its task")
    assert process_of((deployed.home / "asleep").read_text()) is None


def test_a_policy_that_refuses_a_dag_is_an_import_error(deployed: Airflow) -> None:
    (error,) = deployed.api("GET", "/api/v2/importErrors")["import_errors"]
    assert error["filename"] == "refused.py"
    assert "DAGs of this name are refused; ask platform@example.com" in error["stack_trace"]


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def get(airflow_: Airflow, path: str, user: str | None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for a page as a browser does: with the user's cookie; follows no redirect."""
    if user is not None:
        headers["Cookie"] = f"_token={airflow_.log_in(user)}"
    url = path if path.startswith("http") else f"http://localhost:{airflow_.port}{path}"
    try:
        answer: Any = urllib.request.build_opener(_Stay).open(urllib.request.Request(url, headers=headers), timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()


def page_of(airflow_: Airflow) -> str:
    """Return the URL, without its host, of the page of an ended execution."""
    ended(airflow_, "mixed")
    url = airflow_.api("GET", LINKS.format(dag="mixed", task="prepare"))["extra_links"]["Outputs"]
    return str(url).removeprefix(f"http://localhost:{airflow_.port}")


def test_links_lead_to_a_page_with_the_outputs(deployed: Airflow) -> None:
    page = page_of(deployed)
    assert re.fullmatch("/pipeline-translator/dags/mixed/runs/mixed-1/tasks/prepare/-1/[1-3]", page)
    found = deployed.api("GET", LINKS.format(dag="mixed", task="prepare"))["extra_links"]
    assert found["Manifest"] == f"{found['Outputs']}/manifest.json"
    status, headers, body = get(deployed, page, "viewer")
    assert status == 200
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], "script-src" in policy) == ("'none'", False)
    text = body.decode()
    assert "&lt;img src=x" in text
    assert "<img" not in text
    assert "\\u202e" in text
    hrefs = re.findall(r'href="\d/(outputs/[^"]+)"', text)
    sent = [get(deployed, f"{page}/{href}", "viewer") for href in hrefs]
    assert sorted(content.decode() for _, _, content in sent) == sorted([*ODD.values(), "0"])
    for status, headers, content in sent:
        assert status == 200
        assert headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert headers["content-type"] == "application/octet-stream"
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]
        assert headers["content-length"] == str(len(content))
    status, headers, manifest = get(deployed, f"{page}/manifest.json", "viewer")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(manifest)["node"] == "prepare"
    status, headers, _ = get(deployed, f"{page}/log.txt", "viewer")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")


def test_pages_are_for_those_who_may_see_them(deployed: Airflow) -> None:
    page = page_of(deployed)
    for path in ("", "/manifest.json", "/log.txt", "/outputs/0/m.bin"):
        assert get(deployed, page + path, "admin")[0] == 200
        assert get(deployed, page + path, "nobody")[0] == 403
        assert get(deployed, page + path, None)[0] == 401
    status, headers, _ = get(deployed, page, None, Accept="text/html")
    assert (status, headers["location"].split("?")[0]) == (307, "/auth/login")
    assert get(deployed, page, None, Cookie="_token=forged")[0] == 403


def test_no_path_leaves_the_directory_of_the_try(deployed: Airflow) -> None:
    page = page_of(deployed)
    for path in (
        f"{page}/outputs/99/m.bin",
        f"{page}/outputs/0/../../../../../run.json",
        f"{page}/..%2f..%2frun.json",
        f"{page}/started.json",
        f"{page}/manifest.json".replace("mixed-1", "..%2f.."),
        f"{page}/manifest.json".replace("mixed-1", ".."),
        page.replace("prepare", "finish"),
        page.replace("prepare", "nothing"),
        page.replace("/mixed/", "/..%2f/"),
    ):
        assert get(deployed, path, "admin")[0] == 404, path


def test_the_page_is_that_of_the_try(deployed: Airflow) -> None:
    """A run that was deleted has left its tries in the store; those of the next run of its name have other numbers."""
    ended(deployed, "failing_once")
    deployed.api("DELETE", "/api/v2/dags/failing_once/dagRuns/failing_once-1")
    deployed.trigger("failing_once", "failing_once-1", {"one does": OK})
    assert deployed.wait("failing_once", "failing_once-1") == "success"
    links = deployed.api("GET", LINKS.format(dag="failing_once", task="one"))
    found = json.loads(get(deployed, links["extra_links"]["Manifest"], "viewer")[2])
    assert found["state"] == "complete"


def test_the_page_stays_when_the_dag_changes(deployed: Airflow) -> None:
    """The pipeline gets another name, and its nodes, too: the page is that of the run as it was."""
    ended(deployed, "failing_once")
    links = deployed.api("GET", LINKS.format(dag="failing_once", task="two"))["extra_links"]
    page = links["Outputs"].replace("/two/", "/one/")
    before = json.loads(get(deployed, f"{page}/manifest.json", "viewer")[2])
    changed = pipeline(Node("three"), name="Another name")
    options = GenerateOptions(project=os.path.relpath(deployed.home / "project", deployed.dags), name="failing_once")
    (deployed.dags / "failing_once.py").write_text(airflow.generate(changed, options))
    shown = "/api/v2/dags/failing_once/details"
    wait_until(lambda: deployed.api("GET", shown)["dag_display_name"] == "Another name")
    assert b"Failing once" in get(deployed, page, "viewer")[2]
    assert json.loads(get(deployed, f"{page}/manifest.json", "viewer")[2]) == before


def test_a_misspelt_key_fails_the_run_before_its_first_step(deployed: Airflow) -> None:
    ended(deployed, "mixed")
    deployed.trigger("mixed", "mixed-2", {"stric does": [OK]})
    assert deployed.wait("mixed", "mixed-2") == "failed"
    document = deployed.record("mixed-2")
    assert document["state"] == "error"
    reason = "the pipeline has no parameter 'stric does'; did you mean 'strict does'?"
    assert {node["state"] for node in document["nodes"].values()} <= {"error", "stopped", "skipped"}
    failed = [one for node in document["nodes"].values() for one in node["executions"] if one["state"] == "error"]
    assert {(one["reason"].endswith(reason), one["tries"]) for one in failed} == {(True, 1)}
    assert not list((deployed.store / "Mixed" / "mixed-2").rglob("outputs/*"))
