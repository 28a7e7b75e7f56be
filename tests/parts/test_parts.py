"""Test the part of a pipeline that ``--from``, ``--to`` and ``--step`` choose."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from translator import registry
from translator.diagnostics import Diagnostics
from translator.dialects import ChoiceError, Choices
from translator.dialects.loom.choices import LoomChoices
from translator.launch_inputs import all_launch_inputs, required
from translator.load import Loaded, load_text
from translator.nodes import COMPLETE, ERROR, routes
from translator.targets import airflow
from translator.targets.airflow.dag import dag_id

STEPS = """\
- step:
    name: s
    image: i
    command: x {parameters}
    parameters: [{name: lr, type: float, default: 1}]
    inputs:
      - {name: data, optional: true}
- step:
    name: strict
    image: i
    command: x
    parameters: [{name: lr, type: float, default: 1}]
    inputs: [{name: data}]
"""
PIPELINE = """\
- pipeline:
    name: {name}
    parameters:
      - {{name: rate, default: 2, targets: [{a}.parameter.lr, d.parameter.lr]}}
      - {{name: unused, default: 2}}
    nodes:
      - {{name: {a}, type: execution, step: s}}
      - {{name: b, type: task, step: strict}}
      - {{name: c, type: execution, step: strict, edge-merge-mode: append}}
      - {{name: d, type: execution, step: s}}
      - {{name: e, type: execution, step: s}}
    edges:
      - [{a}.output.*, b.input.data]
      - [b.output.*, c.input.data]
      - [{a}.output.*.csv, c.input.data]
      - [{a}.metadata.best, c.parameter.lr]
      - [c.dependency.*, d.dependency.*]
"""
ONE = STEPS + PIPELINE.format(name="P", a="a")
TWO = ONE + PIPELINE.format(name="Q", a="other")


def read(text: str = ONE, **options: object) -> Loaded:
    return load_text(text, choices=Choices(**options))


@pytest.mark.parametrize(
    ("options", "kept", "earlier", "label"),
    [
        ({"first": "b"}, "bcd", "a", "from b"),
        ({"first": "a"}, "abcd", "", "from a"),
        ({"first": "c"}, "cd", "ab", "from c"),
        ({"first": "d"}, "d", "", "from d"),
        ({"last": "b"}, "ab", "", "to b"),
        ({"last": "a"}, "a", "", "to a"),
        ({"first": "b", "last": "c"}, "bc", "a", "from b to c"),
        ({"first": "b", "last": "b"}, "b", "a", "from b to b"),
        ({"steps": ("c",)}, "c", "ab", "only c"),
        ({"steps": ("d", "a", "a")}, "ad", "", "only d and a"),
        ({"steps": ("e", "b", "c")}, "bce", "a", "only e, b and c"),
    ],
)
def test_nodes_of_a_part(options, kept, earlier, label) -> None:
    pipeline = read(**options).choose()
    assert "".join(node.name for node in pipeline.nodes) == kept
    assert "".join(node.name for node in pipeline.earlier) == earlier
    assert pipeline.part is not None
    assert pipeline.part.label == label
    assert pipeline.name == "P"
    assert pipeline.title == f"P ({label})"
    left_out = {node.name for node in pipeline.part.left_out}
    assert left_out == set("abcde") - set(kept)
    assert {edge.source.node for edge in pipeline.edges} <= set(kept)


def test_all_edges_into_a_part_keep_their_order() -> None:
    pipeline = read(first="b").choose()
    assert [str(edge) for edge in pipeline.incoming] == [
        "a.output.* -> b.input.data",
        "b.output.* -> c.input.data",
        "a.output.*.csv -> c.input.data",
        "a.metadata.best -> c.parameter.lr",
        "c.dependency.* -> d.dependency.*",
    ]


def test_a_part_with_all_nodes_is_the_whole_pipeline() -> None:
    text = STEPS + "- pipeline: {name: P, nodes: [{name: n, type: execution, step: s}], edges: []}\n"
    assert read(text, first="n").choose().part is None


@pytest.mark.parametrize(
    ("options", "parameters"),
    [({"first": "b"}, {"rate": ["d"], "unused": []}), ({"last": "b"}, {"rate": ["a"], "unused": []}),
     ({"steps": ("e",)}, {"unused": []})],
)  # fmt: skip
def test_parameters_that_set_nothing_are_left_out(options, parameters) -> None:
    pipeline = read(**options).choose()
    assert {one.name: [target.node for target in one.targets] for one in pipeline.parameters} == parameters


def test_files_of_left_out_nodes_can_be_given_instead() -> None:
    pipeline = read(steps=("b", "c")).choose()
    inputs = {one.name: one for one in all_launch_inputs(pipeline)}
    assert [str(port) for port in inputs["b.data"].earlier] == ["a.output.*"]
    assert [str(port) for port in inputs["c.data"].sources] == ["b.output.*"]
    assert [str(port) for port in inputs["c.data"].earlier] == ["a.output.*.csv"]
    assert inputs["b.data"].description == "Used instead of a.output.* of the earlier run."
    assert required(pipeline) == ()


@pytest.mark.parametrize(
    ("text", "options", "message", "hint"),
    [
        (ONE, {"first": "aa"}, "--from aa: the pipeline 'P' has no node 'aa'", "did you mean 'a'?"),
        (ONE, {"last": "x"}, "--to x: the pipeline 'P' has no node 'x'", "nodes: "),
        (ONE, {"first": "c", "last": "a"}, "--from c --to a: 'a' is not downstream of 'c'", None),
        (ONE, {"first": "b", "last": "a"}, "--from b --to a: 'a' is not downstream of 'b'", "exchange them"),
        (ONE, {"first": "a", "steps": ("b",)}, "--from cannot be combined with --step", None),
        (ONE, {"last": "a", "steps": ("b",)}, "--to cannot be combined with --step", None),
        (
            ONE,
            {"last": "b", "run": "r"},
            "--run r: what is chosen takes nothing from an earlier run",
            "leave out --run",
        ),
        (ONE, {"steps": ("s",), "run": "r"}, "--run r: what is chosen takes nothing from an earlier run", None),
        (ONE, {"first": "a", "run": "r"}, "--run r: what is chosen takes nothing from an earlier run", None),
        (ONE, {"run": "latest"}, "--run needs --from, --to or --step", None),
        (TWO, {"first": "b"}, "--from b: several pipelines have this node; choose one with --pipeline NAME", None),
        (TWO, {"first": "othr"}, "--from othr: no pipeline has a node 'othr'", "did you mean 'other'?"),
        (ONE, {"steps": ("e", "s")}, "--step e: there is no step 'e'", "to run nodes of a pipeline, name only nodes"),
        (ONE, {"steps": ("strickt",)}, "--step strickt: there is no step 'strickt'", "did you mean 'strict'?"),
        (TWO, {"steps": ("othe",)}, "--step othe: there is no step 'othe'", "did you mean 'other'?"),
    ],
)
def test_bad_choices(text, options, message, hint) -> None:
    with pytest.raises(ChoiceError) as error:
        read(text, **options)
    assert str(error.value).startswith(message)
    if hint is not None:
        assert str(error.value.hint).startswith(hint)


@pytest.mark.parametrize(
    ("options", "pipeline", "nodes"),
    [
        ({"first": "other"}, "Q", ["other", "b", "c", "d"]),
        ({"first": "b", "pipeline": "Q"}, "Q", ["b", "c", "d"]),
        ({"steps": ("other",)}, "Q", ["other"]),
        ({"steps": ("s",)}, "s", ["s"]),
        ({"steps": ("s",), "pipeline": "s"}, "s", ["s"]),
    ],
)
def test_the_pipeline_of_a_part(options, pipeline, nodes) -> None:
    loaded = read(TWO, **options)
    assert loaded.names == (pipeline,)
    assert [node.name for node in loaded.choose().nodes] == nodes


NAMESAKE = (
    STEPS
    + """\
- pipeline:
    name: P
    nodes:
      - {name: before, type: execution, step: s}
      - {name: strict, type: execution, step: strict}
    edges: [[before.output.*, strict.input.data]]
"""
)


def test_a_step_and_a_node_of_one_name() -> None:
    """The step runs on its own, unless the pipeline is named: then the node runs, with its edges."""
    assert read(NAMESAKE, steps=("strict",)).choose().part is None
    assert [node.name for node in read(NAMESAKE, steps=("strict",), pipeline="P").choose("P").earlier] == ["before"]


def test_wrong_edges_from_left_out_nodes_are_reported() -> None:
    text = ONE.replace("a.output.*.csv, c.input.data", "a.input.dta, c.input.data").replace(
        "a.output.*, b", "nn.output.*, b"
    )
    found = [one.code for one in read(text, first="c").diagnostics.found]
    assert "unknown-input" in found
    assert "unknown-node" in [one.code for one in read(text, steps=("b",)).diagnostics.found]


def test_a_pipeline_with_errors_stays_whole() -> None:
    loaded = read(ONE.replace("step: strict, edge", "step: strictt, edge"), first="c")
    assert not loaded.pipelines
    assert "unknown-step" in [one.code for one in loaded.diagnostics.found]


def test_common_choices_do_not_mark_a_language() -> None:
    """Each option of all languages has a field that no language takes for its own."""
    from translator.dialects.loom.choices import OPTIONS, LoomChoices

    assert {field.name for field in fields(Choices)} == {
        "in_place", "steps", "first", "last", "run", "pipeline"
    }  # fmt: skip
    assert not OPTIONS.are_set_in(LoomChoices(first="a", steps=("b",), pipeline="c"))
    assert OPTIONS.are_set_in(LoomChoices(group="a"))


MAGNUS = """\
dag:
  start_at: extract
  steps:
    extract: {type: task, command_type: shell, command: a, next: clean, on_failure: instead}
    clean: {type: task, command_type: shell, command: a, next: train}
    instead: {type: task, command_type: shell, command: a, next: train}
    train: {type: task, command_type: shell, command: a, next: many, on_failure: mail}
    many:
      type: parallel
      next: publish
      branches:
        one:
          start_at: inner
          steps:
            inner: {type: task, command_type: shell, command: a, next: success}
            success: {type: success}
            fail: {type: fail}
    publish: {type: task, command_type: shell, command: a, next: success, on_failure: mail}
    mail: {type: task, command_type: shell, command: a, next: fail}
    success: {type: success}
    fail: {type: fail}
"""


def controlflow(**options: object) -> Loaded:
    return load_text(MAGNUS, "magnus.yaml", choices=Choices(**options))


@pytest.mark.parametrize(
    ("options", "running", "start", "after"),
    [
        ({"first": "train"}, "train many publish mail", "train", ["clean complete", "instead complete"]),
        ({"first": "instead"}, "instead train many publish mail", "instead", ["extract error"]),
        ({"first": "mail"}, "mail", "mail", ["train error", "publish error"]),
        ({"last": "clean"}, "extract clean", "extract", []),
        ({"last": "instead"}, "extract instead", "extract", []),
        ({"first": "clean", "last": "many"}, "clean train many", "clean", ["extract complete"]),
        ({"steps": ("many",)}, "many", "many", ["train complete"]),
        ({"steps": ("many", "train")}, "train many", "train", ["clean complete", "instead complete"]),
    ],
)
def test_parts_of_a_control_flow_graph(options, running, start, after) -> None:
    pipeline = controlflow(**options).choose()
    assert " ".join(node.name for node in pipeline.nodes) == running
    assert pipeline.graph.start == start
    assert pipeline.part is not None
    assert [f"{name} {outcome}" for name, outcome in pipeline.part.after] == after
    assert [node.name for node in pipeline.earlier] == [name.partition(" ")[0] for name in after]


def test_routes_out_of_a_part_end_it_with_the_outcome_of_their_node() -> None:
    pipeline = controlflow(steps=("extract",)).choose()
    assert routes(pipeline.nodes[0]) == (COMPLETE, ERROR)
    pipeline = controlflow(first="publish").choose()
    assert routes(pipeline.nodes[0]) == (COMPLETE, "mail")
    assert routes(pipeline.nodes[1]) == (ERROR, ERROR)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"first": "trian"}, "--from trian: the pipeline 'magnus' has no node 'trian'", "did you mean 'train'?"),
        (
            {"first": "inner"},
            "--from inner: the pipeline",
            "it is in a branch of 'many': a part cannot begin or end there",
        ),
        ({"last": "many.one.inner"}, "--to many.one.inner: the pipeline", "it is in a branch of 'many'"),
        (
            {"steps": ("clean", "instead")},
            "--step clean instead: these nodes do not follow each other",
            "name the first",
        ),
        ({"first": "clean", "last": "instead"}, "--from clean --to instead: 'instead' is not downstream", None),
    ],
)
def test_bad_parts_of_a_control_flow_graph(options, message, hint) -> None:
    with pytest.raises(ChoiceError) as error:
        controlflow(**options)
    assert str(error.value).startswith(message)
    if hint is not None:
        assert str(error.value.hint).startswith(hint)


LOOM = """\
data: {raw: raw.csv, a: output/a, b: output/b, c: output/c}
pipeline:
  - {name: first, task: t.py, outputs: {-o: $a}}
  - {name: second, task: t.py, inputs: {raw: $raw}, outputs: {-o: $b}}
  - {name: left, kind: condition, predicate: exists, inputs: {data: $a}}
  - {name: way, kind: switch, condition: $left, data: $a}
  - {name: third, task: t.py, inputs: {a: $a, b: $b}, outputs: {-o: $c}}
  - {name: fourth, task: t.py, inputs: {c: $way.then}}
"""


@pytest.mark.parametrize(
    ("options", "running", "earlier"),
    [
        ({"first": "third", "run": "latest"}, "third", "first second"),
        ({"steps": ("third",), "run": "r"}, "third", "first second"),
        ({"first": "left", "run": "r"}, "left third fourth", "first second"),
        ({"last": "second", "run": "latest"}, "first second", ""),
        ({"first": "second", "last": "third", "run": "r"}, "second left third", "first"),
        ({"first": "third", "last": "third"}, "third", ""),  # without --run, files are those of the project
        ({"last": "left"}, "first second left", ""),
    ],
)
def test_parts_of_loom_follow_the_order_of_the_file(options, running, earlier) -> None:
    if options.get("first") == "third" and "run" in options:
        options = {**options, "last": "third"}
    pipeline = load_text(LOOM, "flow.yml", choices=LoomChoices(**options)).choose()
    assert " ".join(node.name for node in pipeline.nodes) == running
    assert " ".join(node.name for node in pipeline.earlier) == earlier


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": "third", "run": "r"}, "'fourth' depends on the condition 'left', which is left out"),
        ({"last": "secnd"}, "--to secnd: there is no step 'secnd'"),
        ({"first": "third", "last": "first"}, "--from third --to first: 'first' is listed before 'third'"),
        ({"steps": ("third",), "run": "r", "in_place": True}, "--run cannot be combined with --in-place"),
    ],
)
def test_bad_parts_of_loom(options, message) -> None:
    with pytest.raises(ChoiceError) as error:
        load_text(LOOM, "flow.yml", choices=LoomChoices(**options))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("policy", "may_fail"),
    [("", False), (", on-error: stop-next", False), (", on-error: continue", True)],
)
def test_nodes_that_may_have_failed_in_the_earlier_run(policy: str, may_fail: bool) -> None:
    text = ONE.replace("{name: a, type: execution, step: s}", f"{{name: a, type: execution, step: s{policy}}}")
    pipeline = read(text, first="b").choose()
    for target in registry.targets():
        written = target.generate(pipeline)
        assert ('earlier_node("a", may_fail=True)' in written) is may_fail
        assert ('earlier_node("a")' in written) is not may_fail


def test_the_id_of_a_part_is_never_too_long() -> None:
    pipeline = read(first="b").choose()
    labels = set()
    for length in (1, 200, 243, 244, 250):
        named = replace(pipeline, workflow={"airflow": {"dag_id": "d" * length}})
        for one in (named, replace(named, part=replace(named.part, label="from another"))):
            diagnostics = Diagnostics()
            airflow.check(one, diagnostics)
            assert diagnostics.ok
            labels.add(dag_id(one))
            assert len(dag_id(one)) <= 250
    assert len(labels) == 10, "no two are the same"
    diagnostics = Diagnostics()
    airflow.check(replace(pipeline, workflow={"airflow": {"dag_id": "d" * 251}}), diagnostics)
    assert [one.code for one in diagnostics] == ["id-too-long"]
