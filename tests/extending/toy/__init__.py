"""Define a toy dialect: a mapping of steps by name; a step ``run``s a command and ``needs`` files of other steps."""

from translator import ir
from translator.diagnostics import Diagnostics
from translator.dialects import Dialect, Source
from translator.source import Located, Rules


def detect(document: Located) -> bool:
    """Return whether a file is written in this dialect."""
    return document.get("toy") is not None


def pipeline_names(source: Source) -> tuple[str, ...]:
    """Return the names of all pipelines of a file."""
    name = source.root.get("toy") if source.root else None
    return (str(name.value),) if name else ()


def read(source: Source, diagnostics: Diagnostics) -> tuple[ir.Pipeline, ...]:
    """Read the pipeline of a file, and report problems as diagnostics."""
    root = source.root
    steps = root.get("steps") if root else None
    names = pipeline_names(source)
    if root is None or not names or steps is None or not steps.entries:
        diagnostics.error("missing-key", "a toy has a name, 'toy', and 'steps', a mapping", root and root.span)
        return ()
    nodes, edges = [], []
    for name, step in steps.entries.items():
        command = step.get("run")
        if not isinstance(name, str) or command is None or not isinstance(command.value, str):
            diagnostics.error("missing-run", f"step {name!r} has no 'run', a string", step.span)
            continue
        needs = [str(need.value) for need in step.list("needs")]
        span = steps.key_span(name)
        inputs = tuple(ir.Input(need, span) for need in dict.fromkeys(needs))
        nodes.append(ir.ExecutionNode(name, span, ir.Step(name, span, (command.value,), inputs=inputs)))
        edges += [
            ir.Edge(ir.Port(need, ir.EdgeKind.ARTIFACT, "*"), ir.Port(name, ir.EdgeKind.INPUT, need), span)
            for need in dict.fromkeys(needs)
        ]
    return (ir.Pipeline(names[0], DIALECT.name, source.name, ir.Graph(tuple(nodes), tuple(edges)), root.span),)


DIALECT = Dialect(
    name="toy",
    title="Toy",
    graph="dataflow",
    rules=Rules.YAML_1_2,
    detect=detect,
    pipeline_names=pipeline_names,
    read=read,
)
