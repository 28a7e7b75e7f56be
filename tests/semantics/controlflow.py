"""Build control-flow graphs in one line each."""

from __future__ import annotations

from translator import ir
from translator.ir import End, Outcome, Policy, Route
from translator.span import Span

HERE = Span("test.yaml", 1, 1, 1, 1)


def end(state):
    return End(Outcome(state.value))


def _policy(follows, handler):
    return Policy(
        routes=(
            Route(Outcome.COMPLETE, follows if follows is not None else ""),
            Route(Outcome.ERROR, handler if handler is not None else End(Outcome.ERROR)),
        )
    )


def step(name, follows=None, handler=None, returns=()):
    """Return a step; ``follows`` defaults to the next node in the graph."""
    of = ir.Step(name, HERE, ("m.f",), kind=ir.StepKind.PYTHON, returns=tuple(ir.Return(r) for r in returns))
    return ir.ExecutionNode(name, HERE, of, _policy(follows, handler))


def parallel(name, follows=None, handler=None, **branches):
    return ir.ParallelNode(name, HERE, branches, _policy(follows, handler))


def mapped(name, body, over, item="item", follows=None, handler=None):
    return ir.MapNode(name, HERE, body, over, item, _policy(follows, handler))


def choice(name, on, **cases):
    return ir.ChoiceNode(name, HERE, on, cases, _policy(None, None))


def loop(name, body, until, limit):
    return ir.LoopNode(name, HERE, body, until, limit, _policy(None, None))


def graph(*nodes, start=None):
    """Return a graph; a handler (a node that an ERROR route names) is only reached by that route."""
    from dataclasses import replace

    named = {r.target for n in nodes for r in n.policy.routes if r.outcome is Outcome.ERROR}
    line = [n.name for n in nodes if n.name not in named]
    made = []
    for node in nodes:
        complete, error = node.policy.routes
        if complete.target == "":
            at = line.index(node.name) if node.name in line else len(line)
            follows = line[at + 1] if at + 1 < len(line) else End(Outcome.COMPLETE)
            node = replace(node, policy=Policy(routes=(Route(Outcome.COMPLETE, follows), error)))  # noqa: PLW2901
        made.append(node)
    return ir.Graph(tuple(made), start=start or nodes[0].name)


def pipeline(whole, dialect="magnus"):
    return ir.Pipeline("p", dialect, "p.yaml", whole, HERE)


def states(fate, prefix=""):
    """Return every node's and branch's state, by path."""
    found = {}
    for name, node in fate.nodes.items():
        found[prefix + name] = node.state.value
        for branch, of in node.branches.items():
            found[f"{prefix}{name}.{branch}"] = of.state.value
            found |= states(of, f"{prefix}{name}.{branch}.")
    return found
