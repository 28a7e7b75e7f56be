"""Run flows in a private, ephemeral Prefect, as ``translate run`` does."""

import json
import os
import sqlite3
import subprocess

import pytest

pytest.importorskip("prefect")

from prefect.settings import PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED, temporary_settings

from prefect_plugin.embedded import private_server
from prefect_plugin.recovery import repair
from tests.prefect.support import compiled
from translator.targets import prefect as target

TEXT = """
- step:
    name: work
    image: none
    command: echo looking && test {parameter-value:n} != 1 && pwd > /valohai/outputs/where.txt
    parameters: [{name: n, type: integer, default: 1}]
- step: {name: after, image: none, command: "true"}
- pipeline:
    name: embedded
    nodes:
      - {name: work, type: task, step: work, on-error: stop-next}
      - {name: after, type: execution, step: after}
    edges:
      - [work.dependency.*, after.dependency.*]
"""


@pytest.fixture(scope="module")
def users_home(tmp_path_factory):
    """Return a home with an empty cache, which the first run fills with a database and the next one takes it from."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize(
    ("given", "status", "states"),
    [
        ({"work.n": [2, 3]}, 0, {"work": "complete", "after": "complete"}),
        ({"work.n": 1}, 1, {"work": "error", "after": "skipped"}),
        ({"work.unknown": 1}, 2, None),
    ],
)
def test_its_own_run(tmp_path, users_home, given, status, states):
    project = tmp_path / "project"
    project.mkdir()
    command = target.run_command(
        compiled(TEXT, tmp_path),
        store=str(tmp_path / "store"),
        run="mine",
        project=project,
        parameters=given,
        home=tmp_path / "private",
        jobs=16,
    )
    environment = {
        **os.environ,
        "HOME": str(users_home),
        "XDG_CACHE_HOME": "",
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        "HTTP_PROXY": "http://127.0.0.1:1",  # for what is elsewhere; the private server is here
        "ALL_PROXY": "http://127.0.0.1:1",
        "TRANSLATOR_EVENTS": str(tmp_path / "events"),
    }

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in users_home.iterdir()} <= {".cache"}, "the user's own Prefect is left alone"
    if states is None:
        assert done.stderr.startswith("error: ")
        return
    assert [path.name for path in (users_home / ".cache").iterdir()] == ["pipeline-translator"]
    cached = list((users_home / ".cache" / "pipeline-translator").glob("prefect-*"))
    assert len(cached) == 1, "the second run takes what the first has kept"
    with sqlite3.connect(tmp_path / "private" / "prefect.db") as database:
        assert database.execute("select name from task_run").fetchall() == [], "nobody looks at task runs here"
    record = json.loads((tmp_path / "store" / "embedded" / "mine" / "run.json").read_text())
    assert {name: node["state"] for name, node in record["nodes"].items()} == states
    events = [json.loads(line)["event"] for line in (tmp_path / "events").read_text().splitlines()]
    assert (events[0], events[-1]) == ("run-started", "run-ended")
    if status == 0:
        assert sorted(line for line in done.stdout.splitlines() if "[shim]" not in line) == [
            "work[n=2] | looking",
            "work[n=3] | looking",
        ]
        where = tmp_path / "store" / "embedded" / "mine" / "work" / "0" / "try-1" / "outputs" / "where.txt"
        assert where.read_text().strip().endswith("/valohai/repository")


def test_nothing_waits_for_task_runs_that_are_not_recorded(monkeypatch):
    monkeypatch.setattr(repair, "is_left_open", lambda _: pytest.fail("it would wait for this task run"))
    end = repair.TaskRunEnd("never ran", None, None)

    with temporary_settings({PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED: False}):
        repair.repair([end])


def test_a_private_server_that_ends_while_it_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "file"))
    (tmp_path / "file").touch()

    server = private_server.start.__wrapped__()

    with pytest.raises(private_server.ServerError, match="ended with exit status 1 before it answered"):
        server.wait()
