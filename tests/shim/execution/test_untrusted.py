"""Test a store that somebody else has written to: reasons name the file, and nothing hangs or crashes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.shim.contract import ExecutionId, Input, InputFiles, State, Step
from translator.shim.json_values.depth import DEPTH
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.store import StoreError, open_store, try_key
from translator.shim.store.manifest import from_json, to_json


def replaced(path: Path, what: str) -> None:
    """Put something else in a file's place."""
    content = path.read_bytes()
    path.unlink()
    match what:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            beside = path.with_name("beside")
            beside.write_bytes(content)
            path.symlink_to(beside)
        case "endless":
            path.symlink_to("/dev/zero")
        case "nothing":
            path.symlink_to(path)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("pipe", "it is a named pipe, not a file"),
        ("folder", "it is a directory, not a file"),
        ("link", "it is a symbolic link, not a file"),
        ("endless", "it is a symbolic link, not a file"),
    ],
)
def test_an_artifact_that_is_not_a_file(worker, what: str, why: str) -> None:
    made = worker.run("echo x > /valohai/outputs/a")
    path = Path(worker.uri) / try_key(made.id, "outputs/a")
    replaced(path, what)
    manifest = worker.run(
        Step("s", ["cat /valohai/inputs/in/a"], inputs=[Input("in")]),
        inputs={"in": InputFiles(files=made.outputs)},
        node="use",
    )
    assert manifest.state == "error"
    assert f"the artifact {path} cannot be staged" in manifest.reason
    assert why in manifest.reason
    assert worker.output == []


def test_a_default_that_is_not_a_file(worker) -> None:
    os.mkfifo(worker.project / "pipe")
    manifest = worker.run(Step("s", ["true"], inputs=[Input("in", ["pipe"])]))
    assert manifest.reason == "input 'in': pipe cannot be fetched: it is a named pipe, not a file"
    manifest = worker.run(Step("s", ["true"], inputs=[Input("in", ["file:///dev/zero"])]))
    assert manifest.reason == "input 'in': file:///dev/zero cannot be fetched: it is a device, not a file"


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("name", ["manifest.json", "started.json"])
@pytest.mark.parametrize(
    "content", ["pipe", "folder", "endless", "nothing", b"\xff\xfe", b"[]", b"{}", b'"x"', DEEP.encode(), b"1" * 10_000,
                b'{"parameters": []}', b'{"parameters": 1}'],
    ids=lambda value: str(value)[:12],
)  # fmt: skip
def test_run_json_is_written_whatever_is_in_the_directory_of_a_try(worker, name: str, content: bytes | str) -> None:
    made = worker.run("true")
    folder = Path(worker.uri) / try_key(made.id)
    if name == "started.json":
        (folder / "manifest.json").unlink()
    if isinstance(content, str):
        replaced(folder / name, content)
    else:
        (folder / name).write_bytes(content)
    record = finish(
        worker.store,
        pipeline=made.id.pipeline,
        run=made.id.run,
        engine="e",
        nodes=[NodePlan("train", "execution")],
        started="t",
        parameters={},
        engine_states={"train": {0: EngineState(State.ERROR, made.uri)}},
    )
    assert worker.store.read_json(worker.store.key(record.uri)) == record.document
    [execution] = record.document["nodes"]["train"]["executions"]
    assert execution["state"] == "error"
    assert f"{folder / name}" in execution["reason"]


WHOLE = json.loads(
    json.dumps(
        {
            "version": 1, "pipeline": "p", "run": "r", "node": "n", "index": 0, "attempt": 1, "kind": "execution",
            "state": "complete", "begun": True, "reason": None, "exit_status": 0, "started": "t", "ended": "t",
            "image": None, "parameters": {"a": 1}, "metadata": {}, "folders": ["d"],
            "inputs": {"in": [{"path": "a", "size": 1, "sha256": "0", "uri": "u", "stamp": ""}]},
            "outputs": [{"path": "a", "size": 1, "sha256": "0", "uri": "store:p", "stamp": ""}],
        }
    )
)  # fmt: skip


def places(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        return found + [place for key, item in value.items() for place in places(item, (*at, key))]
    if isinstance(value, list):
        return found + [place for key, item in enumerate(value) for place in places(item, (*at, key))]
    return found


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("../../x"),
    st.just("/etc/passwd"), st.just("\ud800"), st.just([]), st.just({}), st.just([[1]]), st.just({"a": {}}),
    st.builds(nested, st.sampled_from([DEPTH - 5, DEPTH + 1, 5000])),
)  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(places(WHOLE)), ODD)
def test_any_value_in_a_manifest_is_accepted_or_rejected(place: tuple, odd: object) -> None:
    document = json.loads(json.dumps(WHOLE))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    try:
        manifest = from_json(document, "memory://s", "where")
    except ValueError as error:
        assert str(error).startswith(("where is not a manifest", "where is an incomplete manifest"))
        return
    json.dumps(to_json(manifest, "memory://s"))
    assert all(isinstance(file.path, str) and not file.path.startswith(("/", "..")) for file in manifest.outputs)


@pytest.mark.parametrize(
    ("name", "value"),
    [("deep", "[" * 600 + "]" * 600), ("deeper", '{"a":' * 5000 + "1" + "}" * 5000), ("long", "1" * 5000)],
)
def test_too_large_metadata_does_not_affect_outputs(worker, name: str, value: str) -> None:
    worker.script("line.txt", f'{{"{name}": {value}}}\n{{"acc": 1e999, "acc": 0.5, "s": "\\ud800", "inf": 1e999}}\n')
    manifest = worker.run("cat line.txt; echo x > /valohai/outputs/a")
    assert manifest.state == "complete", manifest.reason
    assert manifest.metadata == {"acc": 0.5, "s": "?", "inf": None}
    assert [file.path for file in manifest.outputs] == ["a"]
    assert worker.store.manifest(manifest.uri) == manifest
    assert name == "long" or "nested too deep" in worker.notes


@pytest.mark.parametrize("odd", ["x" * 300, "try-x", "try-99999999999999999999", "try-1"])
def test_odd_names_in_the_store_are_left_alone(tmp_path: Path, odd: str) -> None:
    store = open_store(str(tmp_path))
    identity = ExecutionId("p", "r", "n")
    folder = tmp_path / "p" / "r" / "n" / "0"
    folder.mkdir(parents=True)
    if len(odd) < 250:
        (folder / odd).mkdir()
    (folder / os.fsdecode(b"\xff")).mkdir()
    (folder / "file").touch()
    assert store.claim(identity).attempt == (2 if odd == "try-1" else 1)
    assert store.tries("p", "r") == {}


def test_a_record_too_large_to_read_is_reported(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "big.json").write_bytes(b" " * 1000)
    monkeypatch.setattr("translator.shim.store.files.DOCUMENT_LIMIT", 999)
    with pytest.raises(StoreError, match=r"big\.json cannot be read: it has 1000 bytes, more than 999"):
        open_store(str(tmp_path)).read_json("big.json")


def test_too_deep_outputs_are_reported_and_removed(worker) -> None:
    worker.script("dig.py", "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()")
    manifest = worker.run(f"cd /valohai/outputs; {sys.executable} {worker.project}/dig.py")
    assert manifest.state == "error"
    assert "nested too deep" in manifest.reason or "cannot be read: File name too long" in manifest.reason
    assert list((Path(worker.uri) / ".work").iterdir()) == []
