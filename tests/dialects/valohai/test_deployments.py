"""Test deployment nodes: what the IR has of them, and where mistakes are reported."""

import pytest

from tests.dialects.valohai.marks import STEPS, check
from translator import ir
from translator.ir import EdgeKind

ENDPOINTS = """\
- endpoint:
    name: predict
    image: busybox
    wsgi: app:app
    files: [{name: model, path: models/model.pkl}]
- endpoint: {name: greet, image: busybox, port: 8080, server-command: [cd greet, sh serve.sh 8080]}
"""


def text(
    node="endpoints: [predict, greet]", edges=("[make.output.*, deploy.file.predict.model]",), endpoints=ENDPOINTS
):
    lines = "".join(f"      - {edge}\n" for edge in edges)
    return f"""{STEPS}{endpoints}- pipeline:
    name: P
    nodes:
      - {{name: make, type: execution, step: make}}
      - {{name: deploy, type: deployment, deployment: digits, {node}}}
      - {{name: use, type: execution, step: use}}
    edges:
{lines}"""


def test_a_deployment_node_is_an_execution_that_deploys():
    edges = (
        "[make.output.*, deploy.file.predict.model]",
        "[deploy.deployment.version_id, use.parameter.size]",
        "[make.output.*, use.input.data]",
    )
    node = "endpoints: [predict, greet], aliases: [live], on-error: continue, actions: [{when: node-error, then: noop}]"
    loaded = check(text(node, edges))
    pipeline = loaded.choose("P")
    deploy = pipeline.nodes[1]
    assert isinstance(deploy, ir.ExecutionNode)
    assert deploy.policy.on_error is ir.OnError.CONTINUE
    assert [action.when for action in deploy.policy.actions] == [(ir.Event.ERROR,)]
    assert deploy.step.kind is ir.StepKind.DEPLOYMENT
    deployment = deploy.step.deployment
    assert deployment is not None
    assert (deployment.name, deployment.aliases) == ("digits", ("live",))
    predict, greet = deployment.endpoints
    assert (predict.wsgi, predict.port, predict.server_command) == ("app:app", 8000, ())
    assert (greet.wsgi, greet.port, greet.server_command) == (None, 8080, ("cd greet", "sh serve.sh 8080"))
    assert [(one.name, one.optional) for one in deploy.step.inputs] == [("predict.model", False)]
    assert [(str(edge.source), str(edge.target)) for edge in pipeline.edges[:2]] == [
        ("make.output.*", "deploy.file.predict.model"),
        ("deploy.deployment.version_id", "use.parameter.size"),
    ]
    assert [one.target.kind for one in pipeline.edges[:2]] == [EdgeKind.INPUT, EdgeKind.PARAMETER]
    assert pipeline.edges[1].source.kind is EdgeKind.METADATA
    assert deploy.step.settable == ()


NODES = [
    "endpoints: [predict], aliases: [live, 'live'] #! error duplicate-alias",
    "endpoints: [predict], aliases: ['2'] #! error bad-name",
    "endpoints: [predict], aliases: [../up] #! error bad-name",
    "endpoints: [predict], aliases: ['a b', -x] #! error bad-name; error bad-name",
    "endpoints: [predict, predikt] #! error unknown-endpoint",
    "endpoints: [predict, predict] #! warning duplicate-name",
    "endpoints: [predict], on-error: retry #! error bad-value",
]


@pytest.mark.parametrize("node", NODES)
def test_mistakes_in_nodes_are_reported_where_they_are(node):
    shown, _, mark = node.partition(" #! ")
    lines = text("@", ("[make.output.*, deploy.file.predict.model]", "[make.output.*, use.input.data]")).replace(
        "- endpoint: {name: greet, image: busybox, port: 8080, server-command: [cd greet, sh serve.sh 8080]}\n", ""
    )
    check(lines.replace("@}", f"{shown}}} #! {mark}"))


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "", "x" * 61, "a.b", "-a"])
def test_a_deployment_has_a_name_for_urls(name):
    wrong = (
        text().replace("deployment: digits", f"deployment: {name!r}").replace("greet]}", "greet]} #! error bad-name")
    )
    check(wrong.replace("    edges:\n", "    edges: []\n").partition("      - [make")[0])


@pytest.mark.parametrize("length", [60, 61])
def test_the_name_of_an_endpoint_is_short_enough_for_files(length):
    name = "e" * length
    mark = " #! error bad-name" if length > 60 else ""
    edges = ("[make.output.*, deploy.file.predict.model]", "[make.output.*, use.input.data]")
    written = text(edges=edges).replace("name: greet,", f"name: {name},").replace("greet]}", f"{name}]}}{mark}")
    check(written.replace("    edges:\n", "    edges: []\n").partition("      - [make")[0] if mark else written)


EDGES = [
    "[make.output.*, deploy.file.predict.model] ",
    "[make.output.*, deploy.file.predict.modle] #! error unknown-file",
    "[make.output.*, deploy.file.predikt.model] #! error unknown-file",
    "[make.output.*, deploy.file.model] #! error unknown-file",
    "[make.output.*, deploy.input.predict.model] #! error bad-edge",
    "[make.output.*, use.file.predict.model] #! error bad-edge",
    "[make.parameter.size, deploy.parameter.size] #! error bad-edge",
    "[make.metadata.m, deploy.file.predict.model] #! error bad-edge",
    "[deploy.output.*, use.input.data] #! error bad-edge",
    "[deploy.metadata.id, use.parameter.size] #! error bad-edge",
    "[deploy.deployment.url, use.parameter.size] #! error unknown-port",
    "[make.deployment.id, use.parameter.size] #! error bad-edge",
    "[deploy.deployment.id, use.input.data] #! error bad-edge",
    "[deploy.dependency.*, use.dependency.*]",
    "[make.dependency.*, deploy.dependency.*]",
]


@pytest.mark.parametrize("edge", EDGES)
def test_mistakes_in_edges_are_reported_where_they_are(edge):
    edges = ("[make.output.*, deploy.file.predict.model]", "[make.output.*, use.input.data]", edge)
    whole = text(edges=edges)
    if edge == EDGES[0]:
        whole = whole.replace(
            f"      - {edge}\n", "      - [make.output.*, deploy.file.predict.model] #! note duplicate-edge\n"
        )
    check(whole)


FILES = [
    "[{name: model, path: ../model.pkl}] #! error bad-name",
    "[{name: model, path: /model.pkl}] #! error bad-name",
    "[{name: model, path: a//b}] #! error bad-name",
    "[{name: model, path: a}, {name: model, path: b}] #! error duplicate-file",
    "[{name: model, path: a}, {name: other, path: a}] #! error duplicate-file",
    "[{name: model, path: a}, {name: other, path: b}] #! warning missing-endpoint-file",
]


@pytest.mark.parametrize("files", FILES)
def test_mistakes_in_files_are_reported_where_they_are(files):
    written, _, mark = files.partition(" #! ")
    endpoints = ENDPOINTS.replace("[{name: model, path: models/model.pkl}]", f"{written} #! {mark}")
    edges = ("[make.output.*, deploy.file.predict.model]", "[make.output.*, use.input.data]")
    check(text(edges=edges, endpoints=endpoints))


@pytest.mark.parametrize("named", ["5", "true", "predict", "{a: 1}"])
def test_endpoints_are_a_list(named):
    edges = ("[make.output.*, use.input.data]",)
    marked = text("@", edges).replace("@}", f"endpoints: {named}}} #! error bad-type")
    check(marked.replace(ENDPOINTS, ""))


def test_defaults_of_a_deployment_need_a_target():
    check(text() + "- deployment: {name: digits, defaults: {}} #! error missing-key\n")
