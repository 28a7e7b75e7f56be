"""Test the rules for gates, optional nodes and the end of iterations, with the cases that run on both engines."""

from __future__ import annotations

import pytest

from tests.gated import CASES, FAIL, FALSE, OK, TRUE, edge, loop, node, optional, pipeline
from translator import ir
from translator.semantics import Attempt, Ending, Rules, predict
from translator.shim.contract import State

# What loops run over is known where the commands are: on the engines, and in tests/oracle/loom.
KNOWN = [name for name in CASES if not name.startswith("loop, in order") and not name.startswith("loop, parallel")]


def oracle_of(of: ir.Pipeline):
    commands = {one.name: one.step.command[0] for one in of.nodes if isinstance(one, ir.ExecutionNode | ir.TaskNode)}
    verdicts = {TRUE: {"result": True}, FALSE: {"result": False}}

    def oracle(attempt: Attempt) -> Ending:
        command = commands[attempt.node]
        return Ending(State.ERROR if command == FAIL else State.COMPLETE, verdicts.get(command, {}), ())

    return oracle


def states(of: ir.Pipeline, **values: bool) -> str:
    prediction = predict(Rules(of, values, oracle_of(of)))
    found = [*(one.states for one in prediction.nodes.values()), prediction.states]
    assert all(len(one) == 1 for one in found)
    return "".join(next(iter(one))[0] for one in found)


@pytest.mark.parametrize("case", KNOWN)
def test_states(case: str) -> None:
    of, values, expected = CASES[case]
    assert states(of, **values) == expected


def test_a_loop_is_as_wide_as_its_directory(tmp_path) -> None:
    of = pipeline([node("a"), loop("l", OK, "frames"), node("z")], [edge("a", "l", "loop.over"), edge("l", "z")])

    def widths(*outputs: str, folders: tuple[str, ...] = ()) -> tuple[frozenset[State], int]:
        given = predict(Rules(of, {}, lambda _: Ending(outputs=outputs, folders=folders), project=tmp_path)).nodes["l"]
        return given.states, len(given.executions)

    assert widths() == ({State.ERROR}, 0)
    assert widths(folders=("frames",)) == ({State.COMPLETE}, 0)
    assert widths("frames/1", "frames/2", "frames/deep/3", "other/4") == ({State.COMPLETE}, 2)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/2").touch()
    (tmp_path / "frames/5").touch()
    assert widths("frames/1", "frames/2") == ({State.COMPLETE}, 3)


@pytest.mark.parametrize(("sequential", "last"), [(True, State.SKIPPED), (False, State.COMPLETE)])
def test_a_loop_after_a_failure(sequential: bool, last: State) -> None:
    of = pipeline([loop("l", OK, "frames", sequential=sequential), node("z")], [edge("l", "z")])

    def second_fails(attempt: Attempt) -> Ending:
        return Ending(State.ERROR if (attempt.node, attempt.index) == ("l", 1) else State.COMPLETE)

    nodes = predict(Rules(of, {}, second_fails, widths={"l": 4})).nodes
    found = [one.states for one in nodes["l"].executions]
    assert found == [{State.COMPLETE}, {State.ERROR}, {last}, {last}]
    assert (nodes["l"].states, nodes["z"].states) == ({State.ERROR}, {State.SKIPPED})


def test_a_stop_does_not_affect_excluded_nodes() -> None:
    first = node("a", FAIL)
    stopping = ir.ExecutionNode("a", first.span, first.step, ir.Policy(ir.OnError.STOP_ALL))
    of = pipeline([stopping, node("b", OK, optional("b")), node("c")], [edge("b", "c")])
    nodes = predict(Rules(of, {}, oracle_of(of))).nodes
    assert nodes["b"].states == {State.SKIPPED}
    assert nodes["c"].states == {State.COMPLETE, State.STOPPED}
