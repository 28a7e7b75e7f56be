"""Compare with the vendor's own parser: its lint verdict, its payload and its loader are the authority."""

import os
from pathlib import Path

import pytest
import yaml
from valohai_yaml import parse
from valohai_yaml.lint import lint
from valohai_yaml.pipelines.conversion import PipelineConverter

from tests.dialects.valohai.marks import STEPS, assert_verdict
from translator import ir
from translator.load import load, load_text

CORPUS = Path(os.environ.get("TRANSLATOR_CORPUS", "../shared/corpus/valohai"))
FILES = sorted(CORPUS.glob("*.yaml"))
needs_corpus = pytest.mark.skipif(not FILES, reason=f"there are no files in {CORPUS}; set TRANSLATOR_CORPUS")


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_real_file_is_read_or_refused_with_locations(file):
    loaded = load(file)
    assert loaded.names or "no-pipeline" in [d.code for d in loaded.diagnostics]
    for found in loaded.diagnostics:
        assert found.span is not None
        assert 1 <= found.span.line <= len(file.read_text(encoding="utf-8").splitlines())
    for name in loaded.names:
        good = name in [pipeline.name for pipeline in loaded.pipelines]
        assert good == loaded.concerning(name).ok


@needs_corpus
def test_real_files_are_translated():
    """As many as of today; a change that refuses more must say why."""
    assert sum(len(load(file).pipelines) for file in FILES) >= 13


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_the_vendor_rejects_is_rejected(file):
    text = file.read_text(encoding="utf-8")
    assert_verdict(text)


REJECTED = [
    "nodes: [{name: n, type: execution, step: gone}], edges: []",
    "nodes: [{name: n, type: task, task: gone}], edges: []",
    "nodes: [{name: n, type: execution, step: make}, {name: n, type: execution, step: make}], edges: []",
    "nodes: [{name: n, type: execution, step: make}], edges: [[n.output.*, m.input.x]]",
    "nodes: [{name: n, type: execution, step: make}], edges: [[m.output.*, n.input.x]]",
    "nodes: [{name: n, type: execution, step: make}], edges: [[n.outptu.*, n.input.x]]",
    "nodes: [{name: n, type: execution, step: make}], edges: [[n.output.*, n.inptu.x]]",
    "nodes: [{name: n, type: execution, step: make}], edges: [[n.output, n.input]]",
    "nodes: [{name: n, type: execution, step: make, override: {inputs: [{name: x}]}}], edges: []",
    "nodes: [{name: n, type: execution, step: make, override: {parameters: [{name: x}]}}], edges: []",
    "nodes: [{name: n, type: execution, step: make, override: {runtime-config-preset: x}}], edges: []",
    "nodes: [{name: n, type: execution, step: make}], edges: [], parameters: [{name: p, target: m.parameter.seed}]",
    "nodes: [{name: n, type: execution, step: make}], edges: [], parameters: [{name: p, target: n.parameter.sed}]",
    "nodes: [{name: n, type: execution, step: make}], edges: [], parameters: [{name: p, target: n.input.seed}]",
    "nodes: [{name: n, type: execution, step: make}]",
    "nodes: [], edges: [], more: 3",
]


@pytest.mark.parametrize("body", REJECTED)
def test_each_kind_of_error_of_the_vendor_is_an_error(body):
    text = f"{STEPS}- pipeline: {{name: P, {body}}}\n"
    try:
        theirs = list(lint(text, ansi_colors=False).errors)
    except Exception as error:  # noqa: BLE001 - its linter ends so for some files that it rejects
        theirs = [{"message": str(error)}]
    assert theirs, "the vendor finds nothing wrong with this case: it tests nothing"
    assert not load_text(text).diagnostics.ok


PAYLOADS = [
    # the node beside its step and name
    "",
    "override: {image: other}",
    "override: {command: [a, b]}",
    "override: {parameters: [{name: rate, default: 0.5}]}",
    "override: {parameters: [{name: rate}]}",
    "override: {inputs: [{name: extra}]}",
    "override: {inputs: [{name: extra, default: [a, b]}]}",
    "override: {environment-variables: [{name: MODE, default: x}, {name: NEW, default: y}]}",
]


@pytest.mark.parametrize("node", PAYLOADS)
def test_a_node_runs_what_the_vendor_would_send_to_the_platform(node):
    steps = STEPS.replace("{name: data}", "{name: data, default: d.csv}").replace(
        "{name: extra, optional: true}", "{name: extra, optional: true, default: [e.csv]}"
    )
    text = f"{steps}- pipeline: {{name: P, nodes: [{{name: n, type: execution, step: use, {node}}}], edges: []}}\n"
    (read,) = load_text(text).choose().nodes
    assert isinstance(read, ir.ExecutionNode)
    assert_same_as_payload(text, "P", read)


def assert_same_as_payload(text: str, pipeline: str, node: ir.StepNode) -> None:
    config = parse(text)
    converter = PipelineConverter(config=config, commit_identifier="x")
    sent = converter.convert_pipeline(config.pipelines[pipeline])
    template = next(n for n in sent["nodes"] if n["name"] == node.name)["template"]
    step = node.step
    command = template["command"]
    assert step.image == template["image"]
    assert list(step.command) == (command if isinstance(command, list) else [command])
    assert {i.name: list(i.default) for i in step.inputs} == template["inputs"]
    ours = {p.name: list(p.default) if isinstance(p.default, tuple) else p.default for p in step.parameters}
    assert ours == template["parameters"]
    assert dict(step.environment) == {
        k: v for k, v in template.get("environment-variables", {}).items() if v is not None
    }


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_real_nodes_run_what_the_vendor_would_send(file):
    text = file.read_text(encoding="utf-8")
    for pipeline in load_text(text).pipelines:
        fed = {(edge.target.node, edge.target.key) for edge in pipeline.edges}
        for node in pipeline.nodes:
            if isinstance(node, ir.StepNode) and not any((node.name, i.name) in fed for i in node.step.inputs):
                assert_same_as_payload(text, pipeline.name, node)


@needs_corpus
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_real_files_are_read_as_the_vendor_s_loader_reads_them(file):
    from translator.diagnostics import Diagnostics
    from translator.source import parse as parse_located

    text = file.read_text(encoding="utf-8")
    diagnostics = Diagnostics()
    located = parse_located(text, file.name, diagnostics)
    assert located is not None
    if diagnostics.ok:
        assert located.value == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("default", "kind"), [("3", "integer"), ("1.5", "float"), ("true", "flag"), ("[a, 3]", "integer")]
)
def test_a_default_that_is_not_a_string_is_told_without_types_of_python(default, kind):
    text = f"[{{step: {{name: a, image: i, command: c, parameters: [{{name: p, default: {default}}}]}}}}]"
    (found,) = [found for found in load_text(text).diagnostics if found.code == "bad-default"]
    assert found.message.endswith("is not a string"), found.message
    assert found.hint == f"write type: {kind}, or quote the value"
