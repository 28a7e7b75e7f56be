"""Test which executions of an earlier run or attempt are kept, and how their results are used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Input, InputFiles, Manifest, Parameter, State, Step
from translator.shim.execution import execute
from translator.shim.outcome import resumed
from translator.shim.outcome.run_record import finish
from translator.shim.outcome.traces import EngineState, read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shim.conftest import Worker
    from translator.shim.contract import Context, Value

PIPELINE = "Training Pipeline"
COUNT = 'echo run >> "$COUNTER"; echo x > "$VH_OUTPUTS_DIR/x"; mkdir "$VH_OUTPUTS_DIR/empty"; echo \'{"loss": 0.5}\''


@pytest.fixture
def step(worker: Worker) -> Step:
    """Return a step that counts how often it runs."""
    counter = worker.project.parent / "counter"
    return Step("train", [COUNT], parameters=[Parameter("rate", "float", 0.1)], environment={"COUNTER": str(counter)})


def times(worker: Worker) -> int:
    counter = worker.project.parent / "counter"
    return len(counter.read_text().split()) if counter.exists() else 0


def in_run(worker: Worker, run: str, resumes: str | None = None, attempt: int = 1) -> Context:
    context = worker.context(attempt=attempt)
    return replace(context, id=replace(context.id, run=run), resumes=resumes)


def test_a_complete_execution_is_kept(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    kept = execute(step, in_run(worker, "second", "first"))
    assert times(worker) == 1
    assert (kept.state, kept.exit_status, kept.reused) == ("complete", 0, first.uri)
    assert (kept.outputs, kept.metadata, kept.folders) == (first.outputs, first.metadata, first.folders)
    assert "reused from run first" in worker.notes
    assert worker.store.manifest(kept.uri) == kept
    # A third run refers to the one that ran.
    again = execute(step, in_run(worker, "third", "second"))
    assert (times(worker), again.reused) == (1, first.uri)
    (trace,) = read(worker.store, PIPELINE, "third", {"train": {0: EngineState(again.state, again.uri)}})["train"]
    assert trace.document()["reused"] == "first/train/0/try-1"


def test_kept_outputs_can_be_used(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "first"))
    kept = execute(step, in_run(worker, "second", "first"))
    use = Step("use", ["cat $VH_INPUTS_DIR/data/x"], inputs=[Input("data")])
    used = execute(use, worker.context("use"), inputs={"data": InputFiles(files=list(kept.outputs))})
    assert used.state == "complete"
    assert worker.output[-1] == "x"


def test_an_earlier_attempt_is_kept(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "same"))
    kept = execute(step, in_run(worker, "same", "same", attempt=2))
    assert (times(worker), kept.id.attempt) == (1, 2)
    assert "reused from an earlier attempt: try 1" in worker.notes


def test_without_a_run_to_resume_nothing_is_kept(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "same"))
    execute(step, in_run(worker, "same", attempt=2))
    assert times(worker) == 2


def test_other_parameters(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "first"))
    execute(step, in_run(worker, "second", "first"), parameters={"rate": 0.2})
    assert times(worker) == 2
    assert "runs again, although it was complete before: the parameter 'rate' has another value" in worker.notes


@pytest.mark.parametrize(("before", "now"), [(True, 1), (1, 1.0), ("1", 1)])
def test_values_of_another_type(worker: Worker, step: Step, before: Value, now: Value) -> None:
    typed = replace(step, parameters=[Parameter("n", optional=True)])
    for run, value, resumes in (("first", before, None), ("second", now, "first")):
        kind = {bool: "flag", int: "integer", float: "float", str: "string"}[type(value)]
        typed = replace(step, parameters=[Parameter("n", kind)])  # type: ignore[arg-type]
        execute(typed, in_run(worker, run, resumes), parameters={"n": value})
    assert times(worker) == 2


def test_secrets_are_not_told(worker: Worker, step: Step) -> None:
    secret = replace(
        step,
        parameters=[Parameter("key", default="hunter2-hunter2")],
        environment={**step.environment, "TOKEN": "hunter2-hunter2"},
    )
    execute(secret, in_run(worker, "first"))
    execute(secret, in_run(worker, "second", "first"))
    assert "hunter2" not in worker.notes
    assert times(worker) == 2  # the manifest has a mask in its place


def test_values_of_edges_in_the_environment(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "first"), variables={"V": 1})
    execute(step, in_run(worker, "second", "first"), variables={"V": 2})
    assert times(worker) == 2
    assert "edges bring values into its environment" in worker.notes


def test_a_step_that_uses_the_project_itself_runs_again(worker: Worker) -> None:
    worker.script("one.sh", "echo run >> $1/counter\n")
    shell = Step("one", [f"sh one.sh {worker.project.parent}"], dialect="loom", kind="shell")
    for run, resumes in (("first", None), ("second", "first")):
        execute(shell, in_run(worker, run, resumes))
    assert "kept" not in worker.notes


def with_inputs(worker: Worker, step: Step, run: str, *texts: str, resumes: str | None = None) -> Manifest:
    """Run a step with files from an upstream execution."""
    commands = [f"echo {text.rpartition(':')[2]} > $VH_OUTPUTS_DIR/{text.partition(':')[0]}" for text in texts]
    make = Step("make", commands or ["true"])
    made = execute(make, replace(worker.context("make"), id=replace(worker.context("make").id, run=run)))
    files = InputFiles(files=list(made.outputs))
    return execute(
        replace(step, inputs=[Input("data", optional=True)]), in_run(worker, run, resumes), inputs={"data": files}
    )


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        (["a", "b"], ["b", "a"], 1),
        (["a"], ["c"], 2),
        (["a"], ["a", "b"], 2),
        (["a"], [], 2),
        ([], [], 1),
        (["x:a"], ["y:a"], 2),
    ],
)
def test_inputs_from_edges(worker: Worker, step: Step, before: list[str], now: list[str], count: int) -> None:
    with_inputs(worker, step, "first", *before)
    with_inputs(worker, step, "second", *now, resumes="first")
    assert times(worker) == count
    assert ("the files of input 'data' are not the same" in worker.notes) == (count > 1)


@pytest.mark.parametrize(("text", "count"), [("old", 1), ("new", 2)])
def test_default_inputs(worker: Worker, step: Step, text: str, count: int) -> None:
    """They are compared when they have been staged."""
    worker.script("data.txt", "old")
    reading = replace(step, inputs=[Input("data", default=["data.txt"])])
    execute(reading, in_run(worker, "first"))
    worker.script("data.txt", text)
    kept = execute(reading, in_run(worker, "second", "first"))
    assert (times(worker), kept.state) == (count, "complete")


def test_failed_and_killed_executions_run_again(worker: Worker, step: Step) -> None:
    failing = replace(step, command=[*step.command, "exit 3"])
    assert execute(failing, in_run(worker, "first")).state == "error"
    worker.store.claim(in_run(worker, "first", attempt=2).id)  # killed: it left no manifest
    execute(step, in_run(worker, "second", "first"))
    assert times(worker) == 2


def test_what_failed_after_it_was_complete_runs_again(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "first"))
    execute(replace(step, command=[*step.command, "exit 3"]), in_run(worker, "first", attempt=2))
    execute(step, in_run(worker, "second", "first"))
    assert times(worker) == 3


def test_what_was_stopped_hides_nothing_that_was_complete_before(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    worker.should_stop = lambda: "enough"
    assert execute(step, in_run(worker, "second", "first")).state == "stopped"
    assert execute(step, in_run(worker, "first", "first", attempt=2)).state == "stopped"
    worker.should_stop = lambda: None
    resumed.write(worker.store, PIPELINE, "second", "first")
    kept = execute(step, in_run(worker, "third", "second"))
    assert (times(worker), kept.state, kept.reused) == (1, "complete", first.uri)


def test_what_an_interrupted_resumption_did_not_reach(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    resumed.write(worker.store, PIPELINE, "second", "first")
    resumed.write(worker.store, PIPELINE, "third", "second")
    kept = execute(step, in_run(worker, "third", "second"))
    assert (times(worker), kept.reused) == (1, first.uri)


def test_runs_that_resume_each_other(worker: Worker, step: Step) -> None:
    resumed.write(worker.store, PIPELINE, "first", "second")
    resumed.write(worker.store, PIPELINE, "second", "first")
    assert execute(step, in_run(worker, "third", "first")).state == "complete"


def test_inputs_are_those_of_this_run(worker: Worker, step: Step) -> None:
    """Files of the same content, wherever: those of the earlier run may be gone."""
    before = with_inputs(worker, step, "first", "a")
    now = with_inputs(worker, step, "second", "a", resumes="first")
    assert times(worker) == 1
    assert before.inputs["data"][0].uri != now.inputs["data"][0].uri


@pytest.mark.parametrize(
    "change",
    [
        {"reused": "x"},
        {"reused": "store:../../x/manifest.json"},
        {"node": "other"},
        {"run": "\x1b[31mforged"},
        {"outputs": [{}]},
    ],
)
def test_a_hostile_manifest(worker: Worker, step: Step, change: dict[str, object]) -> None:
    first = execute(step, in_run(worker, "first"))
    key = worker.store.key(first.uri)
    worker.store.write_json(key, {**worker.store.read_json(key), **change})
    assert execute(step, in_run(worker, "second", "first")).state == "complete"
    assert times(worker) == 2
    assert "\x1b" not in worker.notes


def test_outputs_elsewhere(worker: Worker, step: Step, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x\n")
    first = execute(step, in_run(worker, "first"))
    key = worker.store.key(first.uri)
    document = worker.store.read_json(key)
    document["outputs"][0]["uri"] = (tmp_path / "secret").as_uri()
    worker.store.write_json(key, document)
    assert execute(step, in_run(worker, "second", "first")).reused == ""


def test_a_run_that_is_not_there(worker: Worker, step: Step) -> None:
    assert execute(step, in_run(worker, "second", "nothing")).state == "complete"
    assert times(worker) == 1


def test_a_damaged_manifest_is_as_good_as_none(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    worker.store.write(worker.store.key(first.uri), b"[")
    assert execute(step, in_run(worker, "second", "first")).state == "complete"
    assert times(worker) == 2


@pytest.mark.parametrize("text", [b"", b"longer than before"])
def test_outputs_that_were_deleted_or_changed(worker: Worker, step: Step, text: bytes) -> None:
    first = execute(step, in_run(worker, "first"))
    worker.store.write(worker.store.key(first.outputs[0].uri), text) if text else worker.store.remove(
        worker.store.key(first.outputs[0].uri)
    )
    kept = execute(step, in_run(worker, "second", "first"))
    assert times(worker) == 2
    assert kept.reused == ""


def test_another_step_of_the_node_runs(worker: Worker, step: Step) -> None:
    """Equal parameters do not make the results of one step those of another."""
    execute(step, in_run(worker, "first"))
    other = execute(replace(step, name="evaluate"), in_run(worker, "second", "first"))
    assert (times(worker), other.reused) == (2, "")
    assert "runs again, although it was complete before: its step was 'train'" in worker.notes


def test_an_older_manifest_has_no_step(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    key = worker.store.key(first.uri)
    document = worker.store.read_json(key)
    del document["step"]
    worker.store.write_json(key, document)
    assert execute(step, in_run(worker, "second", "first")).reused == ""
    assert "an older version has run it" in worker.notes


def record(worker: Worker, run: str, manifest: Manifest, state: State) -> None:
    """Write the record of a run whose engine says how its execution ended."""
    finish(
        worker.store,
        pipeline=PIPELINE,
        run=run,
        engine="airflow",
        started="2026-11-29T00:00:00+00:00",
        parameters={},
        engine_states={"train": {0: EngineState(state, manifest.uri)}},
    )


def test_what_a_person_marked_as_failed_runs_again(worker: Worker, step: Step) -> None:
    first = execute(step, in_run(worker, "first"))
    record(worker, "first", first, State.ERROR)
    assert execute(step, in_run(worker, "second", "first")).reused == ""
    assert "a person marked it as failed" in worker.notes
    # The mark is taken away again, so the execution counts.
    record(worker, "first", first, State.COMPLETE)
    assert execute(step, in_run(worker, "third", "first")).reused == first.uri
    assert times(worker) == 2


def test_a_mark_on_a_kept_execution_counts_for_the_original(worker: Worker, step: Step) -> None:
    execute(step, in_run(worker, "first"))
    kept = execute(step, in_run(worker, "second", "first"))
    record(worker, "second", kept, State.ERROR)
    assert execute(step, in_run(worker, "third", "second")).reused == ""
    assert execute(step, in_run(worker, "fourth", "first")).reused == ""


def test_an_attempt_that_the_engine_rejects(worker: Worker, step: Step) -> None:
    """On Prefect, only the API knows that a person set the task run to failed."""
    execute(step, in_run(worker, "same"))
    again = execute(step, replace(in_run(worker, "same", "same", attempt=2), rejects=True))
    assert (times(worker), again.reused) == (2, "")
    assert execute(step, in_run(worker, "other", "same")).reused == again.uri


def test_results_of_other_code_are_not_entered_under_a_new_key(worker: Worker, step: Step) -> None:
    """Who resumes keeps the results of the old code; who reuses must not get them for the new code."""
    worker.script("train.py", "1")
    execute(step, in_run(worker, "first"))
    worker.script("train.py", "2")
    kept = execute(step, in_run(worker, "second", "first"))
    assert kept.reused
    assert execute(step, replace(in_run(worker, "third"), reuse=True)).reused == ""
    assert times(worker) == 2
