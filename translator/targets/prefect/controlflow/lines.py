"""Statements as lines of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator import ir
from translator.targets.prefect.controlflow.statements import Handle, IfFailed, Return, Statement, Submit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SAYS = {None: "last", ir.Outcome.COMPLETE: "succeed(last)", ir.Outcome.ERROR: "fail(last)"}


def lines(
    statements: Sequence[Statement], tasks: Mapping[str, str], onward: Mapping[str, str], *, end: str = "{}"
) -> Iterator[str]:
    """The lines of ``statements``, without the indentation of the function.

    Args:
        statements: what the function does.
        tasks: by node, what its task is called.
        onward: by node, what the function is called that begins with it.
        end: how what the function returns is written, with ``{}`` in its place.
    """
    rest = list(statements)
    for place, one in enumerate(rest):
        match one:
            case Submit(node, handling):
                call = f"{tasks[node]}.submit({_last(handling=handling)})"
                following = rest[place + 1] if place + 1 < len(rest) else None
                if following == Return():
                    yield f"return {end.format(call)}"
                    return
                yield f"last = {call}"
            case Handle():
                yield "last = allow_failure(last)"
            case Return(outcome, node, handling):
                called = _SAYS[outcome] if node is None else f"{onward[node]}({_last(handling=handling)})"
                yield f"return {end.format(called)}"
            case IfFailed(then, otherwise):
                tail = rest[place + 1 :]
                if then[-1] == Return() == (tail[0] if tail else None) and len(then) > 1 and not otherwise:
                    then = then[:-1]  # both go on to the same end
                if not otherwise and then == (Handle(),):
                    yield "if failed(last):"
                    yield "    last = allow_failure(last)"
                    continue
                yield "if failed(last):"
                yield from (f"    {line}" for line in lines(then, tasks, onward, end=end))
                if otherwise:
                    yield "else:"
                    yield from (f"    {line}" for line in lines(otherwise, tasks, onward, end=end))


def words(statements: Sequence[Statement]) -> set[str]:
    """The functions that the lines of ``statements`` call."""
    found: set[str] = set()
    for one in statements:
        match one:
            case Submit(_, True) | Handle():
                found.add("allow_failure")
            case Return(outcome, _, handling):
                found |= {"allow_failure"} if handling else set()
                found |= {_SAYS[outcome].partition("(")[0]} - {"last"}
            case IfFailed(then, otherwise):
                found |= {"failed"} | words(then) | words(otherwise)
            case _:
                pass
    return found


def _last(*, handling: bool) -> str:
    return "allow_failure(last)" if handling else "last"
