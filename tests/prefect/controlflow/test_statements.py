"""Test that the statements of a graph's functions follow its routes, whatever fails."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.controlflow.build import T, case, graph
from translator import ir
from translator.ir import Outcome
from translator.targets.prefect.controlflow.statements import (
    DEPTH,
    Handle,
    IfFailed,
    Return,
    Submit,
    SubmitUnlessFailed,
    walk,
)


@st.composite
def graphs(draw):
    """Draw graphs of up to 12 nodes, each of which leads to later nodes or to an end."""
    count = draw(st.integers(1, 12))
    names = [f"n{place}" for place in range(count)]
    nodes = {}
    for place, name in enumerate(names):
        later = [*names[place + 1 :], "success", "fail"]
        usual = names[place + 1 : place + 2] * 4
        nodes[name] = (T, draw(st.sampled_from([*usual, *later])), draw(st.sampled_from([None, None, *later])))
    return case(graph(nodes)).pipeline.graph


def controlflow(made, failing):
    """Return the nodes that a token reaches, and the outcome of the end that it reaches."""
    nodes = {node.name: node for node in made.nodes}
    here, way = made.start, []
    while not isinstance(here, ir.End):
        way.append(here)
        outcome = Outcome.ERROR if here in failing else Outcome.COMPLETE
        here = next(route.target for route in nodes[here].policy.routes if route.outcome is outcome)
    return way, here.outcome


class Run:
    """What the statements do, as Prefect does it: a node runs if the last one is complete, or its failure allowed."""

    def __init__(self, walked, failing):
        self.onward, self.failing = walked.onward, failing
        self.way, self.allowed = [], False
        self.end = self.do(walked.main)

    @property
    def failed(self):
        return bool(self.way) and self.way[-1] in self.failing

    def do(self, statements):
        for one in statements:
            match one:
                case Submit(node, handling):
                    assert self.failed or not handling, f"{node} waits for a failure that was none"
                    if self.failed and not (handling or self.allowed):
                        return Outcome.ERROR  # it is not reached
                    self.way.append(node)
                    self.allowed = False
                case SubmitUnlessFailed(node):
                    if not self.failed:
                        self.way.append(node)
                case Handle():
                    self.allowed = True
                case IfFailed(then, otherwise):
                    if (ended := self.do(then if self.failed else otherwise)) is not None:
                        return ended
                case Return(outcome, onward, handling):
                    self.allowed = self.allowed or handling
                    return self.do(self.onward[onward]) if onward else outcome or self.outcome()
        return None

    def outcome(self):
        return Outcome.ERROR if self.failed else Outcome.COMPLETE


def executed(walked, failing):
    run = Run(walked, failing)
    return run.way, run.end


def depth(statements):
    inner = [depth(part) for one in statements if isinstance(one, IfFailed) for part in (one.then, one.otherwise)]
    return 1 + max(inner) if inner else 0


def submitted(statements):
    for one in statements:
        if isinstance(one, Submit | SubmitUnlessFailed):
            yield one.node
        elif isinstance(one, IfFailed):
            yield from submitted(one.then)
            yield from submitted(one.otherwise)


@settings(max_examples=200)
@given(graphs(), st.sets(st.integers(0, 11)))
def test_statements_follow_the_routes(made, numbers):
    failing = {f"n{number}" for number in numbers}
    walked = walk(made)
    assert executed(walked, failing) == controlflow(made, failing)
    written = [name for part in (walked.main, *walked.onward.values()) for name in submitted(part)]
    assert len(written) == len(set(written)), "each node is submitted in one place"
    assert max(map(depth, (walked.main, *walked.onward.values()))) <= DEPTH + 1


def test_hundreds_of_nested_handlers_become_functions():
    nodes = {f"n{place}": (T, "success", f"n{place + 1}") for place in range(300)} | {"n300": T}
    walked = walk(case(graph(nodes)).pipeline.graph)
    failing = {f"n{place}" for place in range(300)}
    assert executed(walked, failing)[0][-1] == "n300"


def test_a_thousand_nodes_with_one_handler():
    nodes = {f"n{place}": (T, None, "h") for place in range(1000)} | {"h": (T, "fail", None)}
    nodes["n999"] = (T, "success", "h")
    walked = walk(case(graph(nodes)).pipeline.graph)
    assert walked.onward == {}
    assert executed(walked, {"n500"}) == ([*(f"n{place}" for place in range(501)), "h"], Outcome.ERROR)
    assert executed(walked, set()) == ([f"n{place}" for place in range(1000)], Outcome.COMPLETE)
