"""Compute the tables of how failures propagate from predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator import ir
from translator.ir import EdgeKind, OnChildError, OnError
from translator.semantics.oracle import Failure, failing
from translator.semantics.prediction import predict
from translator.semantics.rules import Rules
from translator.shim.contract import DEFAULT_DIALECT, State
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; its cells are computed from a prediction."""

    case: str
    node: str
    siblings: str
    after: str
    others: str
    run: str


@dataclass(frozen=True, slots=True)
class Case:
    """A node with a policy and failures; ``brings`` says what downstream nodes receive.

    ``rejected``: a person rejects its approvals.
    """

    text: str
    policy: ir.Policy
    task: bool
    failures: tuple[Failure, ...]
    brings: str = ""
    rejected: bool = False


_NOWHERE = Span("", 0, 0, 0, 0)
_ONE = (Failure("node", 0),)
_ALL = (Failure("node"),)
_FIRST_TRY = (Failure("node", 0, 1),)


ON_ERROR = (
    Case("`stop-all` (default)", ir.Policy(OnError.STOP_ALL), task=True, failures=_ONE),
    Case("`stop-next`", ir.Policy(OnError.STOP_NEXT), task=True, failures=_ONE),
    Case(
        "`continue`, execution node",
        ir.Policy(OnError.CONTINUE),
        task=False,
        failures=_ONE,
        brings="without files or parameters from its edges",
    ),
    Case(
        "`continue`, task node, >= 1 execution complete",
        ir.Policy(OnError.CONTINUE),
        task=True,
        failures=_ONE,
        brings="with the complete executions' outputs",
    ),
    Case("`continue`, task node, none complete", ir.Policy(OnError.CONTINUE), task=True, failures=_ALL),
    Case("`retry`, a later attempt completes", ir.Policy(OnError.RETRY, tries=3), task=True, failures=_FIRST_TRY),
    Case("`retry`, every attempt fails", ir.Policy(OnError.RETRY, tries=3), task=True, failures=_ONE),
)
ON_CHILD_ERROR = tuple(
    Case(f"`{child}`, `on-error: {on_error}`, {text}", ir.Policy(on_error, child), task=True, failures=failures)
    for child in OnChildError
    for on_error in (OnError.STOP_ALL, OnError.STOP_NEXT, OnError.CONTINUE)
    for text, failures in (("one fails", _ONE), ("all fail", _ALL))
)


def _acting(on_error: OnError, when: ir.Event, then: ir.Effect) -> ir.Policy:
    return ir.Policy(on_error, actions=(ir.Action(_NOWHERE, (when,), (then,)),))


ACTIONS = (
    *(
        Case(f"`{when}`: `{then}`", _acting(OnError.STOP_ALL, when, then), task=True, failures=())
        for when in (ir.Event.STARTING, ir.Event.COMPLETE)
        for then in (ir.Effect.STOP_PIPELINE, ir.Effect.ERROR_PIPELINE)
    ),
    *(
        Case(f"`{ir.Event.ERROR}`: `{then}`, `on-error: {on}`", _acting(on, ir.Event.ERROR, then), task, _ALL)
        for on, task in ((OnError.STOP_NEXT, True), (OnError.CONTINUE, False))
        for then in (ir.Effect.STOP_PIPELINE, ir.Effect.ERROR_PIPELINE)
    ),
    *(
        Case(
            f"`{when}`: `{ir.Effect.REQUIRE_APPROVAL}`, {'rejected' if rejected else 'approved'}",
            _acting(OnError.STOP_ALL, when, ir.Effect.REQUIRE_APPROVAL),
            task=True,
            failures=(),
            rejected=rejected,
        )
        for when in (ir.Event.STARTING, ir.Event.COMPLETE)
        for rejected in (False, True)
    ),
)
"""Every effect that may end the run, at every event."""


def row(case: Case) -> Row:
    """Predict how a failure or an action propagates to a downstream node and to a parallel branch."""
    nowhere = _NOWHERE

    def execution(name: str) -> ir.ExecutionNode:
        return ir.ExecutionNode(name, nowhere, ir.Step(name, nowhere, ("run",)))

    step = ir.Step("node", nowhere, ("run",), parameters=(ir.Parameter("x", nowhere, ir.ParameterType.INTEGER, 0),))
    node: ir.StepNode = ir.ExecutionNode("node", nowhere, step, case.policy)
    if case.task:
        axis = ir.Axis("x", (1, 2, 3), nowhere)
        node = ir.TaskNode("node", nowhere, step, ir.Grid(axes=(axis,)), case.policy)
    order = (("before", "node"), ("node", "after"), ("before", "beside"))
    pipeline = ir.Pipeline(
        "table",
        DEFAULT_DIALECT,
        "table.yaml",
        ir.Graph(
            (execution("before"), node, execution("after"), execution("beside")),
            tuple(
                ir.Edge(ir.Port(a, EdgeKind.DEPENDENCY, "*"), ir.Port(b, EdgeKind.DEPENDENCY, "*"), nowhere)
                for a, b in order
            ),
        ),
        nowhere,
    )
    rejected = frozenset({"node"} if case.rejected else ())
    prediction = predict(Rules(pipeline, oracle=failing(case.failures), rejected=rejected))
    nodes = prediction.nodes
    failed = {f.index for f in case.failures if f.attempt is None}
    siblings = [e.states for e in nodes["node"].executions if e.index not in failed] if None not in failed else []
    return Row(
        case.text,
        _either(nodes["node"].states),
        _fate(frozenset().union(*siblings), "finish") if case.task and siblings else "-",
        _fate(nodes["after"].states, "run" + (f", {case.brings}" if case.brings else "")),
        _fate(nodes["beside"].states, "continue"),
        _either(prediction.states),
    )


def table(cases: Sequence[Case] = ON_ERROR) -> str:
    """Return a table in Markdown, for the documentation."""
    head = (
        "on-error of the failed node",
        "the node",
        "its other executions",
        "downstream nodes",
        "other branches",
        "the run",
    )
    if cases is ON_CHILD_ERROR:
        head = ("on-child-error, on-error", *head[1:])
    if cases is ACTIONS:
        head = ("event and effect", *head[1:])
    rows = [head, ("---",) * len(head)]
    rows += [(r.case, r.node, r.siblings, r.after, r.others, r.run) for r in map(row, cases)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def _either(states: Iterable[State]) -> str:
    return " or ".join(sorted(states))


def _fate(states: frozenset[State], undisturbed: str) -> str:
    if states == {State.COMPLETE}:
        return undisturbed
    if states == {State.COMPLETE, State.STOPPED}:
        return "stopped, unless finished"
    return _either(states)
