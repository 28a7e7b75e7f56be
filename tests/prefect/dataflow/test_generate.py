"""Test what a generated flow contains, and what is refused."""

import ast
import itertools
import json
import subprocess
import sys
from dataclasses import replace

import pytest

pytest.importorskip("prefect")

from prefect_plugin import NodeInputs, NodeParameters
from tests.prefect.support import compiled, flow_of
from translator import ir
from translator.diagnostics import Diagnostics
from translator.load import load_text
from translator.span import Span
from translator.targets import prefect as target

SPAN = Span("valohai.yaml", 7, 3, 7, 9)
HOSTILE = [
    "'; import os; os.system('touch /tmp/pwned'); '",
    '"""\nimport os\n"""',
    "\\",
    '\\"""',
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "${HOME} $(touch x) `touch x`",
    "# noqa\n# type: ignore\nprint(1)",
    "\ue0000\ue001 \ue0001\ue001",
    "line\r\nbreaks\x85and\u2028more\u2029",
    "\u202e right to left \u200b",
    "ünï 🚀 \x1b[31m",
    "{0} {name} %s %(x)s",
    " leading and trailing ",
]


def pipeline(*nodes, **more):
    return ir.Pipeline("p", "valohai", "valohai.yaml", ir.Graph(nodes), SPAN, **more)


def execution(step=None, **more):
    return ir.ExecutionNode("n", SPAN, step or ir.Step("s", SPAN, ("true",)), **more)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_the_file_is_never_code(text, tmp_path):
    parameter = ir.Parameter(text, SPAN, default=text, choices=(text, "x"), description=text, pass_as=text)
    step = ir.Step(text, SPAN, (text,), image=text, parameters=(parameter,), inputs=(ir.Input(text, SPAN, (text,)),))
    step = replace(step, environment={text: text})
    first = ir.ExecutionNode(text, SPAN, step)
    second = ir.TaskNode("second", SPAN, step, ir.Grid(axes=(ir.Axis(text, (text, "x"), SPAN),)))
    third = ir.TaskNode("third", SPAN, step, ir.Grid(ir.GridKind.ZIP, points=({text: text},)))
    edges = (
        ir.Edge(ir.Port(text, ir.EdgeKind.ARTIFACT, text), ir.Port("second", ir.EdgeKind.INPUT, text), SPAN),
        ir.Edge(ir.Port(text, ir.EdgeKind.METADATA, text), ir.Port("second", ir.EdgeKind.PARAMETER, text), SPAN),
        ir.Edge(ir.Port("second", ir.EdgeKind.DEPENDENCY, text), ir.Port("third", ir.EdgeKind.DEPENDENCY, "*"), SPAN),
    )
    given = ir.PipelineParameter(text, SPAN, text, (ir.ParameterTarget(text, text),), text)
    whole = ir.Pipeline(text, "valohai", f"{text}.yaml", ir.Graph((first, second, third), edges), SPAN, (given,))

    file = tmp_path / "flow.py"
    file.write_text(target.generate(whole), encoding="utf-8")
    flow = flow_of(file)

    (step,) = (value for value in flow.fn.__globals__.values() if type(value).__name__ == "Step")
    assert (step.name, list(step.command), step.image, step.environment) == (text, [text], text, {text: text})
    assert step.parameters[0].default == text
    classes = [value for value in flow.fn.__globals__.values() if isinstance(value, type)]
    groups = {
        (base.__name__, group.node)
        for base in (NodeParameters, NodeInputs)
        for group in classes
        if issubclass(group, base) and group is not base
    }
    # The parameter of the first is set by the pipeline parameter, and the input of the second by an edge.
    assert groups == {
        ("NodeParameters", "second"),
        ("NodeParameters", "third"),
        ("NodeInputs", text),
        ("NodeInputs", "third"),
    }


@pytest.mark.parametrize(
    ("node", "code"),
    [
        (ir.ApprovalNode("a", SPAN), "unsupported-approval"),
        (ir.ParallelNode("p", SPAN, {}), "unsupported-parallel"),
    ],
)
def test_a_node_that_is_not_translated_is_refused(node, code):
    found = Diagnostics()
    target.check(pipeline(node), found)
    assert [(finding.code, finding.span) for finding in found] == [(code, SPAN)]


def test_the_order_of_the_file_is_kept_as_far_as_nodes_do_not_wait(tmp_path):
    file = compiled(
        """
    - step: {name: s, image: none, command: "true"}
    - pipeline:
        name: order
        nodes:
          - {name: last, type: execution, step: s}
          - {name: b, type: execution, step: s}
          - {name: a, type: execution, step: s}
        edges: [[a.dependency.*, last.dependency.*], [b.dependency.*, last.dependency.*]]
    """,
        tmp_path,
    )
    lines = file.read_text().splitlines()
    assert [line for line in lines if line.startswith("def ")] == [
        "def last_node() -> Manifest:",
        "def b_node() -> Manifest:",
        "def a_node() -> Manifest:",
        "def order() -> State:",
    ]
    submitted = [line.strip() for line in lines if ".submit(" in line]
    assert submitted == [
        "b_run = b_node.submit()",
        "a_run = a_node.submit()",
        "last_node.submit(wait_for=[a_run, b_run])",
    ]


@pytest.mark.parametrize("name", ["prefect", "json", "import", "../x", "", "🚀", "a" * 300])
def test_no_flow_shadows_a_library(name):
    found = target.file_name(replace(pipeline(), name=name))
    assert found.endswith("_flow.py")
    assert found.removesuffix(".py").isidentifier()
    assert len(found) < 120


NAMES = [
    "job",
    "nodes",
    "task",
    "execution",
    "axes",
    "flow",
    "Field",
    "step",
    "State",
    "node",
    "a_2",
    "a 2",
    "a2",
    "list",
]


def test_names_that_the_file_needs_itself_are_not_taken(run):
    listed = "\n".join(f"          - {{name: {name}, type: task, step: s}}" for name in NAMES)
    edges = ", ".join(f"[{name}.metadata.x, {after}.parameter.p]" for name, after in itertools.pairwise(NAMES))
    ran = run(f"""
    - step: {{name: step, image: none, command: "true"}}
    - step: {{name: s, image: none, command: "true", parameters: [{{name: p, choices: [a, b], default: a}}]}}
    - pipeline:
        name: flow
        parameters: [{{name: parameters, targets: [job.parameters.p]}}, {{name: run_of, targets: [nodes.parameters.p]}}]
        nodes:
{listed}
        edges: [{edges}]
    """)
    assert ran.nodes == dict.fromkeys(NAMES, "complete")


def test_the_compiler_needs_no_prefect():
    code = (
        "import sys; from translator.load import load_text; from translator.targets import prefect;"
        f"prefect.generate(load_text({json.dumps(TEXT)}).pipelines[0]);"
        "sys.exit('prefect' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


TEXT = """
- step: {name: s, image: none, command: "true"}
- pipeline: {name: p, nodes: [{name: n, type: execution, step: s}], edges: []}
"""


def test_an_equal_step_is_written_once():
    text = TEXT.replace("nodes: [", "nodes: [{name: m, type: task, step: s}, ")
    assert target.generate(load_text(text).pipelines[0]).count("= Step(") == 1


LONG = "It takes long and is worth it, " * 4


@pytest.mark.parametrize(
    ("description", "summary", "details"),
    [
        (None, "Run the step `s`.", ""),
        ("Train it.", "Train it.", ""),
        ("Train it. Look.", "Train it. Look.", ""),
        (f'Train "one" model.\n{LONG}', 'Train "one" model.', LONG),
        (LONG, "Run the step `s`.", LONG),
        (f"{LONG}. Look.", "Run the step `s`.", f"{LONG}. Look."),
        ("", "Run the step `s`.", ""),
    ],
)
def test_a_node_has_the_description_of_its_step(description, summary, details):
    step = ir.Step("s", SPAN, ("true",), description=description)
    tree = ast.parse(target.generate(pipeline(execution(step))))
    (text,) = [ast.get_docstring(node) for node in tree.body if getattr(node, "name", "") == "n_node"]
    assert text.partition("\n\n")[0] == summary
    assert text.partition("\n\n")[2].split() == details.split()


@pytest.mark.parametrize(
    "text", ['"' * 300, "\\" * 300, "模" * 300, 'a "b" ' * 60, "x" * 500], ids=lambda text: text[:4]
)
def test_docstrings_keep_to_the_width_with_any_escapes(text):
    step = ir.Step("s", SPAN, ("true",), description=text)
    source = target.generate(pipeline(execution(step)))
    body = source.partition("def n_node")[2].partition("job =")[0]
    assert "noqa" not in body


@pytest.mark.parametrize("name", ["none", "true", "false"])
def test_no_type_has_the_name_of_a_constant(name):
    parameter = ir.Parameter(name, SPAN, ir.ParameterType.FLOAT, 0.5, minimum=0.123456789, maximum=0.987654321)
    step = ir.Step("s", SPAN, ("true",), parameters=(parameter,))
    text = target.generate(replace(pipeline(), graph=ir.Graph((ir.ExecutionNode("one", SPAN, step),)), parameters=()))
    compile(text, "flow.py", "exec")
    assert f"\n{name.capitalize()}_ = Annotated[" in text
