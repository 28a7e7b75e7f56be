"""Run generated flows: parallel branches, grids known only at run time, names, artifacts, parameters."""

import json
import textwrap

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, LogFilter, LogFilterFlowRunId

from prefect_plugin.dataflow.execution_table import key_of
from tests.prefect.support import task_runs, wait_for

# Not in the working directory: each execution has its own.
MEET = (
    "cd HERE_IT_IS; touch met-{place}-{parameter-value:me}; "
    "until test -e met-{place}-{parameter-value:other}; do sleep 0.05; done"
)


def meeting(name: str, place: str) -> str:
    """Return a step that waits until the same step of the other branch has begun, within its time limit."""
    return textwrap.dedent(f"""
    - step:
        name: {name}
        image: none
        command:
          - {MEET.replace("{place}", place)}
          - echo '{{"sizes":[1,2]}}'
        time-limit: 600
        parameters:
          - {{name: me}}
          - {{name: other}}
          - {{name: size, type: integer, default: 0}}
    """)


BRANCHES = "".join(meeting(name, name) for name in ("sizes", "train", "best")) + textwrap.dedent("""
- pipeline:
    name: branches
    nodes:
      - {name: sizes-a, type: execution, step: sizes}
      - {name: train-a, type: task, step: train}
      - {name: best-a, type: execution, step: best}
      - {name: sizes-b, type: execution, step: sizes}
      - {name: train-b, type: task, step: train}
      - {name: best-b, type: execution, step: best}
    edges:
      - [sizes-a.metadata.sizes, train-a.parameter.size]
      - [train-a.dependency.*, best-a.dependency.*]
      - [sizes-b.metadata.sizes, train-b.parameter.size]
      - [train-b.dependency.*, best-b.dependency.*]
""")


def test_branches_run_in_parallel_even_if_a_grid_is_known_only_while_running(run):
    """Each branch waits for the other before its grid is known, in its grid and after it: in turn they would hang."""
    a, b = {"me": "a", "other": "b"}, {"me": "b", "other": "a"}
    axes_a, axes_b = ({name: [value] for name, value in branch.items()} for branch in (a, b))
    ran = run(BRANCHES, sizes_a=a, train_a=axes_a, best_a=a, sizes_b=b, train_b=axes_b, best_b=b)

    assert set(ran.nodes.values()) == {"complete"}
    for node in ("train-a", "train-b"):
        assert [one["parameters"]["size"] for one in ran.record["nodes"][node]["executions"]] == [1, 2]


def test_the_blueprint_limits_concurrent_executions(run, tmp_path):
    ran = run("""
    - step:
        name: count
        image: none
        # Each holds a slot while it looks how many slots are held, long enough for any other to take one.
        command:
          - cd HERE_IT_IS; mkdir slot-{parameter-value:n}
          - sleep 1
          - ls -d slot-* | wc -l >> seen.txt
          - rmdir slot-{parameter-value:n}
        parameters: [{name: n, type: integer}]
    - task:
        name: counts
        step: count
        maximum-queued-executions: 2
        parameters: [{name: n, style: linear, rules: {start: 1, end: 6, step: 1}}]
    - pipeline:
        name: width
        nodes: [{name: counted, type: task, task: counts}]
        edges: []
    """)

    assert ran.executions("counted") == ["complete"] * 6
    assert max(int(line) for line in (tmp_path / "seen.txt").read_text().split()) == 2


NAMED = """
- step:
    name: train
    image: none
    command: >-
      echo '{"accuracy": 0.5}' && echo "line of {parameter-value:lr}" && test {parameter-value:lr} != 0.3
    parameters:
      - {name: lr, type: float}
      - {name: batch size, type: integer, default: 32}
      - {name: fixed, default: same}
- step: {name: after, image: none, command: "true"}
- pipeline:
    name: "Näme: {x} & co/{{ 7 * 7 }}"
    nodes:
      - {name: "tr{a}in/x", type: task, step: train, on-error: stop-next}
      - {name: "🚀", type: execution, step: after}
      - {name: class, type: execution, step: after}
    edges:
      - ["tr{a}in/x.dependency.*", "🚀.dependency.*"]
"""


def test_names_logs_and_the_table_of_a_task_node(run):
    ran = run(NAMED, tr_a_in_x={"lr": [0.1, 0.3], "batch size": [32, 64]})

    node = "tr{a}in/x"
    flow_run = ran.state.state_details.flow_run_id
    runs = task_runs(flow_run, 7)
    names = {f"{node}[lr={lr}, batch size={size}]" for lr in (0.1, 0.3) for size in (32, 64)}
    assert set(runs) == names | {node, "🚀", "class"}
    assert runs["🚀"].state.name == "Skipped"
    assert runs[f"{node}[lr=0.3, batch size=32]"].state.type.value == "FAILED"
    assert runs[node].state.message == "2 of 4 executions failed"

    with get_client(sync_client=True) as client:
        key = key_of(ran.record["pipeline"], node)
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        assert artifact.flow_run_id == flow_run
        assert artifact.task_run_id == runs[node].id
        rows = json.loads(artifact.data)
        assert [(row["lr"], row["batch size"], row["state"]) for row in rows] == [
            (0.1, 32, "complete"),
            (0.1, 64, "complete"),
            (0.3, 32, "error"),
            (0.3, 64, "error"),
        ]
        assert [row["accuracy"] for row in rows] == [0.5] * 4

        def logged():
            logs = client.read_logs(log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run])), limit=200)
            said = {log.task_run_id: log.message for log in logs if log.message.startswith("line of")}
            return said if len(said) == 4 else None

        assert wait_for(logged, 30, "the lines of the executions in the logs") == {
            runs[f"{node}[lr={lr}, batch size={size}]"].id: f"line of {lr}" for lr in (0.1, 0.3) for size in (32, 64)
        }


def test_nothing_of_the_file_is_a_template_for_prefect(run):
    ran = run("""
    - step:
        name: say
        image: none
        command: printf '%s' '{{ 7 * 7 }} {{ prefect.variables.x }} {parameter-value:text}' > /valohai/outputs/said.txt
        parameters: [{name: text, default: "{{ $HOME }} %s {0}"}]
    - pipeline:
        name: said
        nodes: [{name: said, type: execution, step: say}]
        edges: []
    """)

    said = (ran.store / "said" / "0" / "try-1" / "outputs" / "said.txt").read_text()
    assert said.startswith("{{ 7 * 7 }} {{ prefect.variables.x }} ")
    assert ran.record["nodes"]["said"]["executions"][0]["parameters"] == {"text": "{{ $HOME }} %s {0}"}


def test_edges_and_pipeline_parameters_set_parameters(run):
    ran = run(
        """
    - step:
        name: source
        image: none
        command: echo '{"depth":[4,5],"scale":0.5}'
        parameters: [{name: rows, type: integer, default: 1}]
    - step:
        name: sink
        image: none
        command: "true"
        parameters:
          - {name: rows, type: integer, default: 2}
          - {name: depth, type: integer, default: 3}
          - {name: scale, type: float, default: 1.0}
          - {name: colour, default: red}
    - pipeline:
        name: values
        parameters:
          - {name: colours, targets: [grid.parameters.colour, single.parameters.colour]}
          - {name: rows, target: source.parameters.rows, default: 7}
        nodes:
          - {name: source, type: execution, step: source}
          - {name: grid, type: task, step: sink}
          - {name: single, type: execution, step: sink}
        edges:
          - [source.parameter.rows, grid.parameter.rows]
          - [source.metadata.depth, grid.parameter.depth]
          - [source.metadata.scale, single.parameter.scale]
          - [source.metadata.nothing, single.parameter.depth]
    """,
        colours="blue",
        grid={"scale": [0.1, 0.2]},
    )

    def parameters(node):
        return [execution["parameters"] for execution in ran.record["nodes"][node]["executions"]]

    assert ran.record["parameters"] == {"colours": "blue", "rows": 7}
    assert parameters("source") == [{"rows": 7}]
    assert parameters("grid") == [
        {"rows": 7, "depth": depth, "scale": scale, "colour": "blue"} for depth in (4, 5) for scale in (0.1, 0.2)
    ]
    assert parameters("single") == [{"rows": 2, "depth": 3, "scale": 0.5, "colour": "blue"}]


MANUAL = textwrap.dedent("""
    - step:
        name: search
        image: none
        command: "true"
        parameters: [{name: a, type: integer}, {name: b, type: integer, default: 9}, {name: c, default: x}]
    - task:
        name: searched
        step: search
        type: manual_search
        parameter-sets: [{a: 1, b: 2}, {a: 3, b: 4}, {a: 5, b: null}]
    - pipeline:
        name: manual
        nodes: [{name: search, type: task, task: searched}]
        edges: []
""")


def test_a_manual_search_runs_its_points(run):
    ran = run(MANUAL)

    assert [one["parameters"] for one in ran.record["nodes"]["search"]["executions"]] == [
        {"a": 1, "b": 2, "c": "x"},
        {"a": 3, "b": 4, "c": "x"},
        {"a": 5, "b": None, "c": "x"},  # no value, in place of the default
    ]


def test_points_can_be_set_for_a_run(run):
    ran = run(MANUAL, search=[{"a": 7}, {"a": 8, "c": "y"}, {"a": 9, "b": 1}])

    assert [one["parameters"] for one in ran.record["nodes"]["search"]["executions"]] == [
        {"a": 7, "b": 9, "c": "x"},
        {"a": 8, "b": 9, "c": "y"},
        {"a": 9, "b": 1, "c": "x"},
    ]


@pytest.mark.parametrize(("given", "used"), [({}, [3, 4]), ({"sizes": [5]}, [5])])
def test_a_pipeline_parameter_without_a_value_leaves_the_blueprint_alone(run, given, used):
    ran = run(
        """
    - step: {name: work, image: none, command: "true", parameters: [{name: n, type: integer, default: 1}]}
    - task:
        name: several
        step: work
        type: grid_search
        parameters: [{name: n, style: multiple, rules: {items: [3, 4]}}]
    - pipeline:
        name: left-alone
        parameters: [{name: sizes, target: node.parameters.n}]
        nodes: [{name: node, type: task, task: several}]
        edges: []
    """,
        **given,
    )

    assert [one["parameters"]["n"] for one in ran.record["nodes"]["node"]["executions"]] == used
