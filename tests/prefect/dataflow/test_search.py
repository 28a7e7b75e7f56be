"""Run Bayesian searches: batch by batch, with points that follow from the results."""

import pytest

pytest.importorskip("prefect")
pytest.importorskip("optuna")

from translator.load import load_text
from translator.semantics import Ending, Rules, disagreements
from translator.shim.contract import Distribution, Objective, Parameter, Search, State, Step, Trial
from translator.shim.parameters.grid import points

COUNT, BATCH = 26, 6
SEARCH = """
- step:
    name: train
    image: none
    # The number of executions that have ended when one begins tells its batch.
    command:
      - ended=$(ls HERE_IT_IS/ended 2>/dev/null | wc -l)
      - mkdir -p HERE_IT_IS/ended HERE_IT_IS/broken
      - printf '{"accuracy":%s,"ended":%s}\\n' {parameter-value:x} $ended
      - echo {parameter-value:x} > "$VH_OUTPUTS_DIR/{parameter-value:x}.txt"
      - mktemp HERE_IT_IS/ended/XXXXXX
      - test ! -e HERE_IT_IS/breaks || test {parameter-value:kind} = b
    parameters:
      - {name: x, type: float}
      - {name: kind}
- step: {name: pick, image: none, command: "test ! -e HERE_IT_IS/breaks", inputs: [{name: found}]}
- task:
    name: tune
    step: train
    type: bayesian_tpe
    execution-count: 26
    execution-batch-size: 6
    optimization-target-metric: accuracy
    optimization-target-value: 0.7
    parameters:
      - {name: x, style: random, rules: {min: 0, max: 1}}
      - {name: kind, style: multiple, rules: {items: [a, b]}}
- pipeline:
    name: best
    nodes:
      - {name: tune, type: task, task: tune, on-error: continue}
      - {name: pick, type: execution, step: pick}
    edges:
      - [tune.output.*, pick.input.found]
"""


def expected(executions):
    """Return the points that follow from the results of executions."""
    step = Step(name="train", parameters=[Parameter(name="x", type="float"), Parameter(name="kind")])
    search = Search(COUNT, "best/tune", {"x": Distribution(0, 1)}, Objective("accuracy", 0.7, BATCH))
    chosen = []
    while len(chosen) < COUNT:
        trials = [
            Trial(one["parameters"], one["metadata"]["accuracy"] if one["state"] == "complete" else None)
            for one in executions[: len(chosen)]
        ]
        chosen += points(step, {"kind": ["a", "b"]}, search=search, trials=trials)
    return chosen


def specified(record):
    """Return what in the record of a run contradicts the specification, if executions print what they printed."""
    printed = record["nodes"]["tune"]["executions"]

    def ending(attempt):
        if attempt.node == "pick":
            return Ending(State(record["nodes"]["pick"]["state"]))
        assert attempt.parameters == printed[attempt.index]["parameters"]
        return Ending(State(printed[attempt.index]["state"]), printed[attempt.index]["metadata"])

    (pipeline,) = load_text(SEARCH).pipelines
    return disagreements(Rules(pipeline, oracle=ending), record)


def test_each_batch_follows_from_the_results_before_it_and_a_retry_keeps_all_points(run, tmp_path, monkeypatch):
    (tmp_path / "breaks").touch()
    ran = run(SEARCH)

    executions = ran.record["nodes"]["tune"]["executions"]
    assert ran.nodes == {"tune": "complete", "pick": "error"}
    assert {one["state"] for one in executions} == {"complete", "error"}
    assert [one["parameters"] for one in executions] == expected(executions)
    for index, one in enumerate(executions):
        first = index // BATCH * BATCH
        assert first <= one["metadata"]["ended"] < first + BATCH

    assert specified(ran.record) == []

    (tmp_path / "breaks").unlink()
    monkeypatch.setenv("TRANSLATOR_RESUME", "run")
    again = run(SEARCH).record["nodes"]["tune"]["executions"]
    assert {one["state"] for one in again} == {"complete"}
    assert [one["parameters"] for one in again] == [one["parameters"] for one in executions]
    failed = [one for one in executions if one["state"] == "error"]
    assert len([*(tmp_path / "ended").iterdir()]) == COUNT + len(failed)  # complete executions have not run again


def test_a_retry_of_a_random_search_keeps_all_points_and_complete_executions(run, tmp_path, monkeypatch):
    text = SEARCH.replace("bayesian_tpe", "random_search")
    (tmp_path / "breaks").touch()
    before = run(text).record["nodes"]["tune"]["executions"]
    failed = [one for one in before if one["state"] == "error"]
    assert 0 < len(failed) < COUNT

    (tmp_path / "breaks").unlink()
    monkeypatch.setenv("TRANSLATOR_RESUME", "run")
    again = run(text).record["nodes"]["tune"]["executions"]
    assert {one["state"] for one in again} == {"complete"}
    assert [one["parameters"] for one in again] == [one["parameters"] for one in before]
    assert len([*(tmp_path / "ended").iterdir()]) == COUNT + len(failed)


def test_a_search_on_another_task_runner_runs_batch_by_batch(run, tmp_path):
    (tmp_path / "translator.toml").write_text(
        '[defaults.prefect]\ntask_runner = { call = "prefect.task_runners.ThreadPoolTaskRunner", max_workers = 4 }\n'
    )
    ran = run(SEARCH)

    executions = ran.record["nodes"]["tune"]["executions"]
    assert ran.nodes == {"tune": "complete", "pick": "complete"}
    assert [one["parameters"] for one in executions] == expected(executions)
    assert all(index // BATCH * BATCH <= one["metadata"]["ended"] for index, one in enumerate(executions))


def test_a_search_on_another_task_runner_ends_with_its_stop_condition(run, tmp_path):
    (tmp_path / "translator.toml").write_text(
        '[defaults.prefect]\ntask_runner = { call = "prefect.task_runners.ThreadPoolTaskRunner", max_workers = 4 }\n'
    )
    ran = run(SEARCH.replace("    type: bayesian_tpe", "    type: bayesian_tpe\n    stop-condition: accuracy > 0.9"))

    executions = ran.record["nodes"]["tune"]["executions"]
    assert ran.nodes == {"tune": "complete", "pick": "complete"}
    assert len(executions) == BATCH
    assert {one["state"] for one in executions} <= {"complete", "skipped"}
    assert max(one["metadata"]["accuracy"] for one in executions if one["state"] == "complete") > 0.9


def test_a_search_that_stops_all_ends_with_the_first_failure(run, tmp_path):
    (tmp_path / "breaks").touch()
    ran = run(SEARCH.replace("on-error: continue", "on-error: stop-all"))

    states = ran.executions("tune")
    assert ran.nodes == {"tune": "error", "pick": "stopped"}
    assert len(states) == COUNT
    assert "error" in states[:BATCH]
    assert set(states[BATCH:]) == {"stopped"}
