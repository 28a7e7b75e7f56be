"""Read cases that mark expected findings in the YAML: ``#! error unknown-reference; warning missing-file``."""

from pathlib import Path

from tests.dialects.valohai.marks import expected
from translator import ir
from translator.dialects.loom.choices import LoomChoices
from translator.load import Loaded, load_text


def found(loaded: Loaded) -> list[tuple[int, str]]:
    """Return the findings as marks."""
    return sorted((d.span.line if d.span else 0, f"{d.severity} {d.code}") for d in loaded.diagnostics)


def check(text: str, project: Path | None = None, choices: LoomChoices | None = None) -> Loaded:
    """Load a text and hold what is found against its marks."""
    loaded = load_text(text, "flow.yml", project, dialect="loom", choices=choices)
    assert found(loaded) == expected(text), "\n".join(str(d) for d in loaded.diagnostics)
    return loaded


def read(text: str, choices: LoomChoices | None = None) -> ir.Pipeline:
    """Return the pipeline of a text, and check that its findings are its marks."""
    return check(text, choices=choices).choose()


def nodes(pipeline: ir.Pipeline) -> dict[str, ir.StepNode]:
    """Return the nodes by name; all of Loom's have steps."""
    return {node.name: node for node in pipeline.nodes if isinstance(node, ir.ExecutionNode | ir.TaskNode)}


def edges(pipeline: ir.Pipeline) -> list[str]:
    """Return the edges as ``producer -> consumer.input``, or ``producer -> consumer`` if they only order."""
    return [
        f"{edge.source.node} -> {edge.target.node}"
        + (f".{edge.target.key}" if edge.target.kind is ir.EdgeKind.INPUT else "")
        for edge in pipeline.edges
    ]


def defaults(pipeline: ir.Pipeline) -> dict[str, ir.Json]:
    """Return the parameters of the run with their defaults."""
    return {parameter.name: parameter.default for parameter in pipeline.parameters}


def targets(pipeline: ir.Pipeline, name: str) -> list[str]:
    """Return what a parameter of the run sets."""
    (parameter,) = (parameter for parameter in pipeline.parameters if parameter.name == name)
    return [f"{target.node}.{target.parameter}" for target in parameter.targets]
