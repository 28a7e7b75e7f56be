"""Test how a failure affects other nodes, the run, and Prefect's state of the flow run.

The rows of the on-error table are in ``tests/parity/test_cases.py``.
"""

import textwrap

import pytest

pytest.importorskip("prefect")


from tests.processes import process_in

STEPS = """
- step:
    name: work
    image: none
    command: test {parameter-value:n} != {parameter-value:bad} && echo done > /valohai/outputs/{parameter-value:n}.txt
    parameters:
      - {name: n, type: integer, default: 1}
      - {name: bad, type: integer, default: 0}
    inputs:
      - {name: before, optional: true}
- step:
    name: look
    image: none
    command: ls /valohai/inputs/before > /valohai/outputs/seen.txt
    inputs:
      - {name: before, optional: true}
- step:
    name: sleep
    image: none
    command: exec sleep 300
"""

COMPLETE, ERROR, STOPPED, SKIPPED = "complete", "error", "stopped", "skipped"


def pipeline(kind: str, on_error: str, *, points: bool = True) -> str:
    """Return ``first`` with a rule, ``after`` that follows it, and ``other`` that does not."""
    empty = "" if points else "parameters: [{name: n, targets: [first.parameters.n], default: []}]"
    return STEPS + textwrap.dedent(f"""
    - pipeline:
        name: rules
        {empty}
        nodes:
          - {{name: first, type: {kind}, step: work, on-error: {on_error}}}
          - {{name: after, type: execution, step: look}}
          - {{name: last, type: execution, step: look}}
          - {{name: other, type: execution, step: work}}
          - {{name: another, type: execution, step: look}}
        edges:
          - [first.output.*, after.input.before]
          - [after.output.*, last.input.before]
          - [other.output.*, another.input.before]
    """)


# kind, rule, values of n, bad value -> states of first's executions; first, after, last; the run.
# What other branches come to with stop-all is timing: see test_stop_all_ends_the_processes_of_other_branches.
CASES = [
    ("execution", "retry", 1, 1, [ERROR], (ERROR, STOPPED, STOPPED), ERROR),
    ("task", "stop-next", [1, 2], 1, [ERROR, COMPLETE], (ERROR, SKIPPED, SKIPPED), ERROR),
    ("task", "continue", [1, 2], 1, [ERROR, COMPLETE], (COMPLETE, COMPLETE, COMPLETE), COMPLETE),
    ("task", "continue", [], 0, [], (ERROR, SKIPPED, SKIPPED), ERROR),
    ("task", "stop-next", [], 0, [], (ERROR, SKIPPED, SKIPPED), ERROR),
]


@pytest.mark.parametrize(("kind", "rule", "n", "bad", "executions", "nodes", "state"), CASES)
def test_on_error(run, kind, rule, n, bad, executions, nodes, state):
    given = {"bad": [bad] if kind == "task" else bad} | ({"n": n} if n else {})  # no form takes an empty list
    ran = run(pipeline(kind, rule, points=n != []), first=given)

    assert ran.executions("first") == executions
    assert (ran.nodes["first"], ran.nodes["after"], ran.nodes["last"]) == nodes
    assert ran.record["state"] == state
    assert ran.state.type.value == {COMPLETE: "COMPLETED", ERROR: "FAILED"}[state]
    if rule not in ("stop-all", "retry"):
        assert ran.nodes["another"] == COMPLETE
    if rule == "retry":
        assert [execution["tries"] for execution in ran.record["nodes"]["first"]["executions"]] == [3]


def test_only_complete_executions_pass_on_their_outputs(run):
    ran = run(pipeline("task", "continue"), first={"n": [1, 2, 3], "bad": [2]})

    seen = ran.store / "after" / "0" / "try-1" / "outputs" / "seen.txt"
    assert seen.read_text().split() == ["1.txt", "3.txt"]


def test_retry_runs_the_same_execution_again_until_it_is_complete(run):
    ran = run("""
    - step:
        name: third-time-lucky
        image: none
        command: cd HERE_IT_IS && echo x >> tries.txt && test $(wc -l < tries.txt) -ge 3
    - pipeline:
        name: retried
        nodes:
          - {name: flaky, type: execution, step: third-time-lucky, on-error: retry}
        edges: []
    """)

    assert ran.nodes == {"flaky": COMPLETE}
    assert ran.record["nodes"]["flaky"]["executions"][0]["tries"] == 3
    assert sorted(path.name for path in (ran.store / "flaky" / "0").iterdir()) == ["try-1", "try-2", "try-3"]


def test_stop_all_and_error_stops_siblings_and_nothing_else(run, tmp_path):
    ran = run("""
    - step:
        name: fail-or-sleep
        image: none
        command: >-
          if test {parameter-value:n} != 1; then touch HERE_IT_IS/asleep; exec sleep 300; fi;
          until test -e HERE_IT_IS/asleep; do sleep 0.1; done; exit 1
        parameters:
          - {name: n, type: integer}
    - step: {name: work, image: none, command: "until test -e HERE_IT_IS/asleep; do sleep 0.1; done; sleep 1"}
    - task:
        name: several
        step: fail-or-sleep
        type: grid_search
        on-child-error: stop-all-and-error
        parameters:
          - {name: n, style: multiple, rules: {items: [1, 2]}}
    - pipeline:
        name: siblings
        nodes:
          - {name: first, type: task, task: several, on-error: stop-next}
          - {name: other, type: execution, step: work}
        edges: []
    """)

    assert ran.executions("first") == [ERROR, STOPPED]
    assert ran.nodes == {"first": ERROR, "other": COMPLETE}
    assert ran.record["state"] == ERROR


def test_stop_all_ends_the_processes_of_other_branches(run, tmp_path):
    ran = run("""
    - step:
        name: sleep
        image: none
        command: sh -c 'TELL > HERE_IT_IS/inner; exec sleep 300' & TELL > HERE_IT_IS/outer; wait
    - step: {name: fail, image: none, command: "until test -s HERE_IT_IS/inner; do sleep 0.1; done; exit 3"}
    - step: {name: never, image: none, command: "true"}
    - pipeline:
        name: stops
        nodes:
          - {name: sleeper, type: execution, step: sleep}
          - {name: failing, type: execution, step: fail}
          - {name: after-sleeper, type: execution, step: never}
        edges:
          - [sleeper.dependency.*, after-sleeper.dependency.*]
    """)

    assert ran.nodes == {"sleeper": STOPPED, "failing": ERROR, "after-sleeper": STOPPED}
    assert ran.record["state"] == ERROR
    for name in ("inner", "outer"):
        assert (tmp_path / name).exists()
        assert process_in(tmp_path / name) is None
