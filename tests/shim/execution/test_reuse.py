"""Test which executions have the results of an earlier one with the same key, and which run."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Input, InputFiles, Manifest, Parameter, Resources, Runner, State, Step
from translator.shim.execution import execute
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState
from translator.shim.reuse import index
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.shim.conftest import Worker
    from translator.shim.contract import Context, Value

COUNT = 'echo run >> "$COUNTER"; echo x > "$VH_OUTPUTS_DIR/x"; echo \'{"loss": 0.5}\''


@pytest.fixture
def step(worker: Worker) -> Step:
    """Return a step that counts how often it runs."""
    worker.script("train.py", "import json\n")
    counter = worker.project.parent / "counter"
    return Step("train", [COUNT], parameters=[Parameter("rate", "float", 0.1)], environment={"COUNTER": str(counter)})


def times(worker: Worker) -> int:
    counter = worker.project.parent / "counter"
    return len(counter.read_text().split()) if counter.exists() else 0


def run(
    worker: Worker,
    step: Step,
    name: str,
    *,
    reuse: bool = True,
    attempt: int = 1,
    node: str = "train",
    index: int = 0,
    kind: str = "execution",
    parameters: Mapping[str, Value] | None = None,
    inputs: Mapping[str, InputFiles] | None = None,
    variables: Mapping[str, object] | None = None,
    change: Callable[[Context], Context] = lambda context: context,
) -> Manifest:
    context = worker.context(node, index, attempt, kind)
    context = change(replace(context, id=replace(context.id, run=name), reuse=reuse))
    return execute(step, context, parameters=parameters or {}, inputs=inputs or {}, variables=variables or {})


def test_the_results_are_linked_not_copied(worker: Worker, step: Step) -> None:
    first = run(worker, step, "first", reuse=False)
    reused = run(worker, step, "second")
    assert times(worker) == 1
    assert (reused.state, reused.exit_status, reused.reused) == ("complete", 0, first.uri)
    assert (reused.outputs, reused.metadata) == (first.outputs, first.metadata)
    assert "reused from run first: try 1" in worker.notes
    assert worker.store.manifest(reused.uri) == reused
    # A third execution has those of the first, too, even if the second is deleted.
    assert run(worker, step, "third").reused == first.uri


@pytest.mark.parametrize("claims_reused", [True, False])
def test_an_engine_learns_of_each_manifest_but_of_reused_ones_only_if_it_wants(
    worker: Worker, step: Step, claims_reused: bool
) -> None:
    told: list[str] = []

    def change(context: Context) -> Context:
        return replace(context, claimed=told.append, claims_reused=claims_reused)

    def named(manifest: Manifest) -> list[str]:
        before = told.copy()
        told.clear()
        assert set(before) <= {manifest.uri}
        return before

    first = run(worker, step, "first", change=change)
    assert (named(first), first.reused) == ([first.uri], "")
    second = run(worker, step, "second", change=change)
    assert (named(second), second.reused) == ([second.uri] if claims_reused else [], first.uri)
    failed = run(worker, replace(step, commit="0" * 40), "third", change=change)
    assert (named(failed), failed.state) == ([failed.uri], "error")
    # Without reuse, even before the project is looked at.
    without = run(worker, step, "fourth", reuse=False, change=change)
    assert (named(without), without.reused) == ([without.uri], "")

    def stopped(context: Context) -> Context:
        return replace(change(context), should_stop=lambda: "the run is stopped")

    ended = run(worker, step, "fifth", change=stopped)
    assert (named(ended), ended.state) == ([ended.uri], "stopped")

    def cancelled() -> str | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(worker, step, "sixth", change=lambda context: replace(change(context), should_stop=cancelled))
    assert len(told) == 1


def test_without_reuse_it_runs(worker: Worker, step: Step) -> None:
    for name in ("first", "second"):
        run(worker, step, name, reuse=False)
    assert times(worker) == 2


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_the_place_and_the_engine_do_not_count(worker: Worker, step: Step, engine: str) -> None:
    first = run(worker, step, "first", node="train", index=3, kind="task")

    def elsewhere(context: Context) -> Context:
        return replace(context, engine=engine, id=replace(context.id, pipeline="Other"))  # type: ignore[arg-type]

    reused = run(worker, replace(step, name="fit", source="other.yaml:7"), "second", node="fit", change=elsewhere)
    assert (times(worker), reused.reused) == (1, first.uri)
    assert "reused from run first of the pipeline 'Training Pipeline': train[3], try 1" in worker.notes


CHANGES: dict[str, Callable[[Step], Step]] = {
    "command": lambda step: replace(step, command=[f"{COUNT}; true"]),
    "image": lambda step: replace(step, image="other:1"),
    "runner": lambda step: replace(step, runner=Runner("process", {"namespace": "never"})),
    "variable": lambda step: replace(step, environment={**step.environment, "MODE": "fast"}),
    "format": lambda step: replace(step, parameters=[Parameter("rate", "float", 0.1, pass_as="-r {v}")]),  # noqa: S106 - not a password
    "time limit": lambda step: replace(step, time_limit=1000),
    "stop condition": lambda step: replace(step, stop_condition="loss < 0"),
    "resources": lambda step: replace(step, resources=Resources(cpu=1000)),
    "environment": lambda step: replace(step, requested_environment="big"),
}


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ("command", 2),
        ("image", 2),
        ("runner", 1),
        ("variable", 2),
        ("format", 2),
        ("time limit", 1),
        ("environment", 1),
    ],
)
def test_what_counts_of_a_step(worker: Worker, step: Step, change: str, count: int) -> None:
    run(worker, step, "first")
    run(worker, CHANGES[change](step), "second")
    assert times(worker) == count


@pytest.mark.parametrize(("before", "now", "count"), [(0.1, 0.1, 1), (0.1, 0.2, 2), (1.0, 1, 2)])
def test_parameters(worker: Worker, step: Step, before: Value, now: Value, count: int) -> None:
    run(worker, step, "first", parameters={"rate": before})
    run(worker, step, "second", parameters={"rate": now})
    assert times(worker) == count


def files(worker: Worker, content: str, name: str = "a") -> dict[str, InputFiles]:
    """Return an input with a file of an upstream execution, which has its own place each time."""
    context = worker.context("make")
    made = execute(Step("make", [f"printf %s '{content}' > $VH_OUTPUTS_DIR/{name}"]), context)
    return {"data": InputFiles(files=list(made.outputs))}


@pytest.mark.parametrize(
    ("content", "name", "changed", "count"),
    [
        ("x", "a", {}, 1),
        ("y", "a", {}, 2),
        ("x", "b", {}, 2),
        ("x", "a", {"keep_directories": "full"}, 1),
        ("x", "a", {"filename": "other"}, 2),
    ],
)
def test_inputs_count_by_content_and_path(
    worker: Worker, step: Step, content: str, name: str, changed: Mapping[str, str], count: int
) -> None:
    run(worker, replace(step, inputs=[Input("data")]), "first", inputs=files(worker, "x"))
    second = replace(step, inputs=[Input("data", **changed)])  # type: ignore[arg-type]
    reused = run(worker, second, "second", inputs=files(worker, content, name))
    assert times(worker) == count
    assert [file.path for file in reused.inputs["data"]] == [changed.get("filename", name)]


def test_a_file_counts_the_same_from_an_edge_and_from_the_project(worker: Worker, step: Step) -> None:
    """Nextflow's users miss this: its key has the paths of the files, not their contents."""
    worker.script("a", "x")
    run(worker, replace(step, inputs=[Input("data", default=["a"])]), "first")
    run(worker, replace(step, inputs=[Input("data")]), "second", inputs=files(worker, "x"))
    assert times(worker) == 1


def test_the_order_of_files_does_not_count(worker: Worker, step: Step) -> None:
    one, other = files(worker, "x")["data"], files(worker, "y", "b")["data"]
    reading = replace(step, inputs=[Input("data", keep_directories="full")])
    run(worker, reading, "first", inputs={"data": InputFiles(files=[*one.files, *other.files])})
    run(worker, reading, "second", inputs={"data": InputFiles(files=[*other.files, *one.files])})
    assert times(worker) == 1


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("train.py", 2),
        ("lib/new.py", 2),
        ("train/__pycache__/train.cpython-311.pyc", 1),
        (".git/HEAD", 1),
        ("valohai.yaml", 1),
        ("translator.toml", 1),
        ("artifacts/.reuse/x", 2),
        (f"artifacts/.reuse/executions/ab/ab{'0' * 62}/x.json", 1),
        (f"artifacts/.reuse/executions/cd/ab{'0' * 62}/x.json", 2),
    ],
)
def test_the_code_counts(worker: Worker, step: Step, name: str, count: int) -> None:
    placed = replace(step, source="valohai.yaml:3")
    run(worker, placed, "first")
    worker.script(name, "other\n")
    run(worker, placed, "second")
    assert times(worker) == count


GENERATED = """\
# Generated by pipeline-translator from valohai.yaml: x
# Edit that file, not this one.
from airflow_plugin import run
"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (GENERATED, 1),
        (GENERATED.replace("airflow", "prefect").replace("that file", "that file or translator.toml"), 1),
        ("# Generated by pipeline-translator\nRATE = 0.1\n", 2),
        (GENERATED.replace("airflow_plugin", "mylib"), 2),
        ("# Generated by hand\n", 2),
    ],
)
def test_generated_files_are_not_code(worker: Worker, step: Step, text: str, count: int) -> None:
    run(worker, step, "first")
    worker.script("dag.py", text)
    run(worker, step, "second")
    assert times(worker) == count


def test_files_with_secrets_count(worker: Worker, step: Step) -> None:
    """Commands read them, but the store has no digest that is fast to compute."""
    counts = []
    for content in ("PIN=1234\n", "PIN=4321\n", "PIN=1234\n"):
        worker.script(".env", content)
        run(worker, step, f"run-{len(counts)}")
        counts.append(times(worker))
    assert counts == [1, 2, 2]
    written = "".join(path.read_text(errors="replace") for path in (worker.project.parent / "store").rglob("*.json"))
    assert '".env": "secret ' in written
    assert hashlib.sha256(b"PIN=1234\n").hexdigest() not in written


def test_a_file_that_changes_within_a_tick_of_the_clock(worker: Worker, step: Step) -> None:
    """Its size and time may stay the same, so a cached digest would be wrong."""
    for number in range(5):
        worker.script("train.py", f"import json  # {number}\n")
        run(worker, step, f"run-{number}")
    assert times(worker) == 5


def test_an_executable_bit_counts(worker: Worker, step: Step) -> None:
    run(worker, step, "first")
    (worker.project / "train.py").chmod(0o755)
    run(worker, step, "second")
    assert times(worker) == 2


def test_a_link_to_a_directory_elsewhere(worker: Worker, step: Step) -> None:
    (worker.project / "data").symlink_to(worker.project.parent)
    for name in ("first", "second"):
        run(worker, step, name)
    assert times(worker) == 2
    assert "no results can be reused: the project's link 'data' leads to a directory outside" in worker.notes


def test_code_that_changes_while_it_is_copied(worker: Worker, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    from translator.shim.runners.process import repository

    make = repository.make

    def slow(*arguments: object) -> object:
        worker.script("train.py", "import sys\n")
        return make(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "make", slow)
    manifest = run(worker, step, "first")
    assert manifest.key is not None
    assert manifest.key.unknown == "the project changed while it was copied"
    monkeypatch.undo()
    run(worker, step, "second")
    assert times(worker) == 2


def test_failed_and_stopped_executions_are_not_reused(worker: Worker, step: Step) -> None:
    failing = replace(step, command=[f"{COUNT}; test -e {worker.project.parent}/fixed"])
    assert run(worker, failing, "first").state == "error"
    (worker.project.parent / "fixed").touch()
    assert run(worker, failing, "second").reused == ""
    assert run(worker, failing, "third").reused
    assert times(worker) == 2


@pytest.mark.parametrize("text", [None, b"", b"y\n", b"longer"])
def test_outputs_that_were_deleted_or_changed(worker: Worker, step: Step, text: bytes | None) -> None:
    first = run(worker, step, "first")
    key = worker.store.key(first.outputs[0].uri)
    if text is None:
        worker.store.remove(key)
    else:
        worker.store.write(key, text)
    second = run(worker, step, "second")
    assert (times(worker), second.reused) == (2, "")
    assert "run first: try 1 is not reused: its output 'x' was deleted or changed" in worker.notes
    assert run(worker, step, "third").reused == second.uri


def test_a_copy_of_a_store_is_as_good(worker: Worker, step: Step, tmp_path: Path) -> None:
    import shutil

    run(worker, step, "first")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    worker.uri = str(tmp_path / "copy")
    assert run(worker, step, "second").reused.startswith(open_store(worker.uri).root)
    assert times(worker) == 1


def test_an_execution_that_was_marked_as_failed(worker: Worker, step: Step) -> None:
    first = run(worker, step, "first")

    def record(state: State) -> None:
        finish(
            worker.store,
            pipeline="Training Pipeline",
            run="first",
            engine="airflow",
            started="2026-11-29T00:00:00+00:00",
            parameters={},
            engine_states={"train": {0: EngineState(state, first.uri)}},
        )

    record(State.ERROR)
    assert run(worker, step, "second").reused == ""
    # The mark is taken away again.
    record(State.COMPLETE)
    assert run(worker, step, "third").reused in {first.uri}.union(
        {one.uri for one in index.find(worker.store, first.key.digest)} if first.key else set()
    )
    assert times(worker) == 2


def test_marking_a_reused_execution_rejects_the_original(worker: Worker, step: Step) -> None:
    run(worker, step, "first")
    second = run(worker, step, "second")
    finish(
        worker.store,
        pipeline="Training Pipeline",
        run="second",
        engine="airflow",
        started="2026-11-29T00:00:00+00:00",
        parameters={},
        engine_states={"train": {0: EngineState(State.ERROR, second.uri)}},
    )
    assert run(worker, step, "third").reused == ""


def test_a_cleared_execution_runs_again(worker: Worker, step: Step) -> None:
    """Whoever clears a complete task wants its command to run."""
    run(worker, step, "first")
    again = run(worker, step, "first", attempt=2)
    assert (times(worker), again.reused) == (2, "")
    assert "runs, because its complete attempt was cleared" in worker.notes


def test_an_engine_that_runs_all_again_asks_for_no_command(worker: Worker, step: Step) -> None:
    """A retry on Prefect: its grid has changed, and another run has this point."""

    def resumed(context: Context) -> Context:
        return replace(context, resumes=context.id.run)

    earlier = run(worker, step, "first", parameters={"rate": 0.1})
    run(worker, step, "second", parameters={"rate": 0.2})
    again = run(worker, step, "second", attempt=2, parameters={"rate": 0.1}, change=resumed)
    assert (times(worker), again.reused) == (2, earlier.uri)
    assert run(worker, step, "second", attempt=3, parameters={"rate": 0.1}, change=resumed).reused == earlier.uri


def test_a_retry_after_a_mark_runs_the_command(worker: Worker, step: Step) -> None:
    """Another run has the same results, but whoever sets an execution to failed wants its command to run."""
    worker_before = run(worker, step, "first")
    own = run(worker, step, "second", change=lambda context: replace(context, reuse=False))
    rejecting = run(
        worker, step, "second", attempt=2, change=lambda context: replace(context, resumes="second", rejects=True)
    )
    assert (times(worker), rejecting.reused) == (3, "")
    assert worker_before.uri != own.uri
    assert "runs, because a person marked its complete attempt as failed" in worker.notes


def test_a_retry_may_reuse(worker: Worker, step: Step) -> None:
    counting = replace(step, command=[f"{COUNT}; test -e {worker.project.parent}/fixed"])
    run(worker, counting, "first")
    (worker.project.parent / "fixed").touch()
    run(worker, counting, "second")
    assert run(worker, counting, "first", attempt=2).reused


def test_task_nodes_reuse_each_execution(worker: Worker, step: Step) -> None:
    """In a grid that changed, the points that were there before are reused, wherever they are now."""
    for index_, rate in enumerate((0.1, 0.2)):
        run(worker, step, "first", kind="task", index=index_, parameters={"rate": rate})
    reused = [
        bool(run(worker, step, "second", kind="task", index=index_, parameters={"rate": rate}).reused)
        for index_, rate in enumerate((0.3, 0.2, 0.1))
    ]
    assert reused == [False, True, True]
    assert times(worker) == 3


def test_secrets_count_by_name_only(worker: Worker, step: Step) -> None:
    secret = replace(step, secret_variables={"PASSWORD": "db"}, environment={**step.environment, "API_TOKEN": "t" * 20})

    def with_secret(value: str) -> Callable[[Context], Context]:
        return lambda context: replace(context, secret=lambda _: value)

    first = run(worker, secret, "first", change=with_secret("hunter2-hunter2"))
    assert run(worker, secret, "second", change=with_secret("other-secret")).reused == first.uri
    other = replace(secret, secret_variables={"PASSWORD": "other"})
    run(worker, other, "third", change=with_secret("hunter2-hunter2"))
    assert times(worker) == 2
    written = "".join(path.read_text(errors="replace") for path in (worker.project.parent / "store").rglob("*.json"))
    assert "hunter2" not in written
    assert "tttttttt" not in written
    assert "hunter2" not in worker.notes


@pytest.mark.parametrize("name", ["MAX_TOKENS", "TOKEN_COUNT", "n_tokens", "API_TOKEN", "URL"])
def test_values_of_the_pipeline_file_count(worker: Worker, step: Step, name: str) -> None:
    """A literal value is not a secret of the worker, whatever the name of its variable."""
    values = ("https://u:abc@host/", "https://u:abd@host/") if name == "URL" else ("512", "4096")
    counts = []
    for value in (values[0], values[1], values[0]):
        run(worker, replace(step, environment={**step.environment, name: value}), f"run-{len(counts)}")
        counts.append(times(worker))
    assert counts == [1, 2, 2]


def test_code_on_the_search_path(worker: Worker, step: Step) -> None:
    """What a directory outside the project contains is not known, so a change cannot be noticed."""
    lib = worker.project.parent / "lib"
    lib.mkdir()
    (lib / "mylib.py").write_text("1")
    worker.script("train.py", "import mylib\n")
    importing = replace(step, environment={**step.environment, "PYTHONPATH": str(lib)})
    for name in ("first", "second"):
        run(worker, importing, name)
    assert times(worker) == 2
    assert f"it imports 'mylib' from {lib}, outside the project, whose version is not known" in worker.notes


def test_a_worker_s_own_token_counts_by_name(worker: Worker, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("first-secret", "other-secret"):
        monkeypatch.setenv("API_TOKEN", value)
        run(worker, replace(step, required_environment=["API_TOKEN"]), value)
    assert times(worker) == 1


@pytest.mark.parametrize("where", ["parameter", "command"])
def test_secrets_in_parameters_and_commands(worker: Worker, step: Step, where: str) -> None:
    secret = replace(step, environment={**step.environment, "TOKEN": "hunter2-hunter2"})
    if where == "command":
        secret = replace(secret, command=[f"{COUNT}; true hunter2-hunter2"])
    for name in ("first", "second"):
        rate = "hunter2-hunter2" if where == "parameter" else "x"
        run(worker, replace(secret, parameters=[Parameter("rate")]), name, parameters={"rate": rate})
    assert times(worker) == 2
    assert "contains a secret" in worker.notes
    written = "".join(path.read_text(errors="replace") for path in (worker.project.parent / "store").rglob("*.json"))
    assert "hunter2" not in written


def test_variables_of_the_worker(worker: Worker, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    requiring = replace(step, required_environment=["BUCKET"])
    counts = []
    for name, bucket in (("first", "one"), ("second", "one"), ("third", "two")):
        monkeypatch.setenv("BUCKET", bucket)
        run(worker, requiring, name)
        counts.append(times(worker))
    assert counts == [1, 1, 2]
    written = "".join(path.read_text(errors="replace") for path in (worker.project.parent / "store").rglob("*.json"))
    assert '"BUCKET": "one"' not in written


def test_variables_that_edges_bring(worker: Worker, step: Step) -> None:
    counts = []
    for name, value in (("first", 1), ("second", 1), ("third", 2)):
        run(worker, step, name, variables={"V": value})
        counts.append(times(worker))
    assert counts == [1, 1, 2]


def test_an_input_that_the_command_downloads(worker: Worker, step: Step) -> None:
    """The content of an address is not known; that of an upstream execution is."""
    demanding = replace(step, inputs=[Input("data", on_demand=True, default=["https://example.org/x"])])
    for name in ("first", "second"):
        run(worker, demanding, name)
    assert times(worker) == 2
    assert "its command downloads the input 'data'" in worker.notes
    demanding = replace(step, inputs=[Input("data", on_demand=True)])
    for name in ("third", "fourth"):
        run(worker, demanding, name, inputs=files(worker, "x"))
    assert times(worker) == 3
    run(worker, demanding, "fifth", inputs=files(worker, "y"))
    assert times(worker) == 4


@pytest.mark.parametrize("dialect", ["loom", "magnus"])
def test_other_languages_have_no_keys(worker: Worker, dialect: str) -> None:
    worker.script("one.sh", "true\n")
    manifest = run(worker, Step("one", ["sh one.sh"], dialect=dialect, kind="shell"), "first")
    assert manifest.key is None


@pytest.mark.parametrize(
    "entry",
    [
        b"[",
        b"null",
        b'{"manifest": 7}',
        b'{"manifest": "../../outside/manifest.json"}',
        b'{"manifest": "/etc/passwd"}',
        rb'{"manifest": "a\ud800/manifest.json"}',
        rb'{"manifest": "a\u0000/manifest.json"}',
        b'{"manifest": "nothing/here/train/0/try-1/manifest.json"}',
        b'{"manifest": "Other/first/train/0/try-1/manifest.json"}',
        b"[" * 10_000,
    ],
)
def test_hostile_entries_of_the_index(worker: Worker, step: Step, entry: bytes) -> None:
    first = run(worker, step, "first")
    assert first.key is not None
    (name,) = worker.store.names(folder := f".reuse/executions/{first.key.digest[:2]}/{first.key.digest}")
    worker.store.write(f"{folder}/{name}", entry)
    assert run(worker, step, "second").reused == ""
    assert run(worker, step, "third").reused


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"rate": 0.2}},
        {"state": "error"},
        {"node": "\x1b[31mother"},
        {"outputs": [{}]},
        {"key": {"sha256": "0" * 64, "unknown": "", "enabled": True, "parts": {}}},
        {"key": "x"},
    ],
)
def test_hostile_manifests(worker: Worker, step: Step, change: dict[str, object]) -> None:
    first = run(worker, step, "first")
    key = worker.store.key(first.uri)
    worker.store.write_json(key, {**worker.store.read_json(key), **change})
    assert run(worker, step, "second").reused == ""
    assert "\x1b" not in worker.notes


def test_outputs_outside_the_store(worker: Worker, step: Step, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x\n")
    first = run(worker, step, "first")
    key = worker.store.key(first.uri)
    document = worker.store.read_json(key)
    document["outputs"][0]["uri"] = (tmp_path / "secret").as_uri()
    worker.store.write_json(key, document)
    assert run(worker, step, "second").reused == ""


def test_concurrent_writers(worker: Worker, step: Step) -> None:
    """Executions that begin together all run; later ones find one of them."""
    together = threading.Barrier(4)

    def one(number: int) -> None:
        together.wait()
        run(worker, step, f"run-{number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = times(worker)
    assert run(worker, step, "later").reused
    assert times(worker) == before


def test_reuse_on_s3(worker: Worker, step: Step, s3: str) -> None:
    worker.uri = f"{s3}/reuse"
    first = run(worker, replace(step, inputs=[Input("data")]), "first", inputs=files(worker, "x"))
    reused = run(worker, replace(step, inputs=[Input("data")]), "second", inputs=files(worker, "x"))
    assert (times(worker), reused.reused) == (1, first.uri)
    worker.store.write(worker.store.key(first.outputs[0].uri), b"longer than before")
    assert run(worker, replace(step, inputs=[Input("data")]), "third", inputs=files(worker, "x")).reused == ""


@pytest.mark.parametrize("remote", [False, True])
def test_names_of_data_are_set_again(worker: Worker, remote: bool, tmp_path: Path) -> None:
    """A version stays as it was made; an alias stands for it again."""
    if remote:
        worker.uri = f"memory://reuse-{tmp_path.name}"
    properties = {
        "valohai.alias": "best",
        "valohai.dataset-versions": ["dataset://images/v1"],
        "valohai.model-versions": ["model://digits/"],
    }
    name = Step(
        "name",
        ["echo x > $VH_OUTPUTS_DIR/x", f"echo '{json.dumps(properties)}' > $VH_OUTPUTS_DIR/x.metadata.json"],
    )
    first = run(worker, name, "first")
    second = run(worker, name, "second")
    assert (second.state, second.reused) == ("complete", first.uri), second.reason
    from translator.shim.catalogue import stored
    from translator.shim.catalogue.names import parse

    assert [entry.name.version for entry in stored.versions(worker.store, parse("model://digits/v1"))] == ["v1"]
    assert [entry.name.version for entry in stored.versions(worker.store, parse("dataset://images/v1"))] == ["v1"]
