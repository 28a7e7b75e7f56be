"""Test what a DAG file contains for each construct of a pipeline, with one line per case if one is enough."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from translator import ir
from translator.diagnostics import Diagnostics
from translator.load import load_text
from translator.span import Span
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN = Span("valohai.yaml", 1, 1, 1, 2)


def body(text: str) -> str:
    """Return the ``with`` block, up to params that come late."""
    block = text.partition(") as dag:\n")[2].partition("\n    # After all tasks:")[0]
    return re.sub(r"  # valohai.yaml:\d+", "", block)


def order(text: str) -> str:
    """Return the lines that order tasks."""
    paragraph = body(text).rstrip().rpartition("\n\n")[2]
    return "\n".join(line.removeprefix("    ") for line in paragraph.splitlines())


def test_a_chain_without_rules_is_plain_tasks() -> None:
    text = airflow.generate(pipeline(Node("one"), Node("two", after=["one"]), Node("three", after=["two"])))
    assert "TaskGroup" not in text
    assert "EmptyOperator" not in text
    assert "GateOperator" not in text
    assert "on_error" not in text
    assert order(text) == "one >> two >> three >> finish"


def test_settings_that_document_tasks_win_over_descriptions() -> None:
    text = """
- step: {name: s, image: i, command: run, description: Say hello.}
- pipeline:
    name: p
    nodes: [{name: one, type: execution, step: s}]
    edges: []
"""
    made = load_text(text, "valohai.yaml").choose()
    (node,) = made.graph.nodes
    assert isinstance(node, ir.ExecutionNode)
    own = replace(node, settings={"airflow": {"doc_md": "Its own."}})
    described = 'doc_md="Say hello."'
    assert described in airflow.generate(made)
    assert described not in airflow.generate(replace(made, settings={"airflow": {"doc_md": "Ours."}}))
    assert described not in airflow.generate(replace(made, graph=replace(made.graph, nodes=(own,))))


STOP_ALL, STOP_NEXT, CONTINUE, RETRY = "stop-all", "stop-next", "continue", "retry"
TOLERANT, STRICT, STOPPING = "continue-and-complete", "continue-and-error", "stop-all-and-error"
EMPTY = 'it_run >> EmptyOperator(task_id="done")'
ONE_COMPLETE = "trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS"
STARTED = 'it_run >> GateOperator(task_id="done")'


@pytest.mark.parametrize(
    ("kind", "on_error", "on_child_error", "shown"),
    [
        ("execution", STOP_ALL, None, None),
        ("execution", STOP_NEXT, None, None),
        ("execution", RETRY, None, None),
        ("execution", CONTINUE, None, STARTED),
        ("task", STOP_ALL, None, EMPTY),
        ("task", STOP_NEXT, None, EMPTY),
        ("task", RETRY, None, EMPTY),
        ("task", CONTINUE, None, ONE_COMPLETE),
        ("task", STOP_ALL, TOLERANT, 'it_run >> GateOperator(task_id="done", needs="one-complete")'),
        ("task", STOP_ALL, STRICT, 'it_run >> GateOperator(task_id="done", needs="all-complete")'),
        ("task", STOP_ALL, STOPPING, EMPTY),
        ("task", RETRY, TOLERANT, 'it_run >> GateOperator(task_id="done", needs="one-complete")'),
        ("task", STOP_NEXT, TOLERANT, ONE_COMPLETE),
        ("task", STOP_NEXT, STRICT, EMPTY),
        ("task", STOP_NEXT, STOPPING, EMPTY),
        ("task", CONTINUE, TOLERANT, ONE_COMPLETE),
        ("task", CONTINUE, STRICT, STARTED),
        ("task", CONTINUE, STOPPING, STARTED),
    ],
)
def test_a_rule_is_one_closing_task(kind: str, on_error: str, on_child_error: str | None, shown: str | None) -> None:
    does = OK if kind == "execution" else [OK, OK]
    text = airflow.generate(pipeline(Node("it", does, on_error, on_child_error)))
    if shown is None:
        assert "TaskGroup" not in text
    else:
        assert shown in text
    assert ('on_error="' in text) == (on_error != STOP_ALL)
    assert ("retries=2" in text) == (on_error == RETRY)
    assert (f'on_child_error="{on_child_error}"' in text) == (on_child_error is not None)


EARLY = "# Wait for these too, not only for the leaves: a leaf can fail while they still run."


@pytest.mark.parametrize(
    ("nodes", "lines"),
    [
        ([Node("a"), Node("b")], "[a, b] >> finish"),
        ([Node("a"), Node("b", after=["a"]), Node("c", after=["a"])], "a >> [b, c] >> finish"),
        # b may run on when c is out because a failed, so the end waits for both.
        ([Node("a"), Node("b"), Node("c", after=["a", "b"])], f"[a, b] >> c\n{EARLY}\n[a, b, c] >> finish"),
        # The executions of a task node may run on when its last task is out.
        (
            [Node("a", [OK]), Node("b", [OK]), Node("c", after=["a", "b"])],
            f"[a, b] >> c\n{EARLY}\n[a_run, b_run, c] >> finish",
        ),
        # d waits for nothing but b, so whoever waits for d has waited for b.
        (
            [Node("a"), Node("b"), Node("c", after=["a", "b"]), Node("d", after=["b"])],
            f"a >> c\nb >> [c, d]\n{EARLY}\n[a, c, d] >> finish",
        ),
    ],
)
def test_order_in_few_lines(nodes: list[Node], lines: str) -> None:
    assert order(airflow.generate(pipeline(*nodes))) == lines


def test_long_chains_are_broken_before_the_line_is_too_long() -> None:
    names = [f"node_with_a_long_name_{number}" for number in range(6)]
    nodes = [Node(name, after=names[place - 1 : place]) for place, name in enumerate(names)]
    text = airflow.generate(pipeline(*nodes))
    assert max(map(len, text.splitlines())) <= 88
    chains = [line.split(" >> ") for line in order(text).splitlines()]
    assert len(chains) > 1
    assert [pair for chain in chains for pair in pairwise(chain)] == list(pairwise([*names, "finish"]))


PARAMETERS = """\
- step:
    name: work
    image: none
    command: echo {parameters}
    parameters:
      - {name: text, type: string, default: some}
      - {name: no_text, type: string}
      - {name: empty, type: string, default: ""}
      - {name: number, type: float, default: 1, min: 0, max: 2.5}
      - {name: count, type: integer, default: 3}
      - {name: choice, type: string, default: a, choices: [a, b]}
      - {name: choice_or_none, type: string, choices: [a, b]}
      - {name: flag, type: flag}
      - {name: switch, type: flag, default: true}
      - {name: several, type: string, multiple: repeat, default: [x, y], description: "What for."}
- pipeline:
    name: Small
    nodes:
      - {name: one, type: KIND, step: work}
    edges: []
"""


def params(text: str) -> dict[str, str]:
    """Return the DAG's params as they are written, each on one line."""
    (value,) = (
        node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.keyword) and node.arg == "params"
    )
    assert isinstance(value, ast.Dict)
    keys = [ast.literal_eval(key) for key in value.keys if key]
    return dict(zip(keys, map(ast.unparse, value.values), strict=True))


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        ("execution", "text", "'some', type='string', title='text', section='one'"),
        ("execution", "no_text", "None, type=['string', 'null'], title='no_text', section='one'"),
        ("execution", "empty", "'', type=['string', 'null'], title='empty', section='one'"),
        ("execution", "number", "1, type='number', minimum=0, maximum=2.5, title='number', section='one'"),
        ("execution", "count", "3, type='integer', title='count', section='one'"),
        ("execution", "choice", "'a', type='string', enum=['a', 'b'], title='choice', section='one'"),
        (
            "execution",
            "choice_or_none",
            "None, type=['string', 'null'], enum=['a', 'b', None], title='choice_or_none', section='one'",
        ),
        ("execution", "switch", "True, type='boolean', title='switch', section='one'"),
        (
            "execution",
            "several",
            (
                "['x', 'y'], type='array', items={'type': 'string'}, title='several', description='What for.', "
                "section='one'"
            ),
        ),
        ("task", "count", "[3], type='array', items={'type': 'integer'}, minItems=1, title='count', section='one'"),
        (
            "task",
            "number",
            (
                "[1], type='array', items={'type': 'number', 'minimum': 0, 'maximum': 2.5}, minItems=1, "
                "title='number', section='one'"
            ),
        ),
        (
            "task",
            "no_text",
            "[None], type='array', items={'type': ['string', 'null']}, minItems=1, title='no_text', section='one'",
        ),
    ],
)
def test_a_parameter_is_a_field_of_the_form(kind: str, name: str, shown: str) -> None:
    loaded = load_text(PARAMETERS.replace("KIND", kind))
    assert params(airflow.generate(loaded.choose()))[f"one.{name}"] == f"Param({shown})"


def test_parameters_that_something_else_sets_are_not_fields() -> None:
    text = airflow.generate(pipeline(Node("one"), Node("two", [OK])))
    assert [name for name in params(text) if ".inputs." not in name] == ["one does", "two does"]
    assert 'parameters={"does": dag_param("two does")}' in text


def test_a_pipeline_parameter_without_a_value_leaves_the_nodes_own() -> None:
    one = pipeline(Node("one"))
    without = replace(one, parameters=tuple(replace(given, default=None) for given in one.parameters))
    text = airflow.generate(without)
    assert 'dag_param("one does", "one.does")' in text
    assert list(params(text)) == ["one does", "one.does", "one.inputs.before"]


def test_equal_steps_are_one_constant_and_different_ones_are_not() -> None:
    made = pipeline(Node("one"), Node("two"), Node("three", more={"override": {"image": "other"}}), Node("four", [OK]))
    first, *others = made.nodes
    for nodes in ((first, *others), (*others, first), tuple(reversed(made.nodes))):
        text = airflow.generate(replace(made, graph=ir.Graph(nodes)))
        constants = re.findall(r"^([A-Z_]+) = Step\(", text, re.MULTILINE)
        assert sorted(constants) == ["WORK", "WORK_FOR_THREE"]
        assert body(text).count("step=WORK,") == 4


@pytest.mark.parametrize(
    "name", ["class", "import os", "a b/c", "../x", "🚀", "finish", "dag", "Step", "grid", "print"]
)
def test_any_name_of_a_node(name: str) -> None:
    one = pipeline(Node("it"), Node("other"))
    it, other = one.nodes
    named = replace(it, name=name)  # type: ignore[call-arg]
    text = airflow.generate(replace(one, graph=ir.Graph((named, other)), parameters=()))
    compile(text, "dag.py", "exec")
    task = re.search(r'(\w+) = StepOperator\([^\n]*\n\s+task_id="([\w-]+)",\n(        task_display_name=)?', text)
    assert task
    variable, own_id, shown = task.groups()
    assert variable.isidentifier()
    assert variable not in ("finish", "dag", "Step", "print")
    assert own_id != "finish"
    assert bool(shown) is (own_id != name)
    assert own_id == name or name in {"import os", "a b/c", "../x", "🚀", "finish"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Training Pipeline", "training_pipeline.py"),
        ("training", "training.py"),
        ("../../etc/passwd", "etc_passwd.py"),
        ("class", "class.py"),
    ],
)
def test_the_file_is_named_after_the_pipeline(name: str, file: str) -> None:
    one = pipeline(Node("one"), name=name)
    assert airflow.file_name(one) == file
    assert f'dag_id="{file.removesuffix(".py")}"' in airflow.generate(one)
    shown = f'dag_display_name="{name}"'
    assert (shown in airflow.generate(one)) is (name != file.removesuffix(".py"))


def test_many_params_of_many_tasks_come_late() -> None:
    """Airflow copies a DAG's params into every task, so that they cost what the square of the pipeline does."""
    few, many = (pipeline(*(Node(f"n{number}") for number in range(count))) for count in (20, 35))
    assert len(params(airflow.generate(few))) == 40
    text = airflow.generate(many)
    assert "\n    params={" not in text
    assert "noqa" not in text
    assert text.index("finish = ") < text.index("\n    dag.params.update(")


def test_a_node_is_defined_after_those_that_it_refers_to() -> None:
    text = airflow.generate(pipeline(Node("last", after=["first"]), Node("first"), Node("other")))
    places = [text.index(f"\n    {name} = ") for name in ("first", "last", "other", "finish")]
    assert places == sorted(places)
    assert 'input_edges={"before": [output(first, "made")]},' in text


def test_the_project_path_is_relative_to_the_dag_file() -> None:
    text = airflow.generate(pipeline(Node("one")), GenerateOptions(project="../repository"))
    assert 'PROJECT = Path(__file__).parent / "../repository"\n' in text


def _with_axis(one: ir.Pipeline, count: int) -> ir.Pipeline:
    (node,) = one.nodes
    assert isinstance(node, ir.TaskNode)
    grid = replace(node.grid, axes=(ir.Axis("does", tuple(map(str, range(count))), SPAN),))
    return replace(one, graph=ir.Graph((replace(node, grid=grid),)), parameters=())


def _with_batches(one: ir.Pipeline, count: int, size: int) -> ir.Pipeline:
    (node,) = one.nodes
    assert isinstance(node, ir.TaskNode)
    search = ir.Search(count, "seed", {}, ir.Objective("accuracy", 1, size))
    grid = replace(node.grid, kind=ir.GridKind.OPTIMISER, search=search)
    return replace(one, graph=ir.Graph((replace(node, grid=grid),)), parameters=())


REFUSED: dict[str, tuple[str, Callable[[ir.Pipeline], ir.Pipeline]]] = {
    "approval": (
        "unsupported-approval",
        lambda one: replace(one, graph=ir.Graph((ir.ApprovalNode("a", SPAN),)), parameters=()),
    ),
    "loop": (
        "unsupported-loop",
        lambda one: replace(one, graph=ir.Graph((ir.LoopNode("l", SPAN, one.graph, "x", 3),)), parameters=()),
    ),
    "a Bayesian search with too many batches": ("too-many-batches", lambda one: _with_batches(one, 101, 1)),
    "two meanings of a key": (
        "ambiguous-parameter",
        lambda one: replace(one, parameters=(replace(one.parameters[0], name="it.does"),)),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_have_a_code_and_a_location(case: str) -> None:
    code, change = REFUSED[case]
    changed = change(pipeline(Node("it", [OK])))
    found = Diagnostics()
    airflow.check(changed, found)
    assert {diagnostic.code for diagnostic in found} == {code}
    assert all(diagnostic.span for diagnostic in found)


@pytest.mark.parametrize("change", [lambda one: _with_axis(one, 5000), lambda one: _with_batches(one, 5000, 2500)])
def test_the_deployment_limits_grids(change: Callable[[ir.Pipeline], ir.Pipeline]) -> None:
    """``[core] max_map_length`` may be greater than Airflow's default, so ``large-grid`` is only a warning."""
    changed = change(pipeline(Node("it", [OK])))
    found = Diagnostics()
    airflow.check(changed, found)
    assert not list(found)
    assert airflow.generate(changed)


def test_the_most_batches() -> None:
    assert "range(1, 101)" in airflow.generate(_with_batches(pipeline(Node("it", [OK])), 1000, 10))


def test_the_argument_list_of_a_run() -> None:
    command = airflow.run_command(
        Path("dag.py"),
        store="s3://b/a",
        run="r",
        project=Path("p"),
        parameters={"a": (1, 2), "b c": "x"},
        home=Path("h"),
        jobs=3,
    )
    assert command[1:4] == ["-m", "airflow_plugin.embedded", "dag.py"]
    assert command[-1] == '{"a": [1, 2], "b c": "x"}'


def test_a_form_shows_what_an_edge_sets_and_keeps_a_grid_filled() -> None:
    text = airflow.generate(
        load_text(
            """
- step:
    name: work
    image: x
    command: echo {parameters}
    parameters:
      - {name: size, type: integer, default: 1, description: How much.}
- pipeline:
    name: p
    nodes:
      - {name: a, type: execution, step: work}
      - {name: b, type: task, step: work}
    edges:
      - [a.metadata.best, b.parameter.size]
""",
            "v.yaml",
        ).choose()
    )
    field = text.partition('"b.size": Param(')[2]
    assert "minItems=1," in field
    assert 'description="How much. Used only if a.metadata.best has no value.",' in field
    assert "minItems" not in text.partition('"b.size": Param(')[0]
