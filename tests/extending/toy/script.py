"""Define a toy target: a Python script that runs one step after the other, without any engine."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from translator import ir
from translator.config.keys import TargetKeys
from translator.diagnostics import Diagnostics
from translator.names import identifiers
from translator.targets import GenerateOptions, render
from translator.targets.steps import step_of

NAME = "script"
INSTALL = "toy"
MODULE = "toy"
NAMED_BY = "--script-name"
NAMED_HELP = "name of the script (default: the pipeline's)"
SETTINGS = TargetKeys()
IDENTITY = re.compile(r"^PIPELINE = .*$", re.MULTILINE)

TEMPLATE = """\
{marker}
import sys
from pathlib import Path

from translator.shim import Input, Step, loom, output
from translator.shim.contract import Context, ExecutionId, State
from translator.shim.execution import execute
from translator.shim.inputs import edges

PIPELINE = {name}
PROJECT = Path(__file__).parent / {project}
NODES = {nodes}

ended = {{}}
for node, (step, sources) in NODES.items():
    upstream = {{name: [manifest] for name, manifest in ended.items()}}
    brought = {{}}
    for wanted in step.inputs:
        if wanted.name in sources:
            arriving = [output(name) for name in sources[wanted.name]]
            brought[wanted.name] = edges.files(wanted, arriving, "replace", upstream, step.dialect)
    context = Context(ExecutionId(PIPELINE, "run", node), sys.argv[1], PROJECT, "script", print)
    ended[node] = execute(step, context, inputs=brought)
    if ended[node].state is not State.COMPLETE:
        sys.exit(f"{{node}}: {{ended[node].reason}}")
"""


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report nodes that a script cannot express: all except execution nodes."""
    for node in pipeline.nodes:
        if not isinstance(node, ir.ExecutionNode):
            diagnostics.error("unsupported-node", f"a script has no {type(node).__name__}", node.span)


def generate(pipeline: ir.Pipeline, options: GenerateOptions | None = None) -> str:
    """Write the script."""
    options = options or GenerateOptions()
    nodes = {}
    for node in pipeline.nodes:
        inputs: dict[str, list[str]] = {}
        for edge in pipeline.edges:
            if edge.target.node == node.name and edge.target.kind is ir.EdgeKind.INPUT:
                inputs.setdefault(edge.target.key, []).append(edge.source.node)
        nodes[node.name] = (step_of(node, pipeline.dialect), inputs)
    return TEMPLATE.format(
        marker=render.marker(options.source or pipeline.file, options.pipeline or pipeline.name),
        name=render.literal(pipeline.name),
        nodes=render.literal(nodes),
        project=render.literal(options.project),
    )


def bad_name(name: str) -> str | None:
    """Explain why a script cannot have a name."""
    return None if name.isprintable() else "a script's name is printable"


def file_name(pipeline: ir.Pipeline) -> str:
    """Name the script."""
    return f"{identifiers([pipeline.name])[pipeline.name]}_script.py"


def run_command(
    file: Path, *, store: str, run: str, project: Path, parameters: Mapping[str, ir.Value], home: Path, jobs: int
) -> list[str]:
    """Build the argument list that runs a script."""
    return [sys.executable, str(file), store]
