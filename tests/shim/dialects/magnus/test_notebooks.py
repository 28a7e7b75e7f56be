"""Test notebook steps: what is injected, what they publish, and the executed notebook as a file of the catalog."""

from __future__ import annotations

import importlib.util
import json

import pytest

from tests.notebooks import notebook
from tests.processes import TELL, process_in
from translator.shim.contract import Catalog, Context, ExecutionId, Pickle, Scope, State, Step
from translator.shim.controlflow import scopes
from translator.shim.execution import execute
from translator.shim.store import open_store

OUT = ["magnus_output"]


def write(path, *cells) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(cells))


@pytest.fixture
def run(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    lines: list[str] = []

    def run(dialect, *cells, scope=None, name="nb/note.ipynb", step="One step", **more):
        write(project / name, *cells)
        context = Context(ExecutionId("p", "r", "n"), str(tmp_path / "store"), project, "airflow", lines.append)
        asked = Step(step, [name], dialect=dialect, kind="notebook", **more)
        return execute(asked, context, scope=scope or Scope())

    run.lines, run.project, run.store = lines, project, str(tmp_path / "store")
    return run


def text(run, manifest) -> str:
    store = open_store(run.store)
    return store.read(store.key(manifest.outputs[0].uri)).decode()


def test_magnus_reads_what_tagged_cells_print(run) -> None:
    manifest = run(
        "magnus",
        ("x, y = 0, 0", ["parameters"]),
        ("print('x is', x, y)", []),
        ("print({'z': x + 1, 'l': [1, None]})", OUT),
        ("from magnus import set_parameter; set_parameter(w=2)", []),
        ("x", OUT),
        scope=scopes.initial("magnus", {"x": 41, "Y": {"a": "b"}}, {}),
    )
    assert manifest.state is State.COMPLETE, manifest.reason
    assert manifest.scope.written == {"y": {"a": "b"}, "z": 42, "l": [1, None], "w": 2}
    assert "x is 41 {'a': 'b'}" in run.lines
    assert list(manifest.scope.put) == ["nb/note_out.ipynb"]
    cells = json.loads(text(run, manifest))["cells"]
    assert cells[1]["source"] == ["# Injected parameters\n", "x = 41\n", 'y = {"a": "b"}\n']
    assert cells[2]["outputs"][0]["text"] == ["x is 41 {'a': 'b'}\n"]
    assert not (run.project / "nb" / "note_out.ipynb").exists()


def test_the_same_notebook_gives_the_same_bytes(run) -> None:
    first, second = (run("magnus", ("a = 1", []), scope=Scope(inherited={"x": 1})) for _ in range(2))
    assert first.outputs[0].sha256 == second.outputs[0].sha256


def test_runnable_reads_variables(run) -> None:
    manifest = run(
        "runnable",
        ("a = x + 1; b = {1, 2}; m = 0.5; open('count', 'a').write('.')", []),
        ("import os; c = os.environ['TURN']", []),
        scope=Scope(inherited={"x": 1, "o": Pickle.at("o.dill")}, loops={"TURN": 3}, items={"x": 5}),
        returns={"a": "json", "b": "object", "m": "metric", "c": "json"},
        catalog=Catalog(put=["count"]),
    )
    assert manifest.state is State.COMPLETE, manifest.reason
    assert manifest.scope.written == {"a": 6, "b": {"$object": "b.dill"}, "m": 0.5, "c": "3"}
    assert isinstance(manifest.scope.written["b"], Pickle)
    assert manifest.metadata == {"m": 0.5}
    assert sorted(manifest.scope.put) == ["b.dill", "count", "nb/note-x5Onestep_out.ipynb"]
    # Runnable itself executes it twice.
    assert manifest.scope.put["count"].size == 1


@pytest.mark.parametrize(
    ("dialect", "cell", "more", "reason"),
    [
        ("magnus", ("print({'a': {1}})", OUT), {}, "set is not JSON serializable"),
        ("runnable", ("import sys; sys.exit(0)", []), {}, "sys.exit(0)"),
        ("runnable", ("a = 1", []), {"returns": {"b": "json"}}, "lacks variables that its step returns: b"),
    ],
)
def test_what_fails(run, dialect, cell, more, reason) -> None:
    manifest = run(dialect, cell, **more)
    assert (manifest.state, manifest.scope.written) == (State.ERROR, {})
    assert reason in manifest.reason
    assert bool(manifest.outputs) == ("variables" in reason), "runnable has put it before it looks for variables"


def test_names_of_executed_notebooks(run) -> None:
    items = Scope(items={"i": 1, "j": "b"})
    assert list(run("magnus", ("1", []), scope=items).scope.put) == ["nb/note_out.ipynb_1_b"]
    chosen = run("magnus", ("1", []), options={"notebook_output_path": "done.ipynb"}, name="a.b.ipynb")
    assert list(chosen.scope.put) == ["done.ipynb"]
    assert list(run("magnus", ("1", []), name="./a.b.ipynb").scope.put) == ["ab_out.ipynb"]
    tagged = run("magnus", ("print({'a': 1})", ["mine"]), options={"output_cell_tag": "mine"})
    assert tagged.scope.written == {"a": 1}


def test_secrets_are_not_in_the_notebook(run, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", 'hunter"2\nhunter3')
    declared = run("runnable", ("import os; print(os.environ['TOKEN']); os.environ['TOKEN']", []), secrets=["TOKEN"])
    asked = run("magnus", ("from magnus import get_secret; get_secret('TOKEN')", []))
    for manifest in (declared, asked):
        assert manifest.state is State.COMPLETE, manifest.reason
        kept = text(run, manifest)
        assert "***" in kept
        assert "hunter" not in kept
    assert "hunter" not in "".join(run.lines)


def test_a_missing_engine_or_notebook_is_reported(run, monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ploomber_engine" else found(name))
    manifest = run("magnus", ("1", []))
    assert manifest.state is State.ERROR
    assert "pip install 'pipeline-translator[notebooks]'" in manifest.reason
    context = Context(ExecutionId("p", "r", "m"), run.store, run.project, "airflow", str)
    gone = execute(Step("s", ["no.ipynb"], dialect="magnus", kind="notebook"), context, scope=Scope())
    assert gone.reason == "the notebook 'no.ipynb' is not in the project"


def test_stopping_a_notebook_ends_its_processes(tmp_path) -> None:
    project, asleep = tmp_path / "project", tmp_path / "asleep"
    sleeps = f"{TELL} > {asleep}.new && mv {asleep}.new {asleep}; exec sleep 600"
    cell = f"import subprocess\nsubprocess.run(['sh', '-c', {sleeps!r}])"
    write(project / "a.ipynb", (cell, []))
    context = Context(
        ExecutionId("p", "r", "n"),
        str(tmp_path / "store"),
        project,
        "airflow",
        str,
        should_stop=lambda: "enough" if asleep.exists() else None,
    )
    scope = Scope(inherited={"x": 1})
    manifest = execute(Step("s", ["a.ipynb"], dialect="magnus", kind="notebook"), context, scope=scope)
    assert (manifest.state, manifest.reason, manifest.scope) == (State.STOPPED, "enough", scope)
    assert process_in(asleep) is None
    assert not list(tmp_path.rglob("secrets-*"))
