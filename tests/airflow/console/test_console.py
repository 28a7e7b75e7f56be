"""Request the page of a try as a browser does, from a file store and from an object store."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Context, ExecutionId, Step
from translator.shim.execution import execute
from translator.shim.store import open_store, uploads

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from translator.shim.contract import Manifest

pytest.importorskip("airflow.sdk")

PAGE = "/dags/dag/runs/r/tasks/train/-1/1"
WRITE = "mkdir $VH_OUTPUTS_DIR/d; echo model > $VH_OUTPUTS_DIR/d/m.bin; echo said"


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    uri = str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}"
    monkeypatch.setenv("TRANSLATOR_STORE", uri)
    return uri


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Return a client of the app with one task, without a database or users."""
    from starlette.testclient import TestClient

    from airflow_plugin.console import app

    dag = SimpleNamespace(dag_display_name="Training", has_task="train".__eq__, default_args={})
    operator = SimpleNamespace(
        dag=dag, task_id="train", task_display_name="train", task_group=None, label="train", task_type="StepOperator",
        _task_module="airflow_plugin.dataflow.step",
    )  # fmt: skip
    dag.get_task = lambda _: operator
    monkeypatch.setattr(app, "dag_of", lambda *_: dag)
    monkeypatch.setattr(app, "requires_access_dag", lambda *_: lambda: None)
    return TestClient(app.create(), raise_server_exceptions=False)


def told(monkeypatch: pytest.MonkeyPatch, uri: str | None) -> None:
    """Return Airflow's knowledge of the task instance."""
    from airflow_plugin.console import attempts

    monkeypatch.setattr(attempts, "pushed", lambda *_: uri and {"manifest": uri, "map_index": -1})
    monkeypatch.setattr(attempts, "last_try", lambda *_: 1)


def run(command: str, store: str, project: Path) -> Manifest:
    """Run the command of the task."""
    identity = ExecutionId("Training", "r", "train", 0, 1, "execution")
    return execute(Step("s", [command]), Context(identity, store, project, "airflow", lambda _: None, lambda: None))


def test_a_page_shows_what_the_store_has(
    client: TestClient, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = run(WRITE, store, tmp_path)
    assert made.state == "complete", made.reason
    told(monkeypatch, made.uri)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    (href,) = re.findall(r'href="1/(outputs/[^"]+)"', answer.text)
    output = client.get(f"{PAGE}/{href}")
    assert (output.status_code, output.content, output.headers["content-length"]) == (200, b"model\n", "6")
    assert client.get(f"{PAGE}/manifest.json").json()["state"] == "complete"
    assert client.get(f"{PAGE}/log.txt").text == "said\n"


def test_a_page_keeps_the_lines_of_a_reason(
    client: TestClient, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failed = run("echo '<one>'; echo two; exit 3", store, tmp_path)
    assert failed.reason is not None and failed.reason.endswith("<one>\ntwo")
    told(monkeypatch, failed.uri)
    assert "&lt;one&gt;<br>two</p>" in client.get(PAGE).text


def test_a_page_names_what_is_missing(client: TestClient, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = open_store(store).root
    told(monkeypatch, f"{root}/Training/r/train/0/try-1/manifest.json")
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert f"there is no {root}/Training/r/train/0/try-1/manifest.json" in answer.text
    missing = client.get(f"{PAGE}/log.txt")
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        f"there is no {root}/Training/r/train/0/try-1/log.txt",
    )
    told(monkeypatch, None)
    assert "the task has not started its command" in client.get(PAGE).text


def test_a_page_shows_what_a_running_try_has_published(
    client: TestClient, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened, identity = open_store(store), ExecutionId("Training", "r", "train")
    files = []
    for name in ("b<1>", "a"):
        (tmp_path / "file").write_text(name)
        files.append(opened.upload(identity, tmp_path / "file", name))
    told(monkeypatch, opened.uri("Training/r/train/0/try-1/manifest.json"))
    assert "This try has not ended, or left nothing." in client.get(PAGE).text
    uploads.write(opened, identity, files)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert "Outputs so far" in answer.text
    links = re.findall(r'href="1/(uploads/[^"]+)">([^<]+)<', answer.text)
    assert [(client.get(f"{PAGE}/{link}").text, text) for link, text in links] == [("a", "a"), ("b<1>", "b&lt;1&gt;")]
    outside = replace(files[0], uri=opened.uri("Training/r/other/0/try-1/outputs/x"))
    uploads.write(opened, identity, [outside])
    assert client.get(f"{PAGE}/uploads/0/x").status_code == 404
    assert client.get(f"{PAGE}/uploads/1/x").status_code == 404
    opened.write("Training/r/train/0/try-1/uploads.json", b"{")
    assert client.get(PAGE).status_code == 502


def test_a_store_that_cannot_be_opened(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATOR_STORE", "nosuch://bob:secret@host/store")
    answer = client.get(PAGE)
    assert (answer.status_code, "secret" in answer.text) == (502, False)
    assert "cannot be opened" in answer.json()["detail"]


def test_a_store_that_cannot_be_read(client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    store = f"memory://{tmp_path.name}"
    monkeypatch.setenv("TRANSLATOR_STORE", store)
    told(monkeypatch, run(WRITE, store, tmp_path).uri)

    def down(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    for name in ("open", "cat_file"):
        monkeypatch.setattr(MemoryFileSystem, name, down)
    for name in ("", "/manifest.json", "/log.txt"):
        answer = client.get(f"{PAGE}{name}")
        assert (answer.status_code, "no route to host" in answer.json()["detail"]) == (502, True)
