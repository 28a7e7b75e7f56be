"""Test that task blueprints become grids, computed when translating."""

import random

import pytest

from tests.dialects.valohai.marks import check
from translator import ir
from translator.load import load_text

HEAD = """\
- step:
    name: s
    image: i
    command: echo {parameters}
    parameters:
      - {name: lr, type: float, default: 0.5, max: 1000}
      - {name: n, type: integer, default: 7}
      - {name: t}
      - {name: f, type: flag}
      - {name: m, type: integer, multiple: repeat, default: [1, 2]}
"""
TAIL = """\
- pipeline:
    name: P
    nodes:
      - name: a
        type: task
        task: blue
        override:
          parameters: [{name: lr, default: 0.25}]
    edges: []
"""


def blueprint(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    return f"{HEAD}- task:\n    name: blue\n    step: s\n{lines}\n{TAIL}"


def grid(body: str) -> ir.Grid:
    (node,) = check(blueprint(body)).choose().nodes
    assert isinstance(node, ir.TaskNode)
    return node.grid


def variant(name: str, style: str, rules: str) -> str:
    return f"parameters:\n  - {{name: {name}, style: {style}, rules: {{{rules}}}}}"


AXES = [
    ("lr", "multiple", "items: [0.1, 1, 10]", (0.1, 1, 10)),
    ("lr", "multiple", "items: ['0.1', '1']", (0.1, 1)),
    ("t", "multiple", "items: [a, 'b, c', 3, true]", ("a", "b, c", 3, True)),
    ("f", "multiple", "items: [true, false]", (True, False)),
    ("m", "multiple", "items: [1, 2]", ((1,), (2,))),
    ("n", "multiple", "items: [1.4, 1.5, 2.5, 2.6, 3], integerify: true", (1, 2, 3)),
    ("lr", "single", "value: 3", (3,)),
    ("lr", "linear", "start: 0.1, end: 0.3, step: 0.1", (0.1, 0.2, 0.3)),
    ("lr", "linear", "start: 0, end: 1, step: 0.4", (0.0, 0.4, 0.8)),
    ("n", "linear", "start: 1, end: 3", (1, 2, 3)),
    ("n", "linear", "start: 25, end: 25, step: 1", (25,)),
    ("n", "linear", "start: 3, end: 1, step: -1", (3, 2, 1)),
    ("n", "linear", "min: 0, max: 10, step: 5", (0, 5, 10)),
    ("n", "linear", "start: 0, end: 2, step: 0.5, integerify: true", (0, 1, 2)),
    ("n", "logspace", "start: 2, end: 8, count: 4, base: 2", (4, 16, 64, 256)),
    ("lr", "logspace", "start: -3, end: -1, count: 3", (0.001, 0.01, 0.1)),
    ("lr", "logspace", "min: 0, max: 2, count: 2", (1.0, 100.0)),
    ("lr", "logspace", "start: 1, end: 2, count: 1", (10.0,)),
    ("n", "logspace", "start: 0, end: 1, count: 4, integerify: true", (1, 2, 5, 10)),
]


@pytest.mark.parametrize(("name", "style", "rules", "values"), AXES)
def test_axes(name, style, rules, values):
    (axis,) = grid(variant(name, style, rules)).axes
    assert axis.parameter == name
    assert axis.values == pytest.approx(values) if style == "logspace" else axis.values == values
    assert [type(value) for value in axis.values] == [type(value) for value in values]


def test_values_wins_over_the_override_of_the_node():
    (node,) = check(blueprint(variant("lr", "multiple", "items: [1, 2]"))).choose().nodes
    assert isinstance(node, ir.TaskNode)
    assert node.step.parameters[0].default == 0.25
    assert node.grid.axes[0].values == (1.0, 2.0)


MANUAL = [
    ("parameter-sets: [{lr: 1, n: 2}, {lr: 3, n: 4}]", ({"lr": 1.0, "n": 2}, {"lr": 3.0, "n": 4})),
    ("parameter-sets: [{m: [1, 2]}, {}, {m: 3}]", ({"m": (1, 2)}, {"m": (3,)})),
    (variant("n", "multiple", "items: [1, 2]"), ({"n": 1}, {"n": 2})),
    (
        variant("n", "single", "value: 1") + "\nparameter-sets: [{t: x}, {t: y}]",
        ({"n": 1, "t": "x"}, {"n": 1, "t": "y"}),
    ),
]


@pytest.mark.parametrize(("body", "points"), MANUAL)
def test_manual_search(body, points):
    read = grid(f"type: manual_search\n{body}")
    assert (read.kind, read.axes, tuple(map(dict, read.points))) == (ir.GridKind.ZIP, (), points)


def test_a_grid_search_makes_axes_of_parameter_sets():
    """As ``Task.serialize_to_template`` of the vendor does; its linter warns."""
    text = blueprint("parameter-sets: [{n: 1, t: x}, {n: 2}]").replace(
        "    name: blue", "    name: blue #! warning lint"
    )
    (node,) = check(text).choose().nodes
    assert isinstance(node, ir.TaskNode)
    assert [(axis.parameter, axis.values) for axis in node.grid.axes] == [("n", (1, 2)), ("t", ("x",))]


POLICIES = [
    ("on-child-error: continue-and-complete", ir.Policy(on_child_error=ir.OnChildError.CONTINUE_AND_COMPLETE)),
    ("on-child-error: STOP_ALL_AND_ERROR", ir.Policy(on_child_error=ir.OnChildError.STOP_ALL_AND_ERROR)),
    ("maximum-queued-executions: 3", ir.Policy(concurrency=3)),
    ("type: GRID-search", ir.Policy()),
]


@pytest.mark.parametrize(("line", "policy"), POLICIES)
def test_policy(line, policy):
    (node,) = check(blueprint(f"{line}\n{variant('n', 'single', 'value: 1')}")).choose().nodes
    assert isinstance(node, ir.TaskNode)
    assert node.policy == policy


def test_a_grid_has_random_values_that_stay_the_same():
    body = variant("lr", "random", "min: 0, max: 1, count: 3")
    (axis,) = grid(body).axes
    generator = random.Random("P/a/lr")  # noqa: S311 - what the documentation promises
    assert axis.values == tuple(generator.uniform(0, 1) for _ in range(3))
    (seeded,) = grid(variant("lr", "random", "min: 0, max: 1, count: 3, seed: 7")).axes
    generator = random.Random("7/lr")  # noqa: S311
    assert seeded.values == tuple(generator.uniform(0, 1) for _ in range(3))


def test_random_integers_occur_once_in_a_grid():
    (axis,) = grid(variant("n", "random", "min: 1, max: 3, count: 50")).axes
    assert sorted(axis.values) == [1, 2, 3]


def test_a_random_search_is_not_drawn_when_translating():
    body = """
type: random-search
execution-count: 9
parameters:
  - {name: lr, style: random, rules: {min: 0.5, max: 10, distribution: Log-Uniform, count: 3}}
  - {name: n, style: random, rules: {min: 1, max: 3, seed: 4}}
  - {name: t, style: multiple, rules: {items: [x, y]}}
"""
    read = grid(body)
    assert read.kind is ir.GridKind.RANDOM
    assert read.search == ir.Search(
        9,
        "P/a",
        {
            "lr": ir.Distribution(0.5, 10, ir.DistributionKind.LOGUNIFORM),
            "n": ir.Distribution(1, 3, integers=True, seed=4),
        },
    )
    assert [(axis.parameter, axis.values) for axis in read.axes] == [("t", ("x", "y"))]


def test_a_bayesian_search_has_an_objective():
    body = """
type: Bayesian-TPE
execution-count: 9
execution-batch-size: 4
optimization-target-metric: accuracy
optimization-target-value: 1
engine: optuna
parameters:
  - {name: n, style: random, rules: {min: 1, max: 3}}
"""
    read = grid(body)
    assert read.kind is ir.GridKind.OPTIMISER
    space = {"n": ir.Distribution(1, 3, integers=True)}
    assert read.search == ir.Search(9, "P/a", space, ir.Objective("accuracy", 1.0, 4))


BAD = [
    "parameters: [{name: lrr, style: single, rules: {value: 1}}] #! error unknown-parameter",
    "parameters: [{name: lr, style: single, rules: {}}] #! error bad-rules",
    "parameters: [{name: lr, style: multiple, rules: {}}] #! error bad-rules",
    "parameters: [{name: lr, style: multiple, rules: {items: []}}] #! warning empty-grid",
    "parameters: [{name: lr, style: multiple, rules: {items: [x]}}] #! error bad-value",
    "parameters: [{name: lr, style: multiple, rules: {items: [1001]}}] #! error bad-value",
    "parameters: [{name: lr, style: multiple, rules: {items: [.nan]}}] #! error bad-value",
    "parameters: [{name: lr, style: linear, rules: {start: 1}}] #! error bad-rules",
    "parameters: [{name: lr, style: linear, rules: {start: 1, end: 2, step: 0}}] #! error bad-rules",
    "parameters: [{name: lr, style: linear, rules: {start: 2, end: 1}}] #! error bad-rules",
    "parameters: [{name: lr, style: linear, rules: {start: .inf, end: 1}}] #! error bad-rules",
    "parameters: [{name: lr, style: linear, rules: {start: 0, end: 1.0e+300, step: 1.0e-300}}] #! error bad-rules",
    "parameters: [{name: n, style: linear, rules: {start: 0, end: 1, step: 0.5}}] #! error bad-value",
    "parameters: [{name: n, style: linear, rules: {start: 1, end: 2000}}] #! warning large-grid",
    "parameters: [{name: lr, style: logspace, rules: {start: 1, end: 2}}] #! error bad-rules",
    "parameters: [{name: lr, style: logspace, rules: {start: 1, end: 2, count: 1.5}}] #! error bad-rules",
    "parameters: [{name: lr, style: logspace, rules: {start: 1, end: 2, count: 0}}] #! error bad-rules",
    "parameters: [{name: lr, style: logspace, rules: {start: 1, end: 2, count: 1.0e+9}}] #! error bad-rules",
    "parameters: [{name: lr, style: logspace, rules: {start: 0, end: 999, count: 2}}] #! error bad-rules",
    "parameters: [{name: lr, style: logspace, rules: {start: 0.5, end: 1, count: 2, base: -2}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, count: 3}}]",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {max: 1, count: 3}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 2, max: 1, count: 3}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, count: 0}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 1001, max: 1002, count: 1}}] #! error bad-value",
    "parameters: [{name: n, style: random, rules: {min: 0.1, max: 0.9, count: 3}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, distribution: loguniform}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, distribution: normal}}] #! error bad-rules",
    "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, count: 3, base: 2}}] #! warning ignored-rule",
    "parameters: [{name: lr, style: single, rules: {value: 1, distribution: uniform}}] #! warning ignored-rule",
    "parameters: [{name: lr, style: single, rules: {value: 1, count: 3}}] #! warning ignored-rule",
    "parameters: [{name: lr, style: single, rules: {value: 1, seed: 3}}] #! warning ignored-rule",
    "parameters: [{name: lr, style: single, rules: {value: 1, numberify: true}}] #! note ignored-numberify",
    "parameters: [{name: lr, style: single, rules: {valeu: 1}}] #! error unknown-key",
    "parameters: [{name: lr, style: best, rules: {}}] #! error bad-value",
    "type: random_search #! error bad-search\nparameter-sets: [] ",
    "type: random_search\nexecution-count: 0 #! error bad-search\nparameters: []",
    "type: random_search\nexecution-count: -1 #! error bad-search\nparameters: []",
    "type: random_search\nexecution-count: 1000000 #! error bad-search\nparameters: []",
    "type: random_search\nexecution-count: 3\nparameters: []",
    (
        "type: random_search\nexecution-count: 3\n"
        "parameters: [{name: lr, style: random, rules: {min: 0, max: 1001}}] #! error bad-value"
    ),
    "type: random_search\nexecution-count: 3\nparameters: [{name: n, style: random, rules: {min: 0.5, max: 9}}]",
    "type: random_search\nexecution-count: 1000\nparameters: []",
    "type: bayesian-tpe #! error bad-search\nexecution-count: 3\nparameters: []",
    "type: bayesian-tpe #! error bad-search\nexecution-count: 3\noptimization-target-metric: x\nparameters: []",
    "type: bayesian-tpe #! error bad-search\nexecution-count: 3\noptimization-target-value: 1\nparameters: []",
    (
        "type: bayesian-tpe #! error bad-search\nexecution-batch-size: 2\n"
        "optimization-target-metric: x\noptimization-target-value: 1\nparameters: []"
    ),
    (
        "type: bayesian-tpe\nexecution-count: 3\nexecution-batch-size: 0 #! error bad-search\n"
        "optimization-target-metric: x\noptimization-target-value: 1\nparameters: []"
    ),
    (
        "type: bayesian-tpe\nexecution-count: 3\nexecution-batch-size: 2\n"
        "optimization-target-metric: x\noptimization-target-value: .inf #! error bad-search\nparameters: []"
    ),
    (
        "type: bayesian-tpe #! note assumed-batch-size\nexecution-count: 3\n"
        "optimization-target-metric: x\noptimization-target-value: 1\nparameters: []"
    ),
    (
        "type: bayesian-tpe\nexecution-count: 3\nexecution-batch-size: 2\nengine: hyperopt #! warning other-optimiser\n"
        "optimization-target-metric: x\noptimization-target-value: 1\nparameters: []"
    ),
    (
        "type: bayesian-tpe\nexecution-count: 3\nexecution-batch-size: 2\n"
        "optimization-target-metric: x\noptimization-target-value: 1\n"
        "parameters: [{name: lr, style: random, rules: {min: 0, max: 1, seed: 3}}] #! warning ignored-rule"
    ),
    "type: distributed #! error bad-distributed\nparameters: []",
    "type: distributed\nexecution-count: 0 #! error bad-distributed\nparameters: []",
    "type: distributed\nexecution-count: 1025 #! error bad-distributed\nparameters: []",
    "type: distributed\nexecution-count: 3\nmaximum-queued-executions: 2 #! error bad-distributed\nparameters: []",
    (
        "type: distributed\nexecution-count: 3\n"
        "parameters: [{name: n, style: multiple, rules: {items: [1, 2]}}] #! error bad-distributed"
    ),
    (
        "type: distributed\nexecution-count: 3\non-child-error: continue-and-error #! warning distributed-policy\n"
        "parameters: []"
    ),
    "type: distributed\nexecution-count: 3\nreuse-children: true #! note ignored-reuse\nparameters: []",
    "type: distributed\nexecution-count: 3\nparameters: [{name: n, style: single, rules: {value: 2}}]",
    "type: grid #! error bad-value\nparameters: []",
    "on-child-error: continue #! error bad-value\nparameters: []",
    "stop-condition: n > 3\nparameters: []",
    "type: distributed\nexecution-count: 2\nstop-condition: n > 3 #! error unsupported-stop-condition\nparameters: []",
    "stop-condition: n >>> 3 #! error bad-expression\nparameters: []",
    "stop-condition: execution.duration > 3 #! error unsupported-stop-condition\nparameters: []",
    "reuse-children: true\nparameters: []",
    "execution-count: 3 #! note ignored-execution-count\nparameters: []",
    "parameters: 3 #! error bad-type",
    "maximum-queued-executions: 0 #! error bad-value\nparameters: []",
    (
        "parameters: [{name: n, style: single, rules: {value: 1}}, {name: n, style: single, rules: {value: 2}}]"
        " #! warning duplicate-name"
    ),
    "type: manual_search\nparameter-sets: [{x: 1}] #! error unknown-parameter",
    "type: manual_search\nparameter-sets: [{n: {a: 1}}] #! error bad-value",
    "type: manual_search\nparameter-sets: [{n: [1, 2]}] #! error bad-value",
    "type: manual_search\nparameter-sets: [{n: 1}, {t: x}] #! warning uneven-parameter-sets",
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_wrong_is_found_where_it_is(body):
    check(blueprint(body))


def test_lists_of_different_lengths_are_not_paired():
    check(
        blueprint(
            "type: manual_search\n"
            "parameters:\n"
            "  - {name: n, style: multiple, rules: {items: [1, 2]}} #! error unsupported-uneven-search\n"
            "  - {name: t, style: multiple, rules: {items: [a, b, c]}}\n"
        )
    )


@pytest.mark.parametrize("rules", ["min: 0, max: 1{0}", "min: -1{0}, max: 1", "min: 0, max: 1, seed: 1{0}"])
def test_random_numbers_have_a_highest_value(rules: str) -> None:
    written = rules.format("0" * 400)
    loaded = load_text(
        "- step: {name: t, image: b, command: run, parameters: [{name: x, type: float}]}\n"
        "- task: {name: k, step: t, type: random_search, execution-count: 3,\n"
        f"    parameters: [{{name: x, style: random, rules: {{{written}}}}}]}}\n"
        "- pipeline: {name: P, nodes: [{name: n, type: task, task: k}], edges: []}\n"
    )
    assert [(one.code, one.span and one.span.line) for one in loaded.diagnostics.found if one.severity == "error"] == [
        ("bad-rules", 3)
    ]
