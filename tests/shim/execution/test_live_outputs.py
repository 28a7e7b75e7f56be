"""Test what is published while a command runs: the files that it makes read-only in its outputs directory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from translator.history import files as history_files
from translator.history import runs as history_runs
from translator.history.records import executions
from translator.shim.contract import Input, State, Step
from translator.shim.execution import live_outputs
from translator.shim.outcome.traces import EngineState, read
from translator.shim.process import supervise
from translator.shim.store import StoreError, open_store, try_key, uploads
from translator.shim.store.files import FileStore
from translator.shim.workspace import read_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shim.conftest import Worker
    from translator.shim.contract import Manifest

MEMORY = Path("/dev/shm")
# Functions of a shell: ``gone FILE`` waits until a file was taken.
GONE = 'gone() { while [ -e "$1" ]; do sleep 0.02; done; }; cd $VH_OUTPUTS_DIR\n'


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "ASK_EVERY", 0.05)
    monkeypatch.setattr(live_outputs, "EVERY", 0.05)
    monkeypatch.setattr(live_outputs, "_SHARE", 0)


@pytest.fixture(params=["folder", "elsewhere", "memory", "s3"])
def any_store(
    request: pytest.FixtureRequest, worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """Use each kind of store in turn; ``elsewhere`` is a directory on another file system than the workspace."""
    if request.param == "elsewhere":
        if not MEMORY.is_dir():
            pytest.skip("this system has no file system in memory")
        with TemporaryDirectory(dir=MEMORY) as folder:
            monkeypatch.setenv("TRANSLATOR_WORK", folder)
            yield "elsewhere"
        return
    if request.param != "folder":
        address = f"memory://{tmp_path.name}" if request.param == "memory" else request.getfixturevalue("s3")
        worker.uri = f"{address}/{tmp_path.name}"
    yield str(request.param)


def contents(worker: Worker, manifest: Manifest) -> dict[str, str]:
    """Return the outputs by path, and check them against their digests."""
    found = {}
    for number, file in enumerate(manifest.outputs):
        target = worker.project.parent / f"brought-{number}"
        target.unlink(missing_ok=True)
        worker.store.bring(file, target)
        assert hashlib.sha256(target.read_bytes()).hexdigest() == file.sha256
        found[file.path] = target.read_text()
    return found


def stored(worker: Worker, manifest: Manifest) -> list[str]:
    """Return what is in the outputs of an attempt in a store that is a directory."""
    folder = Path(worker.uri) / try_key(manifest.id, "outputs")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("any_store")
def test_a_read_only_file_is_published_while_the_command_runs(worker: Worker) -> None:
    seen: list[str] = []

    def line(text: str) -> None:
        if "uploaded" in text:
            folder = try_key(worker.context().id)
            seen.extend(file.path for file in uploads.read(worker.store, folder))

    worker.on_line = line
    manifest = worker.run(
        f"{GONE}echo hello > greeting.txt; mkdir deep; echo w > deep/weights; echo bye > farewell.txt\n"
        "chmod 0444 greeting.txt; gone greeting.txt; chmod a-w deep/weights; gone deep/weights\n"
        "sleep 0.3; ls > left"
    )
    assert manifest.state == "complete", worker.told
    expected = {"deep/weights": "w\n", "farewell.txt": "bye\n", "greeting.txt": "hello\n"}
    assert contents(worker, manifest) == {**expected, "left": "deep\nfarewell.txt\nleft\n"}
    assert manifest.folders == ()
    uri = next(file.uri for file in manifest.outputs if file.path == "greeting.txt")
    assert f"[shim] uploaded 'greeting.txt' (6 B): {uri}" in worker.log
    assert {"greeting.txt", "deep/weights"} <= set(seen) | {
        file.path for file in uploads.read(worker.store, try_key(manifest.id))
    }
    assert contents(worker, worker.manifests()[0]) == contents(worker, manifest)


@pytest.mark.usefixtures("any_store")
def test_a_name_can_be_used_again(worker: Worker) -> None:
    """The vendor's own example; there it makes three files of one name."""
    manifest = worker.run(
        f"{GONE}for word in hello mello; do echo $word >> g; chmod 0444 g; gone g; done; sleep 0.3; echo bello >> g"
    )
    assert contents(worker, manifest) == {"g": "bello\n"}
    assert len(uploads.read(worker.store, try_key(manifest.id))) == 1
    assert "uploaded 'g' (6 B) again; it replaces the one before" in worker.notes


def test_an_unchanged_file_is_not_published_twice(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.uri = "memory://unchanged"
    written: list[str] = []
    real = type(worker.store).upload
    monkeypatch.setattr(type(worker.store), "upload", lambda *args: written.append(args[3]) or real(*args))
    manifest = worker.run(f"{GONE}echo a > a; chmod 0444 a; gone a; echo a > a; echo b > b")
    assert contents(worker, manifest) == {"a": "a\n", "b": "b\n"}
    assert written == ["a", "b"]


def test_short_commands_are_not_watched(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "ASK_EVERY", 60.0)
    threads: set[str] = set()
    worker.on_line = lambda _: threads.update(thread.name for thread in threading.enumerate())
    manifest = worker.run("echo a > $VH_OUTPUTS_DIR/a; chmod 0444 $VH_OUTPUTS_DIR/a; echo done")
    assert contents(worker, manifest) == {"a": "a\n"}
    assert threads
    assert "live-outputs" not in threads
    assert not (Path(worker.uri) / try_key(manifest.id, "uploads.json")).exists()


def test_nothing_is_taken_when_the_command_has_ended(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runner may change the files then: give them to another user, or fetch them from another machine."""
    monkeypatch.setattr(live_outputs, "_FRESH", -1.0)
    manifest = worker.run(f"{GONE}echo a > a; chmod 0444 a; sleep 0.4; ls")
    assert worker.output == ["a"]
    assert contents(worker, manifest) == {"a": "a\n"}
    assert "uploaded" not in worker.notes


PROGRAM = """
import sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Step
from translator.shim.execution import execute, live_outputs
identity = ExecutionId("Training Pipeline", "manual__2026-11-21T08:00:00+00:00", "train")
context = Context(identity, sys.argv[1], Path(sys.argv[2]), "prefect", lambda line: None)
execute(Step("train", [sys.argv[3]]), context)
"""


def test_a_killed_worker_loses_no_checkpoint(worker: Worker, tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text(PROGRAM)
    command = f"{GONE}for n in 1 2; do echo $n > model-$n; chmod 0444 model-$n; gone model-$n; done; sleep 300"
    process = subprocess.Popen([sys.executable, str(program), worker.uri, str(worker.project), command])
    folder = try_key(worker.context().id)
    deadline = time.monotonic() + 120
    while len(uploads.read(worker.store, folder)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (Path(worker.uri) / folder / "outputs" / "model-2").read_text() == "2\n"
    # The commands that read past runs list and copy them,
    run = history_runs.find(worker.store, "latest")
    (execution,) = executions(run.record)
    assert [file["path"] for file in execution.entry["outputs"]] == ["model-1", "model-2"]
    assert history_files.copy(worker.store, run, execution, tmp_path / "copies") == 2
    assert (tmp_path / "copies" / "model-1").read_text() == "1\n"
    # and so does the record of the run.
    identity = worker.context().id
    state = EngineState(State.ERROR, worker.store.uri(f"{folder}/manifest.json"))
    traces = read(worker.store, identity.pipeline, identity.run, {"train": {0: state}})
    outputs = traces["train"][0].document()["outputs"]
    assert [(file["path"], file["size"]) for file in outputs] == [("model-1", 2), ("model-2", 2)]


@pytest.mark.usefixtures("any_store")
def test_a_failed_upload_is_repeated(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(worker.store)
    real, failures = kind.upload, iter(range(2))

    def upload(self, *args):
        if next(failures, None) is not None:
            raise StoreError(f"the store {self.root} cannot be written: {os.strerror(errno.ENOSPC)}")
        return real(self, *args)

    monkeypatch.setattr(kind, "upload", upload)
    monkeypatch.setattr(live_outputs, "_FIRST_RETRY", 0.1)
    worker.should_stop = lambda: "uploaded" if "uploaded 'a' (2 B): " in worker.notes else None
    manifest = worker.run(f"{GONE}echo a > a; chmod 0444 a; sleep 300")
    assert manifest.reason == "uploaded"
    assert contents(worker, manifest) == {"a": "a\n"}
    assert worker.notes.count("warning: 'a' is not uploaded: the store ") == 2


@pytest.mark.usefixtures("any_store")
def test_what_could_not_be_uploaded_is_published_at_the_end(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(worker.store)
    real, failures = kind.upload, iter(range(1))

    def upload(self, *args):
        if next(failures, None) is not None:
            raise StoreError("out of order")
        return real(self, *args)

    monkeypatch.setattr(kind, "upload", upload)
    manifest = worker.run(f"{GONE}echo a > a; echo b > b; chmod 0444 a; gone a")
    assert contents(worker, manifest) == {"a": "a\n", "b": "b\n"}
    assert "[shim] uploaded" not in worker.notes


def test_uploads_stay_if_the_rest_cannot_be_published(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FileStore.upload

    def upload(self, identity, source, path, *args):
        if path == "c":
            raise StoreError("the store is full")
        return real(self, identity, source, path, *args)

    monkeypatch.setattr(FileStore, "upload", upload)
    manifest = worker.run(f"{GONE}for f in a b c; do echo $f > $f; done; chmod 0444 a; gone a; sleep 0.2")
    assert (manifest.state, manifest.reason) == ("error", "the store is full")
    assert contents(worker, manifest) == {"a": "a\n"}
    assert stored(worker, manifest) == ["a"]
    assert manifest.infrastructure


def test_uploads_stay_if_the_manifest_does_not_fit(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refused = FileStore.write, []

    def write(self, key: str, content: bytes, *, lasting: bool = True) -> None:
        if key.endswith("manifest.json") and not refused:
            refused.append(key)
            raise StoreError("the store is full")
        real(self, key, content, lasting=lasting)

    monkeypatch.setattr(FileStore, "write", write)
    manifest = worker.run(f"{GONE}echo a > a; echo b > b; chmod 0444 a; gone a; sleep 0.2")
    assert (manifest.state, manifest.reason) == ("error", "the store is full")
    assert contents(worker, manifest) == {"a": "a\n"}
    assert stored(worker, manifest) == ["a"]
    assert worker.manifests() == [manifest]


@pytest.mark.usefixtures("any_store")
def test_a_stopped_command_keeps_what_it_uploaded(worker: Worker) -> None:
    worker.should_stop = lambda: "enough" if "ready" in worker.log else None
    manifest = worker.run(f"{GONE}echo a > a; chmod 0444 a; gone a; echo b > b; sleep 0.3; echo ready; sleep 300")
    assert (manifest.state, manifest.reason) == ("stopped", "enough")
    assert contents(worker, manifest) == {"a": "a\n", "b": "b\n"}


def test_an_interrupted_worker_keeps_what_was_uploaded(worker: Worker) -> None:
    def interrupt(line: str) -> None:
        if line == "ready":
            raise KeyboardInterrupt

    # The log must not swallow it, as it does for exceptions.
    worker.on_line = interrupt
    with pytest.raises(KeyboardInterrupt):
        worker.run(f"{GONE}echo a > a; chmod 0444 a; gone a; sleep 0.3; echo ready; sleep 300")
    (manifest,) = worker.manifests()
    assert manifest.state == "stopped"
    assert contents(worker, manifest) == {"a": "a\n"}


def test_files_that_stay_until_the_end(worker: Worker) -> None:
    (worker.project / "data.csv").write_text("1,2\n")
    (worker.project / "same-size").write_text("3,4\n")
    commands = [
        f"{GONE}echo l > linked; ln linked link; ln -s linked soft; mkfifo -m 0444 pipe; echo '{{}}' > m.metadata.json",
        "echo m > m; cp $VH_INPUTS_DIR/data/data.csv copy; cp $VH_REPOSITORY_DIR/same-size .; chmod 0444 *",
        "gone m; gone same-size; sleep 0.3; ls",
    ]
    manifest = worker.run(Step("s", commands, inputs=[Input("data", ["data.csv"])]))
    assert worker.output == ["copy", "link", "linked", "m.metadata.json", "pipe", "soft"]
    assert manifest.state == "complete", manifest.reason
    assert sorted(contents(worker, manifest)) == [
        "copy", "link", "linked", "m", "m.metadata.json", "same-size", "soft",
    ]  # fmt: skip


@pytest.mark.parametrize("tells", [True, False], ids=["leases", "without leases"])
@pytest.mark.usefixtures("any_store")
def test_a_file_that_is_read_only_before_it_is_complete(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, *, tells: bool
) -> None:
    """A process writes into it for longer than it takes to look twice."""
    if not tells:
        monkeypatch.setattr(read_only, "is_written", lambda _: None)
    manifest = worker.run(
        f"{GONE}exec 3> slow; chmod 0444 slow; for n in 1 2 3 4 5 6; do echo $n >&3; sleep 0.1; done\n"
        "sleep 0.5; echo last >&3; exec 3>&-; gone slow; sleep 0.2"
    )
    assert manifest.state == "complete", worker.told
    assert contents(worker, manifest) == {"slow": "1\n2\n3\n4\n5\n6\nlast\n"}


def test_many_files(worker: Worker) -> None:
    manifest = worker.run(
        f"{GONE}mkdir d; for n in $(seq 3000); do echo $n > d/$n; done; chmod 0444 d/*; gone d/999; echo x > x"
    )
    assert manifest.state == "complete", worker.told
    assert len(contents(worker, manifest)) == 3001
    assert (
        sum("uploaded '" in line for line in worker.log) <= 10 * sum("more files" in line for line in worker.log) + 10
    )


@pytest.mark.usefixtures("any_store")
def test_a_path_is_either_a_file_or_a_directory(worker: Worker) -> None:
    manifest = worker.run(
        f"{GONE}echo a > a; chmod 0444 a; gone a; sleep 0.2; mkdir a; echo b > a/b; chmod 0444 a/b; sleep 0.3"
    )
    assert manifest.state == "error"
    assert "the output 'a/b' cannot be published beside 'a', which was published while the command ran" in str(
        manifest.reason
    )
    assert contents(worker, manifest) == {"a": "a\n"}


def test_what_leads_out_of_the_outputs_is_not_taken(worker: Worker, tmp_path: Path) -> None:
    """The command replaces a directory by a link to one of the worker's."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (secret / "key").chmod(0o444)
    manifest = worker.run(
        f"{GONE}for n in $(seq 200); do mkdir d; echo > d/key; chmod 0444 d/key; mv d e; ln -s {secret} d\n"
        "rm -rf e d; done"
    )
    assert (secret / "key").read_text() == "secret"
    assert all(file.size == 1 for file in manifest.outputs)


def test_names_with_secrets_and_odd_names(worker: Worker) -> None:
    step = Step(
        "s",
        [
            f"{GONE}echo a > model-$API_TOKEN; chmod 0444 model*; gone model-$API_TOKEN; sleep 0.2",
            "printf x > \"$(printf 'bad\\377')\"; printf x > 'new\nline'; chmod 0444 bad* new*",
            "gone 'new\nline'; rm bad*",
        ],
        environment={"API_TOKEN": "hunter2-hunter2"},
    )
    manifest = worker.run(step)
    assert manifest.state == "complete", manifest.reason
    assert "uploaded 'model-***' (2 B)" in worker.notes
    assert "hunter2" not in "\n".join(worker.log)
    listed = json.loads((Path(worker.uri) / try_key(manifest.id, "uploads.json")).read_text())["outputs"]
    assert [file.get("shown") for file in listed if file["path"].startswith("model")] == ["model-***"]
    assert {file.path for file in manifest.outputs} == {"model-hunter2-hunter2", "new\nline"}


def test_properties_of_an_uploaded_file_are_kept(worker: Worker) -> None:
    manifest = worker.run(
        f'{GONE}echo a > a; chmod 0444 a; gone a; echo \'{{"valohai.tags": ["x"]}}\' > a.metadata.json'
    )
    assert {file.path: file.properties for file in manifest.outputs}["a"] == {"valohai.tags": ["x"]}


@pytest.mark.parametrize(
    "document", ["[]", "{", '{"outputs": [{"path": "../x"}]}', '{"outputs": 3}', '{"outputs": [3]}']
)
def test_a_damaged_list(worker: Worker, document: str) -> None:
    worker.store.write("r/uploads.json", document.encode())
    with pytest.raises(StoreError, match=r"uploads\.json is not"):
        uploads.read(open_store(worker.uri), "r")
