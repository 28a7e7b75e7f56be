"""Test how the reader translates the parts of a pipeline into the IR."""

import pytest

from tests.dialects.valohai.marks import STEPS, check
from translator import ir
from translator.load import load_text

MAKE_USE = """\
      - {name: make, type: execution, step: make}
      - {name: use, type: execution, step: use}
"""


def load(nodes: str, edges: str = "", rest: str = "", steps: str = STEPS) -> ir.Pipeline:
    edge_lines = "\n".join(f"      - {edge}" for edge in edges.splitlines()) or "      []"
    text = f"{steps}- pipeline:\n    name: P\n    nodes:\n{nodes}\n    edges:\n{edge_lines}\n{rest}"
    return check(text).choose()


def node(pipeline: ir.Pipeline, name: str) -> ir.StepNode:
    return next(n for n in pipeline.nodes if isinstance(n, ir.StepNode) and n.name == name)


def step(override: str) -> ir.Step:
    nodes = f"""\
      - {{name: make, type: execution, step: make}}
      - name: use
        type: execution
        step: use
        override:
{override}"""
    return node(load(nodes, "[make.output.*, use.input.data]"), "use").step


def test_nodes_have_kinds_policies_and_locations():
    pipeline = load(
        """\
      - {name: make, type: execution, step: make, on-error: retry}
      - name: use
        type: task
        step: use
        on-error: continue
        edge-merge-mode: append
""",
        "[make.output.*, use.input.data]",
    )
    make, use = pipeline.nodes
    assert isinstance(make, ir.ExecutionNode)
    assert make.policy == ir.Policy(on_error=ir.OnError.RETRY, tries=3)
    assert isinstance(use, ir.TaskNode)
    assert use.policy == ir.Policy(on_error=ir.OnError.CONTINUE)
    assert use.merge_mode is ir.MergeMode.APPEND
    assert (make.span.line, use.span.line) == (26, 27)
    assert (pipeline.dialect, pipeline.file) == ("valohai", "valohai.yaml")


STEP = """\
- step:
    name: all
    image: example/all:1
    description: does everything
    source-path: src/all.py
    time-limit: 1h 30m 5s
    no-output-timeout: 90
    command:
      - |
        #!/bin/bash
        set -e
      - python all.py {parameters}
    parameters:
      - {name: text, default: "{{ 7 * 7 }}", pass-as: "-t {v}", description: a text}
      - {name: whole, type: integer, default: 3, min: 1, max: 5}
      - {name: real, type: float, default: 1, choices: [1, 2.5]}
      - {name: flag, type: flag, default: true, pass-true-as: --on, pass-false-as: --off}
      - {name: many, type: float, multiple: separate, multiple-separator: ";", default: [1, 2]}
      - {name: one of many, multiple: repeat, default: x}
      - {name: nothing, optional: true}
    inputs:
      - {name: local, default: [data/*.csv, "file:///tmp/x", "https://example.org/a.csv"], keep-directories: suffix}
      - {name: full, default: a.csv, keep-directories: true, filename: b.csv}
      - {name: none, optional: true, keep-directories: false, description: nothing}
    outputs:
      - {name: model}
    environment-variables:
      - {name: A, default: "1"}
      - {name: B}
      - {name: C, optional: false}
- pipeline:
    name: P
    nodes:
      - {name: n, type: execution, step: all}
    edges: []
"""


def test_a_step_is_read_completely():
    read = node(check(STEP).choose(), "n").step
    span = read.span
    assert read.command == ("#!/bin/bash\nset -e\n", "python all.py {parameters}")
    assert (read.name, read.image, read.description) == ("all", "example/all:1", "does everything")
    assert (read.source_path, read.time_limit, read.no_output_timeout) == ("src/all.py", 5405, 90)
    assert read.environment == {"A": "1"}
    assert read.required_environment == ("C",)
    assert [output.name for output in read.outputs] == ["model"]
    parameters = {parameter.name: parameter for parameter in read.parameters}
    assert list(parameters) == ["text", "whole", "real", "flag", "many", "one of many", "nothing"]
    place = parameters["text"].span
    assert (span.line, place.line, place.column) == (2, 14, 9)
    kinds = ir.ParameterType
    assert parameters["text"] == ir.Parameter(
        "text",
        place,
        default="{{ 7 * 7 }}",
        pass_as="-t {v}",  # noqa: S106 - it passes a parameter
        description="a text",
    )
    assert parameters["whole"] == ir.Parameter("whole", parameters["whole"].span, kinds.INTEGER, 3, False, 1, 5)
    assert parameters["real"].choices == (1, 2.5)
    assert (parameters["flag"].default, parameters["flag"].optional) == (True, True)
    assert (parameters["flag"].pass_true_as, parameters["flag"].pass_false_as) == ("--on", "--off")
    assert (parameters["many"].default, parameters["many"].multiple) == ((1, 2), ir.Multiple.SEPARATE)
    assert parameters["many"].separator == ";"
    assert (parameters["one of many"].default, parameters["one of many"].multiple) == (("x",), ir.Multiple.REPEAT)
    assert (parameters["nothing"].default, parameters["nothing"].optional) == (None, True)
    local, full, none = read.inputs
    assert local.default == ("data/*.csv", "file:///tmp/x", "https://example.org/a.csv")
    assert local.keep_directories is ir.KeepDirectories.SUFFIX
    assert (full.default, full.keep_directories, full.filename) == (("a.csv",), ir.KeepDirectories.FULL, "b.csv")
    assert (none.optional, none.keep_directories) == (True, ir.KeepDirectories.NONE)


OVERRIDES = [
    # what the override says, what of the step then is what
    ("          image: other:2", lambda s: s.image, "other:2"),
    ("          command: [echo 1, echo 2]", lambda s: s.command, ("echo 1", "echo 2")),
    ("          inputs: [{name: extra, default: x.csv}]", lambda s: s.inputs[1].default, ("x.csv",)),
    ("          inputs: [{name: extra, default: x.csv}]", lambda s: s.inputs[1].optional, True),
    ("          inputs: [{name: data, optional: true}]", lambda s: s.inputs[0].optional, True),
    ("          parameters: [{name: rate, default: 0.5}]", lambda s: s.parameters[0].default, 0.5),
    ("          parameters: [{name: rate, default: 0.5}]", lambda s: s.parameters[0].maximum, 1),
    ("          parameters: [{name: rate}]", lambda s: s.parameters[0].default, None),
    ("          parameters: [{name: rate}]", lambda s: [p.name for p in s.parameters], ["rate", "size", "verbose"]),
    ("          environment-variables: [{name: MODE, default: slow}]", lambda s: dict(s.environment), {"MODE": "slow"}),
    ("          environment-variables: [{name: NEW, default: x}]", lambda s: dict(s.environment), {"NEW": "x"}),
    ("          environment-variables: [{name: Z, optional: false}]", lambda s: s.required_environment, ("Z",)),
]


@pytest.mark.parametrize(("override", "part", "value"), OVERRIDES)
def test_override(override, part, value):
    assert part(step(override)) == value


def test_an_override_of_an_input_without_a_default_clears_it():
    steps = STEPS.replace("{name: extra, optional: true}", "{name: extra, optional: true, default: x.csv}")
    nodes = MAKE_USE + "      - {name: two, type: execution, step: use, override: {inputs: [{name: extra}]}}\n"
    edges = "[make.output.*, use.input.data]\n[make.output.*, two.input.data]"
    pipeline = load(nodes, edges, steps=steps)
    assert node(pipeline, "use").step.inputs[1].default == ("x.csv",)
    assert node(pipeline, "two").step.inputs[1].default == ()


EDGES = [
    ("[make.output.model*, use.input.data]", "make.output.model* -> use.input.data"),
    ("[make.output.a.b/*.npz, use.input.data]", "make.output.a.b/*.npz -> use.input.data"),
    ("{source: make.output.*, target: use.input.data}", "make.output.* -> use.input.data"),
    ("[make.parameter.seed, use.parameter.size]", "make.parameter.seed -> use.parameter.size"),
    ("[make.metadata.a.b, use.parameter.size]", "make.metadata.a.b -> use.parameter.size"),
    ("[make.dependency.*, use.dependency.*]", "make.dependency.* -> use.dependency.*"),
    ("[use.input.dat*, more.input.data]", "use.input.dat* -> more.input.data"),
]


@pytest.mark.parametrize(("edge", "shown"), EDGES)
def test_edges(edge, shown):
    nodes = MAKE_USE + "      - {name: more, type: execution, step: use}\n"
    rest = [
        other
        for other in ("[make.output.*, use.input.data]", "[make.output.*, more.input.data]")
        if other.split(", ")[1][:-1] not in edge
    ]
    pipeline = load(nodes, "\n".join([edge, *rest]))
    assert str(pipeline.edges[0]) == shown


def test_plural_ports_are_accepted_with_a_note():
    text = f"""{STEPS}
- pipeline:
    name: P
    nodes:
      - {{name: make, type: execution, step: make}}
      - {{name: use, type: execution, step: use}}
    edges:
      - [make.outputs.*, use.inputs.data] #! note plural-port; note plural-port
      - [make.parameters.seed, use.parameter.size] #! note plural-port
"""
    assert [str(edge) for edge in check(text).choose().edges] == [
        "make.output.* -> use.input.data",
        "make.parameter.seed -> use.parameter.size",
    ]


def test_an_environment_variable_edge_passes_its_value_during_translation():
    nodes = MAKE_USE + "      - {name: more, type: execution, step: use}\n"
    edges = """\
[make.output.*, use.input.data]
[make.output.*, more.input.data]
[use.environment-variable.MODE, more.environment-variable.COPY]  #! warning undeclared-environment-variable
[make.environment-variable.MODE, use.environment-variable.MODE]"""
    pipeline = load(nodes, edges)
    assert dict(node(pipeline, "use").step.environment) == {"MODE": "fast"}
    assert dict(node(pipeline, "more").step.environment) == {"COPY": "fast"}
    assert pipeline.edges[-1].source.kind is ir.EdgeKind.ENVIRONMENT_VARIABLE


def test_an_edge_from_a_variable_that_a_value_of_the_run_sets_passes_that_value():
    nodes = MAKE_USE + "      - {name: more, type: execution, step: use}\n"
    edges = """\
[make.output.*, use.input.data]
[make.output.*, more.input.data]
[use.environment-variable.MODE, more.environment-variable.MODE]
[make.metadata.mode, use.environment-variable.MODE]"""
    pipeline = load(nodes, edges)
    assert [str(edge) for edge in pipeline.edges[2:]] == [
        "make.metadata.mode -> more.environment-variable.MODE",
        "use.dependency.* -> more.dependency.*",
        "make.metadata.mode -> use.environment-variable.MODE",
    ]
    assert dict(node(pipeline, "more").step.environment) == {}


def test_the_default_of_a_variable_flows_where_its_value_of_the_run_is_missing():
    nodes = "      - {name: first, type: execution, step: make}\n" + MAKE_USE
    edges = """\
[make.output.*, use.input.data]
[first.metadata.mode, make.environment-variable.MODE]
[make.environment-variable.MODE, use.environment-variable.MODE]"""
    pipeline = load(nodes, edges)
    assert dict(node(pipeline, "use").step.environment) == {"MODE": "fast"}
    assert str(pipeline.edges[2]) == "first.metadata.mode -> use.environment-variable.MODE"


def test_pipeline_parameters():
    rest = """\
    parameters:
      - {name: seed, default: 5, target: make.parameter.seed, description: the seed}
      - name: rates
        default: [0.1, 0.2]
        targets:
          - grid.parameters.rate
      - {name: nothing, targets: grid.parameter.size}
"""
    nodes = MAKE_USE + "      - {name: grid, type: task, step: use}\n"
    edges = "[make.output.*, use.input.data]\n[make.output.*, grid.input.data]"
    seed, rates, nothing = load(nodes, edges, rest).parameters
    assert (seed.name, seed.default, seed.description) == ("seed", 5, "the seed")
    assert seed.targets == (ir.ParameterTarget("make", "seed"),)
    assert (rates.default, rates.targets) == ((0.1, 0.2), (ir.ParameterTarget("grid", "rate"),))
    assert (nothing.default, nothing.targets) == (None, (ir.ParameterTarget("grid", "size"),))


def test_a_pipeline_that_is_refused_does_not_block_another():
    text = f"""{STEPS}
- pipeline:
    name: good
    nodes:
      - {{name: make, type: execution, step: make}}
    edges: []
- pipeline:
    name: bad
    nodes:
      - {{name: make, type: execution, step: mak}} #! error unknown-step
      - {{name: deploy, type: deployment, deployment: d, endpoints: [e]}} #! error unknown-endpoint
    edges: []
"""
    loaded = check(text)
    assert loaded.names == ("good", "bad")
    assert [pipeline.name for pipeline in loaded.pipelines] == ["good"]
    assert loaded.choose("good").nodes


def test_what_is_wrong_with_the_file_blocks_all():
    text = f"""{STEPS}
- step:
    name: broken
    command: x
    image: 3 #! error bad-type
- pipeline:
    name: good
    nodes:
      - {{name: make, type: execution, step: make}}
    edges: []
"""
    assert check(text).pipelines == ()


def test_an_unsupported_default_does_not_matter_if_an_edge_replaces_it():
    steps = STEPS.replace("{name: data}", '{name: data, default: "gopher://latest"}')
    text = "{}- pipeline:\n    name: P\n    nodes:\n{}    edges:\n      - [make.output.*, use.input.data]\n"
    loaded = load_text(text.format(steps, MAKE_USE))
    assert "ignored-default" in [d.code for d in loaded.diagnostics]
    assert node(loaded.choose(), "use").step.inputs[0].default == ()
    kept = load_text(text.format(steps, MAKE_USE.replace("step: use}", "step: use, edge-merge-mode: append}")))
    assert "unsupported-input-scheme" in [d.code for d in kept.diagnostics]


def test_names_of_all_kinds_are_kept_as_they_are():
    names = ["class", "import os", "a b/c", "../x", "🦊", "a-b", "a_b"]
    nodes = "\n".join(f"      - {{name: {name!r}, type: execution, step: make}}" for name in names)
    text = (
        f"{STEPS}- pipeline:\n    name: P\n    nodes:\n{nodes}\n    edges:\n      - [class.output.*, 🦊.dependency.*]\n"
    )
    loaded = load_text(text.replace("[class.output.*, ", "[class.dependency.*, "))
    assert [n.name for n in loaded.choose().nodes] == names
    assert [d.code for d in loaded.diagnostics] == ["ignored-image", "similar-names"]
