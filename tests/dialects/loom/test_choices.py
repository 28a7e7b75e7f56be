"""Test the choices of Loom's command line: which steps run, and with which parameters and paths."""

import pytest

from tests.dialects.controlflow.marks import branch, magnus
from tests.dialects.loom.marks import check, defaults, edges, nodes
from translator import ir
from translator.dialects import ChoiceError
from translator.dialects.loom.choices import LoomChoices
from translator.dialects.loom.overrides import typed
from translator.load import load_text

TEXT = """\
data:
  raw: raw.csv
  run: {type: data_folder, path: output/run}
  model: {path: model.bin, nested_in: $run}
  plot: output/plot.txt
parameters: {rate: 1, deep: true}
pipeline:
  - {name: train, task: t.py, inputs: {raw: $raw}, outputs: {-o: $run}, args: {--rate: $rate, --name: $name}}
  - group: after
    steps:
      - {name: check, kind: condition, predicate: exists, inputs: {data: $model}}
      - {name: way, kind: switch, condition: $check, data: $model}
      - {name: use, task: u.py, inputs: {model: $way.then, more: $extra}}
  - {name: plot, task: p.py, optional: true, inputs: {model: $model}, outputs: {-o: $plot}, args: {--deep: $deep}}
  - {name: old, task: o.py, disabled: true, inputs: {plot: $plot}}
  - group: again
    multi_pass: {count: 2}
    steps: [{name: turn, task: a.py, inputs: {plot: $plot}, outputs: {-o: output/turn}}]
  - {name: each, task: e.py, loop: {over: $folder, into: output/each}}
"""
COMPLETED = {"parameters": ("name=x",), "data": ("extra=e.txt", "folder=f")}


def chosen(**choices: object) -> ir.Pipeline:
    """Return the pipeline of a file with all options of the command line."""
    given = {**choices}
    for key, values in COMPLETED.items():
        given[key] = (*values, *given.get(key, ()))
    loaded = load_text(
        TEXT.replace("output/turn", "$turn").replace("plot: output", "turn: output/turn\n  plot: output"),
        "flow.yml",
        choices=LoomChoices(**given),
    )
    return loaded.choose()


def names(pipeline: ir.Pipeline) -> list[str]:
    return [node.name for node in pipeline.nodes]


AGAIN = ["turn_iter0", "turn_iter1", "again"]


def test_by_default_all_steps_except_disabled_ones_are_translated():
    pipeline = chosen()
    assert names(pipeline) == ["train", "check", "use", "plot", *AGAIN, "each"]
    assert defaults(pipeline)["include.plot"] is False


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (("train",), ["train"]),
        (("plot", "train"), ["train", "plot"]),
        (("old",), ["old"]),
        (("again",), AGAIN),
        (("check", "way", "use"), ["check", "use"]),
    ],
)
def test_only_the_named_steps_whatever_their_flags(steps: tuple[str, ...], expected: list[str]):
    pipeline = chosen(steps=steps)
    assert names(pipeline) == expected
    assert not [parameter for parameter in defaults(pipeline) if parameter.startswith("include.")]


def test_excluded_steps_produce_nothing():
    pipeline = chosen(steps=("plot", "use"))
    assert edges(pipeline) == []
    assert defaults(pipeline) == {
        "deep": True,
        "data.model": "output/run/model.bin",
        "data.plot": "output/plot.txt",
        "data.extra": "e.txt",
    }


def test_a_switch_outside_the_run_blocks_no_step():
    assert nodes(chosen(steps=("use",)))["use"].policy.gates == ()


def test_a_step_and_all_that_the_file_lists_after_it():
    assert names(chosen(first="check")) == ["check", "use", "plot", *AGAIN, "each"]
    assert names(chosen(first="old")) == [*AGAIN, "each"]


@pytest.mark.parametrize(("group", "expected"), [("after", ["check", "use"]), ("again", AGAIN)])
def test_the_steps_of_a_group(group: str, expected: list[str]):
    assert names(chosen(group=group)) == expected


def test_optional_steps_are_included_by_default_on_request():
    pipeline = chosen(include=("plot",))
    assert defaults(pipeline)["include.plot"] is True
    assert nodes(pipeline)["plot"].policy.gates[0].excludes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("-2", -2),
        ("2.0", 2.0),
        ("2.", 2.0),
        (".5", 0.5),
        ("1_0", 10),
        ("1e3", "1e3"),
        ("1.0e3", 1000.0),
        ("TRUE", True),
        ("False", False),
        ("yes", "yes"),
        ("", ""),
        ("a.b", "a.b"),
        ("nan", "nan"),
        ("a=b", "a=b"),
    ],
)
def test_parameters_are_typed_as_loom_types_them(text: str, value: object):
    found = typed(text)
    assert (found, type(found)) == (value, type(value))
    parameter = next(
        p for p in nodes(chosen(parameters=(f"rate={text}",)))["train"].step.parameters if p.name == "--rate"
    )
    assert (parameter.default, type(parameter.default)) == (value, type(value))


def test_a_nested_path_follows_its_container():
    pipeline = chosen(data=("run=other/run", "raw=https://example.org/r.csv"))
    assert defaults(pipeline)["data.model"] == "other/run/model.bin"
    assert defaults(pipeline)["data.raw"] == "https://example.org/r.csv"
    assert "train -> use.model" in edges(pipeline)


def test_the_last_one_wins():
    assert defaults(chosen(parameters=("rate=1", "rate=2")))["rate"] == 2


def test_more_arguments_for_one_step():
    (node,) = chosen(steps=("train",), extra=" --fast  --top 3 ").nodes
    assert isinstance(node, ir.ExecutionNode)
    assert node.step.options["extra"] == ("--fast", "--top", "3")


def test_steps_that_run_in_the_project():
    assert {node.step.options.get("in_place") for node in nodes(chosen(in_place=True)).values()} == {True}


@pytest.mark.parametrize(
    ("execution", "choices", "expected"),
    [
        ("{}", {}, (1, 4)),
        ("{}", {"parallel": True}, (None, 1)),
        ("{}", {"parallel": True, "max_workers": 3}, (3, 1)),
        ("{}", {"max_workers": 3}, (1, 3)),
        ("{parallel: true, max_workers: 2}", {}, (2, 1)),
        ("{parallel: true, max_workers: 2}", {"parallel": False}, (1, 2)),
        ("{parallel: true, max_workers: 2}", {"max_workers": 9}, (9, 1)),
    ],
)
def test_how_many_run_at_once(execution: str, choices: dict, expected: tuple):
    loop = "{over: a, into: output/b, parallel: true}"
    text = f"execution: {execution}\npipeline: [{{name: s, task: s.py, loop: {loop}}}]"
    pipeline = load_text(text, choices=LoomChoices(**choices)).choose()
    assert (pipeline.concurrency, pipeline.nodes[0].policy.concurrency) == expected


REFUSED = [
    ({"steps": ("trian",)}, "--step trian: there is no step 'trian'", "did you mean 'train'?"),
    ({"first": "turn"}, "--from turn: there is no step 'turn'", "did you mean 'train'?"),
    ({"include": ("plott",)}, "--include plott: there is no step 'plott'", "did you mean 'plot'?"),
    ({"group": "befor"}, "--group befor: there is no group 'befor'", "groups: 'after', 'again'"),
    ({"steps": ("way",)}, "a switch cannot run on its own: way", None),
    ({"parameters": ("rat=1",)}, "--set rat=1: there is no parameter 'rat'", "did you mean 'rate'?"),
    ({"parameters": ("rate",)}, "--set rate: expected NAME=VALUE", None),
    ({"data": ("rwa=x",)}, "--var rwa=x: there is no data node 'rwa'", "did you mean 'raw'?"),
    ({"data": ("raw",)}, "--var raw: expected NAME=VALUE", None),
    ({"extra": "--fast"}, "--extra needs one --step, a task without a loop", None),
    ({"extra": "--fast", "steps": ("each",)}, "--extra needs one --step, a task without a loop", None),
    ({"extra": "--fast", "steps": ("check",)}, "--extra needs one --step, a task without a loop", None),
]


@pytest.mark.parametrize(("choices", "message", "hint"), REFUSED)
def test_invalid_choices_are_errors(choices: dict, message: str, hint: str | None):
    with pytest.raises(ChoiceError) as caught:
        chosen(**choices)
    assert str(caught.value).splitlines()[0] == message
    assert caught.value.hint == hint


def test_a_switch_needs_its_condition():
    text = """\
data: {a: a}
pipeline:
  - {name: c, kind: condition, predicate: exists, inputs: {data: $a}}
  - {name: way, kind: switch, condition: $c, data: $a} #! error missing-condition
  - {name: use, task: u.py, inputs: {a: $way.then}}
"""
    check(text, choices=LoomChoices(first="way"))


def test_only_loom_has_these_choices():
    with pytest.raises(ChoiceError, match="only pipelines of Loom"):
        load_text("- step: {name: a, image: i, command: c}", choices=LoomChoices(group="a"))
    with pytest.raises(ChoiceError, match="its own working directory"):
        load_text("- step: {name: a, image: i, command: c}", choices=LoomChoices(in_place=True))
    with pytest.raises(ChoiceError, match="one of magnus"):
        load_text(magnus("a: {type: stub, next: success}"), choices=LoomChoices(include=("a",)))


def test_steps_of_magnus_and_runnable_run_in_the_project_too():
    text = magnus(f"a: {{type: parallel, next: success, branches: {{b: {branch('s: {type: stub, next: success}')}}}}}")
    (node,) = load_text(text, choices=LoomChoices(in_place=True)).choose().nodes
    (inner,) = node.branches["b"].nodes
    assert inner.step.options == {"in_place": True}
