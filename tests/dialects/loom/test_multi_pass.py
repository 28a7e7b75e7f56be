"""Test ``multi_pass``: the iterations of a group become steps, and conditions end them."""

import pytest

from tests.dialects.loom.marks import check, defaults, edges, nodes, read, targets
from translator import ir
from translator.dialects.loom.expressions import ExpressionError, evaluate
from translator.ir import Gate, StepKind
from translator.load import load_text

GROUP = """\
data: {raw: raw.csv, model: output/model.bin, score: output/score}
parameters: {rate: 0.5, tolerance: 0.1, seed: 1}
pipeline:
  - group: refine
    steps:
      - {name: fit, task: f.py, inputs: {raw: $raw}, outputs: {-o: $model}, args: {--rate: $rate, --seed: $seed}}
      - {name: rate, task: r.py, inputs: {model: $model}, outputs: {-o: $score}}
    multi_pass: {%s}
  - {name: use, task: u.py, inputs: {model: $model}}
"""
SCHEDULE = "schedule: [{rate: 1.0}, {rate: 0.1, seed: 2}]"


def values(node: ir.StepNode) -> dict[str, ir.Value]:
    return {parameter.name: parameter.default for parameter in node.step.parameters}


def test_each_iteration_is_a_step_with_its_own_values_and_paths():
    found = nodes(read(GROUP % SCHEDULE))
    assert list(found) == ["fit_iter0", "rate_iter0", "fit_iter1", "rate_iter1", "refine", "use"]
    assert values(found["fit_iter0"]) == {"raw": "raw.csv", "-o": "output/model_iter0.bin", "--rate": 1.0, "--seed": 1}
    assert values(found["fit_iter1"]) == {"raw": "raw.csv", "-o": "output/model_iter1.bin", "--rate": 0.1, "--seed": 2}
    assert values(found["rate_iter1"]) == {"model": "output/model_iter1.bin", "-o": "output/score_iter1"}
    assert found["rate_iter1"].group == "refine iteration 1"


def test_iterations_run_in_order_and_the_group_collects_the_last_files():
    pipeline = read(GROUP % SCHEDULE)
    found = set(edges(pipeline))
    assert {"fit_iter0 -> rate_iter0.model", "rate_iter0 -> fit_iter1", "fit_iter1 -> rate_iter1"} <= found
    assert {"fit_iter0 -> refine.model_iter0", "rate_iter1 -> refine.score_iter1", "refine -> use.model"} <= found
    refine = nodes(pipeline)["refine"]
    assert refine.step.kind is StepKind.COLLECT
    assert dict(refine.step.options) == {"iterations": 2, "outputs": ("model", "score")}
    assert [(o.name, o.path) for o in refine.step.outputs] == [("model", "output/model.bin"), ("score", "output/score")]


def test_parameters_that_no_iteration_sets_stay_those_of_the_run():
    pipeline = read(GROUP % SCHEDULE)
    assert targets(pipeline, "seed") == ["fit_iter0.--seed"]
    assert "rate" not in defaults(pipeline)
    assert targets(pipeline, "data.model") == ["refine.model", "use.model"]


def test_expressions_know_the_iteration_and_earlier_expressions():
    text = GROUP % 'count: 3, expressions: {rate: "0.5 ** iter", seed: "int(rate * 8) if iter else -1"}'
    found = nodes(read(text))
    assert [(values(found[f"fit_iter{i}"])["--rate"], values(found[f"fit_iter{i}"])["--seed"]) for i in range(3)] == [
        (1.0, -1),
        (0.5, 4),
        (0.25, 2),
    ]


def test_feedback_brings_a_file_of_the_previous_iteration():
    text = GROUP % (SCHEDULE + ', feedback: {"fit.-o": fit.--start, "rate.-o": fit.raw}')
    pipeline = read(text)
    first, second = (nodes(pipeline)[f"fit_iter{i}"] for i in range(2))
    assert "--start" not in values(first)
    assert values(second)["--start"] == "output/model_iter0.bin"
    assert values(second)["raw"] == "output/score_iter0"
    assert {"fit_iter0 -> fit_iter1.--start", "rate_iter0 -> fit_iter1.raw"} <= set(edges(pipeline))
    assert {parameter.name: parameter.pass_as for parameter in second.step.parameters}["--start"] == "--start"


def test_a_condition_ends_the_iterations():
    text = GROUP % "count: 3, condition: {script: stop.py, inputs: {model: $model}, args: {tolerance: $tolerance}}"
    pipeline = read(text)
    found = nodes(pipeline)
    stop = found["refine_stop_iter1"]
    assert (stop.step.kind, stop.step.command) == (StepKind.CONDITION, ("stop.py",))
    assert values(stop) == {"model": "output/model_iter1.bin", "tolerance": 0.1}
    assert found["fit_iter2"].policy.gates == (Gate(expected=False, node="refine_stop_iter1"),)
    assert {"rate_iter1 -> refine_stop_iter1", "refine_stop_iter1 -> fit_iter2"} <= set(edges(pipeline))
    assert not found["refine"].policy.gates


CASES = [
    "schedule: []",
    "schedule: [x]",
    "schedule: {rate: 1}",
    "count: 0",
    "count: two",
    "count: 1001",
    "schedule: [{rate: 1}], expressions: {rate: '1'}, count: 2",
    "expressions: {rate: '1'}",
    "expressions: {rate: 'iter +'}, count: 2",
    "expressions: {rate: 'seed + 1'}, count: 2",
    "expressions: {rate: '__import__(\"os\")'}, count: 2",
    "expressions: {rate: '1 / iter'}, count: 2",
    "expressions: {rate: '9 ** 9 ** 9'}, count: 2",
    "condition: {inputs: {}}",
    "condition: x",
    "feedback: {fit: rate.--x}",
    "feedback: {'fit.-o': rates.--x}",
    "feedback: {'fit.-x': rate.--x}",
    "feedback: {'fti.-o': rate.--x}",
]


@pytest.mark.parametrize("case", CASES)
def test_an_invalid_multi_pass_is_an_error(case: str):
    (finding,) = load_text(GROUP % case, dialect="loom").diagnostics
    assert (finding.severity, finding.span.line if finding.span else 0) == ("error", 8)


STEPS = [
    "{name: a, task: a.py, loop: {over: x, into: output/y}} #! error unsupported-in-multi-pass",
    "{name: a, kind: condition, predicate: exists, inputs: {data: x}} #! error unsupported-in-multi-pass",
    "{name: a, task: a.py, optional: true} #! warning ignored-flag",
    "{name: a, task: a.py, disabled: true} #! warning ignored-flag",
]


@pytest.mark.parametrize("step", STEPS)
def test_steps_that_loom_cannot_repeat_are_errors(step: str):
    check(f"pipeline:\n- group: g\n  multi_pass: {{count: 2}}\n  steps:\n  - {step}")


def test_names_that_iterations_take():
    text = "pipeline:\n- {name: a_iter0, task: a.py}\n- group: g\n  multi_pass: {}\n  steps:\n  - {name: a, task: a.py}"
    check(text.replace("- {name: a, task: a.py}", "- {name: a, task: a.py} #! error duplicate-name"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("iter", 2),
        ("max(1, iter, 0.5)", 2),
        ("round(10 / 3, 2)", 3.33),
        ("[1, 2, 4][iter]", 4),
        ("(0.1, 0.2)[-1]", 0.2),
        ("1 < iter <= 2", True),
        ("not iter or 'x'", "x"),
        ("iter and None", None),
        ("'a' + 'b'", "ab"),
        ("-iter // 2 % 5", 4),
        ("True + 1", 2),
    ],
)
def test_expressions(text: str, value: object):
    assert evaluate(text, {"iter": 2}) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "open('a')",
        "iter.real",
        "lambda: 1",
        "[i for i in (1,)]",
        "2 ** 100000",
        "'a' * 10**9",
        "f'{iter}'",
        "(" * 300,
    ],
)
def test_expressions_that_are_refused(text: str):
    with pytest.raises(ExpressionError):
        evaluate(text, {"iter": 2})
