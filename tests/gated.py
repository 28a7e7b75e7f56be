"""Build pipelines with gates, optional nodes, groups and loops over files, whose steps are shell commands.

The rules that decide whether a step runs do not depend on its command, so these run without the source engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

SPAN = Span("pipeline.yml", 1, 1, 1, 1)
OK = 'echo made > "$VH_OUTPUTS_DIR/$VH_NODE"'
FAIL = "exit 3"
TRUE, FALSE = """echo '{"result": true}'""", """echo '{"result": false}'"""
POLICY = ir.OnError.STOP_NEXT


def step(name: str, command: str, *, kind: ir.StepKind = ir.StepKind.COMMAND, more: Sequence[str] = ()) -> ir.Step:
    command = command.replace("$VH_NODE", name)
    return ir.Step(
        name,
        SPAN,
        (command,),
        parameters=tuple(ir.Parameter(one, SPAN) for one in more),
        inputs=(ir.Input("before", SPAN, optional=True),),
        kind=kind,
    )


def node(
    name: str, command: str = OK, *gates: ir.Gate, group: str | None = None, join: bool = False
) -> ir.ExecutionNode:
    kind = ir.StepKind.COLLECT if join else ir.StepKind.COMMAND
    return ir.ExecutionNode(name, SPAN, step(name, command, kind=kind), ir.Policy(POLICY, gates=gates), group=group)


def loop(
    name: str, command: str, over: str, *gates: ir.Gate, sequential: bool = True, group: str | None = None
) -> ir.TaskNode:
    made = step(name, command)
    folders = (ir.Parameter("loop.over", SPAN, default=over), ir.Parameter("loop.into", SPAN, default=f"{name}s"))
    items = (ir.Parameter("item", SPAN), ir.Parameter("made", SPAN))
    made = ir.Step(
        name,
        SPAN,
        made.command,
        parameters=(*items, *folders),
        inputs=(*made.inputs, ir.Input("loop.over", SPAN, default=(over,), optional=True)),
    )
    axis = ir.FileAxis("loop.over", "loop.into", items=("item",), outputs=("made",), sequential=sequential)
    policy = ir.Policy(POLICY, on_child_error=None if sequential else ir.OnChildError.CONTINUE_AND_ERROR, gates=gates)
    return ir.TaskNode(name, SPAN, made, ir.Grid(ir.GridKind.FILES, files=axis), policy, group=group)


def true(name: str) -> ir.Gate:
    return ir.Gate(expected=True, node=name)


def false(name: str) -> ir.Gate:
    return ir.Gate(expected=False, node=name)


def optional(name: str) -> ir.Gate:
    return ir.Gate(expected=True, parameter=f"include.{name}", excludes=True)


def edge(source: str, target: str, into: str = "before") -> ir.Edge:
    return ir.Edge(ir.Port(source, ir.EdgeKind.ARTIFACT, "*"), ir.Port(target, ir.EdgeKind.INPUT, into), SPAN)


def order(source: str, target: str) -> ir.Edge:
    return ir.Edge(ir.Port(source, ir.EdgeKind.DEPENDENCY, ""), ir.Port(target, ir.EdgeKind.DEPENDENCY, ""), SPAN)


def pipeline(nodes: Sequence[ir.StepNode], edges: Sequence[ir.Edge], **parameters: bool) -> ir.Pipeline:
    given = {
        f"include.{gate.parameter.removeprefix('include.')}": False
        for n in nodes
        for gate in n.policy.gates
        if gate.parameter and gate.excludes
    }
    given |= parameters
    return ir.Pipeline(
        "Gated",
        "valohai",
        "pipeline.yml",
        ir.Graph(tuple(nodes), tuple(edges)),
        SPAN,
        tuple(ir.PipelineParameter(name, SPAN, value) for name, value in given.items()),
    )


CASES: dict[str, tuple[ir.Pipeline, dict[str, bool], str]] = {}
"""By name: a pipeline, values for its run, and the states of its nodes and of the run: c, e or s (skipped)."""

_chain = [edge("a", "b"), order("if", "b"), edge("b", "c")]
for verdict, states in ((TRUE, "ccccc"), (FALSE, "ccssc"), (FAIL, "ecsse")):
    CASES[f"gate, {verdict[-6:]}"] = (
        pipeline([node("if", verdict), node("a"), node("b", OK, true("if")), node("c")], _chain),
        {},
        states,
    )
CASES["gate on a parameter"] = (
    pipeline([node("a", OK, ir.Gate(expected=False, parameter="big")), node("b")], [edge("a", "b")], big=True),
    {},
    "ssc",
)
_three = [edge("a", "b"), edge("b", "c")]
CASES["optional, left out"] = (pipeline([node("a"), node("b", OK, optional("b")), node("c")], _three), {}, "cscc")
CASES["optional, included"] = (
    pipeline([node("a"), node("b", OK, optional("b")), node("c")], _three),
    {"include.b": True},
    "cccc",
)
CASES["optional, included, fails"] = (
    pipeline([node("a"), node("b", FAIL, optional("b")), node("c")], _three),
    {"include.b": True},
    "cese",
)
CASES["optional, left out, what is before it fails"] = (
    pipeline([node("a", FAIL), node("b", OK, optional("b")), node("c")], _three),
    {},
    "esce",
)
CASES["optional leaf"] = (pipeline([node("a", FAIL), node("b", OK, optional("b"))], [edge("a", "b")]), {}, "ese")
for parallel in (False, True):
    for made, states in (("ab", "cccc"), ("", "cccc"), ("a!b", "cese"), (None, "cese")):
        files = "".join(
            f"echo {'bad' if char == '!' else 'good'} > frames/{number};" for number, char in enumerate(made or "")
        )
        last = "touch other" if made is None else "touch frames/sub/x"
        many = f'cd "$VH_OUTPUTS_DIR"; {"" if made is None else "mkdir -p frames/sub;"} {files} {last}'
        work = "test {parameter-value:item} != frames/1 || test " + ("1 = 2" if made == "a!b" else "1 = 1")
        CASES[f"loop, {'parallel' if parallel else 'in order'}, {made!r}"] = (
            pipeline(
                [node("a", many), loop("l", work, "frames", sequential=not parallel), node("z")],
                [edge("a", "l", "loop.over"), edge("l", "z")],
            ),
            {},
            states,
        )
CASES["loop, gated"] = (
    pipeline([node("if", FALSE), loop("l", OK, "frames", true("if")), node("z")], [order("if", "l"), edge("l", "z")]),
    {},
    "cssc",
)
CASES["loop, optional, left out"] = (
    pipeline([node("a"), loop("l", OK, "frames", optional("l")), node("z")], [edge("a", "l"), edge("l", "z")]),
    {},
    "cscc",
)
for first, verdict, second, states in (
    (OK, FALSE, OK, "cccccc"),
    (OK, TRUE, OK, "ccsccc"),
    (FAIL, FALSE, OK, "esssse"),
    (OK, FALSE, FAIL, "ccesse"),
):
    CASES[f"passes, {first[-4:]} {verdict[-6:]} {second[-4:]}"] = (
        pipeline(
            [
                node("p0", first, group="p iteration 0"),
                node("stop", verdict),
                node("p1", second, false("stop"), group="p iteration 1"),
                node("p", OK, join=True),
                node("z"),
            ],
            [
                edge("p0", "stop"),
                order("stop", "p1"),
                edge("p0", "p1"),
                edge("p0", "p"),
                edge("p1", "p"),
                edge("p", "z"),
            ],
        ),
        {},
        states,
    )


def together() -> tuple[ir.Pipeline, dict[str, bool]]:
    """Return all cases as unconnected parts of one pipeline, and its values: a run costs an engine more than a node."""
    nodes: list[ir.StepNode] = []
    edges: list[ir.Edge] = []
    parameters: dict[str, bool] = {}
    given: dict[str, bool] = {}
    for number, (made, values, _) in enumerate(CASES.values()):
        prefix = f"c{number}_"
        nodes += [_renamed(one, prefix) for one in made.graph.nodes]
        edges += [
            replace(
                one,
                source=replace(one.source, node=prefix + one.source.node),
                target=replace(one.target, node=prefix + one.target.node),
            )
            for one in made.graph.edges
        ]
        parameters |= {prefix + one.name: bool(one.default) for one in made.parameters}
        given |= {prefix + name: value for name, value in values.items()}
    merged = pipeline(nodes, edges)
    named = tuple(ir.PipelineParameter(name, SPAN, value) for name, value in parameters.items())
    return replace(merged, parameters=named), given


def _renamed(one: ir.StepNode, prefix: str) -> ir.StepNode:
    gates = tuple(
        replace(gate, node=gate.node and prefix + gate.node, parameter=gate.parameter and prefix + gate.parameter)
        for gate in one.policy.gates
    )
    return replace(
        one,
        name=prefix + one.name,
        step=replace(one.step, name=prefix + one.step.name),
        policy=replace(one.policy, gates=gates),
        group=one.group and prefix + one.group,
    )


def nodes_of(case: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the nodes of a case in the record of a run of all."""
    prefix = f"c{list(CASES).index(case)}_"
    return {name.removeprefix(prefix): node for name, node in document["nodes"].items() if name.startswith(prefix)}


def differences(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the states of the cases that did not end as they should in a run of all, and those they should have."""
    found = {}
    for case, (_, _, expected) in CASES.items():
        states = "".join(node["state"][0] for node in nodes_of(case, document).values())
        if states != expected[:-1]:
            found[case] = (states, expected[:-1])
    return found
