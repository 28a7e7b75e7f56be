"""Kill workers and fill disks at any moment, and check that the store is still right about the execution."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from translator.shim.contract import ExecutionId, Input, InputFiles, State, Step
from translator.shim.outcome.plans import NodePlan
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.store import LOG, MANIFEST, StoreError, try_key
from translator.shim.store.files import FileStore

# Prints where it is, and waits there to be killed.
WORKER = """
import os, signal, sys, time
from pathlib import Path
from translator.shim import execution, workspace
from translator.shim.store import files, log
from translator.shim.contract import Context, ExecutionId, Step

uri, project, moment = sys.argv[1:]

def there(*_):
    print("there", flush=True)
    time.sleep(600)

def before(owner, name, when=lambda *arguments, **more: True):
    real = getattr(owner, name)
    def wrapped(*arguments, **more):
        if when(*arguments, **more):
            there()
        return real(*arguments, **more)
    setattr(owner, name, wrapped)

FileStore = files.FileStore
match moment:
    case "claim":
        before(FileStore, "begin")
    case "inputs":
        before(execution, "_bring")
    case "publish":
        before(FileStore, "_seal", lambda self, identity, folder, path, pulse: path == "b")
    case "published":
        before(FileStore, "commit")
    case "manifest":  # its content is there, its name is not
        before(Path, "replace", lambda self, target: target.name == "manifest.json")
    case "log":
        before(log.Log, "_shorten")
        log.HEAD = log.TAIL = 100
    case "cleaning":
        before(workspace, "remove")
    case "committed":
        before(execution.events, "emit", lambda event, **more: event == "execution-ended")
context = Context(ExecutionId("p", "r", "n"), uri, Path(project), "prefect", lambda line: None)
lines = "seq 1000; " if moment == "log" else ""
execution.execute(Step("s", [lines + "for f in a b c; do echo $f > /valohai/outputs/$f; done; echo printed"]), context)
"""

MOMENTS = ["claim", "inputs", "log", "publish", "published", "cleaning", "manifest", "committed"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_that_is_killed_at_any_moment(worker, tmp_path: Path, moment: str) -> None:
    program = tmp_path / "worker.py"
    program.write_text(textwrap.dedent(WORKER))
    process = subprocess.Popen(
        [sys.executable, str(program), worker.uri, str(worker.project), moment], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.kill()
    process.wait()

    first = ExecutionId("p", "r", "n")
    uri = worker.store.uri(try_key(first, MANIFEST))
    record = _finished(worker, State.ERROR, uri)
    [execution] = record["nodes"]["n"]["executions"]
    if moment == "committed":  # its work is done, whatever its engine says of it
        assert worker.store.manifest(uri).state is State.COMPLETE
        assert [file["path"] for file in execution["outputs"]] == ["a", "b", "c"]
    else:
        assert (execution["state"], execution["outputs"]) == ("error", [])
        assert execution["reason"]
    assert execution["tries"] == (0 if moment == "claim" else 1)
    if moment in {"publish", "published", "cleaning", "manifest", "committed"}:
        assert (Path(worker.uri) / try_key(first, LOG)).read_text() == "printed\n"

    # The next try is one of its own, and whole.
    again = worker.run("echo 2 > /valohai/outputs/a", node="again")
    assert again.state == "complete"
    process = subprocess.run(
        [sys.executable, str(program), worker.uri, str(worker.project), "no moment"], check=True, timeout=600
    )
    second = ExecutionId("p", "r", "n", attempt=2)
    record = _finished(worker, State.COMPLETE, worker.store.uri(try_key(second, MANIFEST)))
    [execution] = record["nodes"]["n"]["executions"]
    assert (execution["state"], execution["log"]) == ("complete", "n/0/try-2/log.txt")
    assert [file["path"] for file in execution["outputs"]] == ["a", "b", "c"]
    used = worker.run(
        Step("s", ["cat /valohai/inputs/in/*"], inputs=[Input("in")]),
        inputs={"in": InputFiles(files=worker.store.manifest(worker.store.uri(try_key(second, MANIFEST))).outputs)},
        node="use",
    )
    assert used.state == "complete", used.reason
    assert worker.output == ["a", "b", "c"]


def _finished(worker, state: State, uri: str) -> dict:
    record = finish(
        worker.store,
        pipeline="p",
        run="r",
        engine="e",
        nodes=[NodePlan("n")],
        started="t",
        parameters={},
        engine_states={"n": {0: EngineState(state, uri)}},
    )
    document = json.loads((Path(worker.uri) / "p" / "r" / "run.json").read_text())
    assert document == record.document
    return document


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 300 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("when", ["before", "log", "outputs", "manifest"])
def test_a_store_whose_disk_fills_up(worker, small: Path, tmp_path: Path, monkeypatch, when: str) -> None:
    """The command is never ended by it; what is said is true, and nothing looks whole that is not."""
    worker.uri = str(small / "store")
    monkeypatch.setenv("TRANSLATOR_WORK", str(tmp_path / "work"))
    worker.script("fill.sh", f'dd if=/dev/zero of="{small}/filler" bs=4k 2>/dev/null; true\n')
    commands = {
        "before": f"echo ran > {tmp_path}/ran",
        "log": f"sh fill.sh; seq 100000; echo ran > {tmp_path}/ran",
        "outputs": f"head -c 400000 /dev/zero > /valohai/outputs/big; echo ran > {tmp_path}/ran",
        "manifest": f"echo small > /valohai/outputs/a; echo ran > {tmp_path}/ran",
    }
    if when == "before":
        (small / "filler").write_bytes(b"")
        subprocess.run(["sh", "fill.sh"], cwd=worker.project, check=True)
    if when == "manifest":
        store = type(worker.store)
        publish = store.publish

        def fill_then(self, *arguments, **more):
            found = publish(self, *arguments, **more)
            subprocess.run(["sh", "fill.sh"], cwd=worker.project, check=True)
            return found

        monkeypatch.setattr(store, "publish", fill_then)
    manifest = worker.run(commands[when])
    assert (tmp_path / "ran").exists() is (when != "before")
    if when == "before":
        assert (manifest.state, manifest.uri) == ("error", "")
        assert "No space left on device" in manifest.reason
        return
    if when == "log":
        assert "cannot write the log of this attempt to the store: No space left on device" in worker.notes
    else:
        assert "No space left on device" in (manifest.reason or "")
    if manifest.uri:
        assert worker.store.manifest(manifest.uri) == manifest
    else:
        assert manifest.outputs == []
        assert not (Path(worker.uri) / try_key(manifest.id, "outputs")).exists()
    (small / "filler").unlink(missing_ok=True)
    monkeypatch.undo()
    monkeypatch.setenv("TRANSLATOR_WORK", str(tmp_path / "work"))
    again = worker.run("echo x > /valohai/outputs/a")
    assert (again.state, again.id.attempt) == ("complete", 2)


@pytest.mark.parametrize("method", ["claim", "publish", "commit"])
def test_a_store_that_fails_is_not_the_command(worker, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """An engine may try such an execution again where the node's own rule says nothing of retries."""

    def fail(*_: object) -> None:
        raise StoreError("the store is gone")

    monkeypatch.setattr(FileStore, method, fail)
    manifest = worker.run("echo made > $VH_OUTPUTS_DIR/made")
    assert (manifest.state, manifest.infrastructure) == (State.ERROR, True)
    assert "the store is gone" in manifest.reason


def test_a_command_that_fails_is_not_the_infrastructure(worker) -> None:
    for step in ("exit 3", Step("s", ["true"], inputs=[Input("needed")]), Step("s", ["sleep 60"], time_limit=0.5)):
        manifest = worker.run(step)
        assert (manifest.state, manifest.infrastructure) == (State.ERROR, False)
