"""Test how the reader translates each construct of a Loom file."""

from pathlib import Path

import pytest

from tests.dialects.loom.marks import defaults, edges, nodes, read, targets
from translator import ir
from translator.ir import Gate, ParameterType, StepKind
from translator.load import load, load_text

CHAIN = """\
data:
  raw: {type: csv, path: in/raw.csv, name: Readings}
  clean: output/clean.csv
  report: {type: txt, path: output/report.txt, name: Report, description: For people}
parameters: {limit: 3, rate: 0.5, deep: false, name: x}
pipeline:
  - name: make
    task: tasks/make.py
    inputs: {raw: $raw, extra: notes/extra.txt}
    outputs: {--output: $clean, -l: output/log.txt}
    args: {--limit: $limit, --rate: $rate, --deep: $deep, --name: $name, --fixed: 7, --quiet: true, --seed: $raw}
  - name: use
    task: tasks/use.py
    inputs: {data: $clean}
    outputs: {--output: $report}
    args: {--limit: $limit}
"""


def test_arguments_are_parameters_in_the_order_of_the_command_line():
    step = nodes(read(CHAIN))["make"].step
    assert (step.kind, step.command) == (StepKind.SCRIPT, ("tasks/make.py",))
    assert [(p.name, p.type, p.default, p.pass_as) for p in step.parameters] == [
        ("raw", ParameterType.STRING, "in/raw.csv", None),
        ("extra", ParameterType.STRING, "notes/extra.txt", None),
        ("--output", ParameterType.STRING, "output/clean.csv", None),
        ("-l", ParameterType.STRING, "output/log.txt", None),
        ("--limit", ParameterType.INTEGER, 3, None),
        ("--rate", ParameterType.FLOAT, 0.5, None),
        ("--deep", ParameterType.FLAG, False, None),
        ("--name", ParameterType.STRING, "x", None),
        ("--fixed", ParameterType.INTEGER, 7, None),
        ("--quiet", ParameterType.FLAG, True, None),
        ("--seed", ParameterType.STRING, "in/raw.csv", "--seed"),
    ]
    assert [(i.name, i.default) for i in step.inputs] == [
        ("raw", ("in/raw.csv",)),
        ("extra", ("notes/extra.txt",)),
        ("--seed", ("in/raw.csv",)),
    ]
    assert [(o.name, o.path) for o in step.outputs] == [("--output", "output/clean.csv"), ("-l", "output/log.txt")]


def test_parameters_and_paths_are_parameters_of_the_run():
    pipeline = read(CHAIN)
    assert defaults(pipeline) == {
        "limit": 3,
        "rate": 0.5,
        "deep": False,
        "name": "x",
        "data.raw": "in/raw.csv",
        "data.clean": "output/clean.csv",
        "data.report": "output/report.txt",
    }
    assert targets(pipeline, "limit") == ["make.--limit", "use.--limit"]
    assert targets(pipeline, "data.raw") == ["make.raw", "make.--seed"]
    assert targets(pipeline, "data.clean") == ["make.--output", "use.data"]
    shown = {parameter.name: parameter.description or "" for parameter in pipeline.parameters}
    assert shown["data.raw"].startswith("Readings")
    assert shown["data.report"].startswith("For people")
    assert pipeline.parameters[0].span.place == "flow.yml:5"


def test_data_creates_edges_and_a_failure_skips_dependent_steps():
    pipeline = read(CHAIN)
    assert edges(pipeline) == ["make -> use.data"]
    assert {node.policy.on_error for node in nodes(pipeline).values()} == {ir.OnError.STOP_NEXT}
    assert pipeline.graph.start is None


@pytest.mark.parametrize(
    ("value", "kind", "default"),
    [
        ("012", ParameterType.INTEGER, 10),
        ("0o12", ParameterType.STRING, "0o12"),
        ("1_000", ParameterType.INTEGER, 1000),
        ("on", ParameterType.FLAG, True),
        ("'on'", ParameterType.STRING, "on"),
        ("1e3", ParameterType.STRING, "1e3"),
        ("1.0e+3", ParameterType.FLOAT, 1000.0),
        (".inf", ParameterType.STRING, "inf"),
        ("2026-11-21", ParameterType.STRING, "2026-11-21"),
        ("99999999999999999999", ParameterType.STRING, "99999999999999999999"),
        ("$$x", ParameterType.STRING, "$$x"),
        ("'a ${HOME} b'", ParameterType.STRING, "a ${HOME} b"),
    ],
)
def test_scalars_are_read_as_by_the_engines_loader(value: str, kind: ParameterType, default: object):
    text = f"parameters: {{p: {value}}}\npipeline: [{{name: s, task: s.py, args: {{--p: $p}}}}]"
    (parameter,) = nodes(read(text))["s"].step.parameters
    assert (parameter.type, parameter.default) == (kind, default)


def test_environment_variables_are_passed_by_name():
    text = """\
data: {out: "output/${RUN}/x.csv"}
pipeline:
  - {name: s, task: "${SCRIPTS}/s.py", outputs: {-o: $out}, args: {--to: "${HOST}:${PORT}/${RUN}"}}
"""
    step = nodes(read(text))["s"].step
    assert step.required_environment == ("SCRIPTS", "RUN", "HOST", "PORT")
    assert step.outputs[0].path == "output/${RUN}/x.csv"


def test_nested_data_has_the_whole_path_and_the_producer_of_its_container():
    text = """\
data:
  run: {type: data_folder, path: output/run/}
  models: {type: data_folder, path: ./models, nested_in: $run}
  best: {path: best.bin, nested_in: $models}
  other: {path: output/../other.bin, nested_in: $run}
pipeline:
  - {name: train, task: t.py, outputs: {--to: $run}}
  - {name: use, task: u.py, inputs: {model: $best, other: $other}}
"""
    pipeline = read(text)
    assert defaults(pipeline)["data.best"] == "output/run/models/best.bin"
    assert defaults(pipeline)["data.other"] == "output/run/other.bin"
    assert edges(pipeline) == ["train -> use.model", "train -> use.other"]


def test_an_input_may_be_a_url():
    text = """\
data: {page: {type: txt, path: "https://example.org/a//b.txt"}}
pipeline: [{name: s, task: s.py, inputs: {page: $page}}]
"""
    assert nodes(read(text))["s"].step.inputs[0].default == ("https://example.org/a//b.txt",)


def test_data_outside_the_pipeline_stays_where_it_is_written():
    text = """\
data:
  away: {path: "${RESULTS}/a.txt", allow_outside_pipeline: true}
  items: {type: data_folder, path: ../items, allow_outside_pipeline: true}
pipeline:
  - {name: s, task: s.py, outputs: {-o: $away, -p: output/p}}
  - {name: t, task: t.py, loop: {over: raw, into: $items}, outputs: {-o: $loop_output}} #! note outside-pipeline
"""
    found = nodes(read(text))
    assert [found[name].step.options.get("outside") for name in "st"] == [("-o",), ("loop.into",)]


def test_optional_steps_are_parameters_and_disabled_steps_are_left_out():
    text = """\
data: {a: output/a, b: output/b}
pipeline:
  - {name: make, task: m.py, optional: true, outputs: {-o: $a}}
  - {name: never, task: n.py, disabled: true, outputs: {-o: $b}} #! note disabled-step
  - {name: use, task: u.py, inputs: {a: $a, b: $b}}
"""
    pipeline = read(text)
    assert list(nodes(pipeline)) == ["make", "use"]
    assert defaults(pipeline)["include.make"] is False
    gate = Gate(expected=True, parameter="include.make", excludes=True)
    assert nodes(pipeline)["make"].policy.gates == (gate,)
    assert edges(pipeline) == ["make -> use.a"]


def test_groups_are_only_displayed():
    text = """\
pipeline:
  - {name: a, task: a.py}
  - group: middle
    steps: [{name: b, task: b.py}, {name: c, script: c.py}]
  - {name: d, task: d.py, group: late}
"""
    assert [(n.name, n.group) for n in nodes(read(text)).values()] == [
        ("a", None),
        ("b", "middle"),
        ("c", "middle"),
        ("d", "late"),
    ]


LOOP = """\
data: {raw: images, done: output/done, sheet: output/sheet.txt}
parameters: {size: 3}
%s
pipeline:
  - name: shrink
    task: s.py
    loop: {over: $raw, into: $done, filter: "*.png", parallel: %s}
    inputs: {image: $loop_item}
    outputs: {-o: $loop_output}
    args: {--size: $size, --from: $loop_item, --into: $loop_output}
  - {name: list, task: l.py, inputs: {images: $done}, outputs: {-o: $sheet}}
"""


def test_a_loop_is_a_task_node_over_files():
    pipeline = read(LOOP % ("", "true"))
    node = nodes(pipeline)["shrink"]
    assert isinstance(node, ir.TaskNode)
    assert node.grid.kind is ir.GridKind.FILES
    assert node.grid.files == ir.FileAxis(
        "loop.over", "loop.into", "*.png", ("image", "--from"), ("-o", "--into"), sequential=False
    )
    assert (node.policy.on_child_error, node.policy.concurrency) == (ir.OnChildError.CONTINUE_AND_ERROR, 4)
    by_name = {p.name: p for p in node.step.parameters}
    assert {name: by_name[name].default for name in ("image", "-o", "loop.over", "loop.into")} == {
        "image": None,
        "-o": None,
        "loop.over": "images",
        "loop.into": "output/done",
    }
    assert by_name["loop.over"].pass_as == by_name["loop.into"].pass_as == ""
    assert edges(pipeline) == ["shrink -> list.images"]
    assert targets(pipeline, "data.raw") == ["shrink.loop.over"]


@pytest.mark.parametrize(
    ("execution", "parallel", "concurrency"),
    [
        ("", "false", 1),
        ("", "null", 1),
        ("", "true", 4),
        ("execution: {max_workers: 9}", "true", 9),
        ("execution: {parallel: false, max_workers: 2}", "true", 2),
        ("execution: {parallel: true}", "null", 1),
        ("execution: {parallel: true, max_workers: 2}", "false", 1),
    ],
)
def test_how_many_files_of_a_loop_run_at_once(execution: str, parallel: str, concurrency: int):
    node = nodes(read(LOOP % (execution, parallel)))["shrink"]
    assert node.policy.concurrency == concurrency
    assert isinstance(node, ir.TaskNode)
    assert node.grid.files is not None
    assert node.grid.files.sequential == (concurrency == 1)


def test_with_parallel_steps_the_files_of_a_loop_run_one_after_another():
    text = LOOP % ("execution: {parallel: true}", "true} #! note sequential-loop\n    disabled: false")
    assert nodes(read(text.replace("disabled: false}", "disabled: false")))["shrink"].policy.concurrency == 1


SWITCH = """\
data: {raw: raw.csv, good: output/good.csv, bad: output/bad.csv}
parameters: {strict: true, least: 3}
pipeline:
  - {name: make, task: m.py, outputs: {-o: $raw}} #! note outside-output-dir
  - %s
  - {name: way, kind: switch, condition: %s, data: $raw}
  - {name: train, task: t.py, inputs: {data: $way.then}, outputs: {-o: $good}}
  - {name: repair, task: r.py, args: {--from: $way.else}, outputs: {-o: $bad}}
"""
PREDICATE = "{name: check, kind: condition, predicate: count, inputs: {data: $raw}, args: {op: '>', n: $least}, %s}"


def test_a_switch_gates_the_steps_that_use_its_branches():
    pipeline = read(SWITCH % (PREDICATE % "negate: false", "$check"))
    found = nodes(pipeline)
    assert list(found) == ["make", "check", "train", "repair"]
    assert found["train"].policy.gates == (Gate(expected=True, node="check"),)
    assert found["repair"].policy.gates == (Gate(expected=False, node="check"),)
    assert edges(pipeline) == [
        "make -> check.data",
        "make -> train.data",
        "make -> repair.--from",
        "check -> train",
        "check -> repair",
    ]
    assert found["train"].step.inputs[0].default == ("raw.csv",)
    assert [p.name for p in found["repair"].step.parameters if p.pass_as] == ["--from"]
    assert found["repair"].step.outputs[0].path == "output/bad.csv"


def test_a_condition_is_a_predicate_with_its_terms():
    step = nodes(read(SWITCH % (PREDICATE % "negate: true", "$check")))["check"].step
    assert (step.kind, step.command) == (StepKind.CONDITION, ())
    assert dict(step.options) == {"predicate": "count", "negate": True}
    assert [(p.name, p.type, p.default) for p in step.parameters] == [
        ("data", ParameterType.STRING, "raw.csv"),
        ("op", ParameterType.STRING, ">"),
        ("n", ParameterType.INTEGER, 3),
    ]
    assert [i.name for i in step.inputs] == ["data"]


def test_a_condition_may_be_a_script():
    text = """\
data: {raw: raw.csv}
parameters: {limit: 3}
pipeline:
  - {name: c, kind: condition, script: c.py, inputs: {raw: $raw, limit: $limit}, args: {names: [a, b], none: null}}
"""
    step = nodes(read(text))["c"].step
    assert step.command == ("c.py",)
    assert [(p.name, p.default) for p in step.parameters] == [("raw", "raw.csv"), ("limit", 3), ("none", None)]
    assert [i.name for i in step.inputs] == ["raw"]
    assert dict(step.options) == {"negate": False, "arguments": {"names": ("a", "b")}}


def test_a_parameter_may_decide_a_switch():
    pipeline = read(SWITCH % ("{name: other, task: o.py}", "$strict"))
    assert nodes(pipeline)["train"].policy.gates == (Gate(expected=True, parameter="strict"),)
    assert defaults(pipeline)["strict"] is True
    assert targets(pipeline, "strict") == []


def test_the_pipeline_is_named_after_its_file_or_directory(tmp_path: Path):
    text = "pipeline: [{name: s, task: s.py}]"
    assert load_text(text, "deep/flow.yml").choose().name == "flow"
    assert load_text(text, "pipeline.yml").choose().name == "pipeline"
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "s.py").touch()
    (folder / "pipeline.yml").write_text(text)
    loaded = load(folder / "pipeline.yml")
    assert (loaded.names, loaded.choose().name, loaded.choose().dialect) == (("faces",), "faces", "loom")


@pytest.mark.parametrize(
    "text",
    [
        "pipeline: [{name: s, task: s.py}]",
        "pipeline: [{group: g, steps: [{name: s, script: s.py}]}]",
        "data: {}\npipeline: []",
        "execution: {parallel: true}\npipeline: [{nam: s}]",
    ],
)
def test_the_dialect_of_a_file_is_detected(text: str):
    codes = {d.code for d in load_text(text, "x.yml").diagnostics}
    assert "unknown-dialect" not in codes


@pytest.mark.parametrize("text", ["pipeline: {build: {image: x}}", "pipeline: [a, b]", "pipeline: [{image: x}]"])
def test_a_file_of_another_tool_is_not_detected(text: str):
    assert "unknown-dialect" in {d.code for d in load_text(text, "x.yml").diagnostics}


def test_an_empty_pipeline_has_no_nodes():
    assert read("data: {} #! warning no-nodes\npipeline: []").nodes == ()
