"""Write statements as lines of Python."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.prefect.controlflow.statements import (
    Handle,
    IfFailed,
    Return,
    Statement,
    Submit,
    SubmitUnlessFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SAYS = {None: "token", ir.Outcome.COMPLETE: "succeed(token)", ir.Outcome.ERROR: "fail(token)"}


def lines(
    statements: Sequence[Statement], tasks: Mapping[str, str], onward: Mapping[str, str], *, end: str = "{}"
) -> Iterator[str]:
    """Yield the lines of ``statements``, without the indentation of the function.

    Args:
        statements: the body of the function.
        tasks: by node, what its task is called.
        onward: by node, what the function is called that begins with it.
        end: how to write the return value, with ``{}`` in its place.
    """
    for one, following in zip_longest(statements, statements[1:]):
        match one:
            case Submit(node, handling):
                call = f"{tasks[node]}.submit({_token(handling=handling)})"
                if following == Return():
                    yield f"return {end.format(call)}"
                    return
                yield f"token = {call}"
            case SubmitUnlessFailed(node):
                yield "if not failed(token):"
                yield f"    token = {tasks[node]}.submit(token)"
            case Handle():
                yield "token = allow_failure(token)"
            case Return(outcome, node, handling):
                called = _SAYS[outcome] if node is None else f"{onward[node]}({_token(handling=handling)})"
                yield f"return {end.format(called)}"
            case IfFailed(then, otherwise):
                if then[-1] == Return() == following and len(then) > 1 and not otherwise:
                    then = then[:-1]  # both branches end the same way
                yield "if failed(token):"
                yield from (f"    {line}" for line in lines(then, tasks, onward, end=end))
                if otherwise:
                    yield "else:"
                    yield from (f"    {line}" for line in lines(otherwise, tasks, onward, end=end))


def words(statements: Sequence[Statement]) -> set[str]:
    """Return the functions that the lines of ``statements`` call."""
    called: set[str] = set()
    for one in statements:
        match one:
            case SubmitUnlessFailed():
                called.add("failed")
            case Submit(_, True) | Handle():
                called.add("allow_failure")
            case Return(outcome, _, handling):
                called |= {"allow_failure"} if handling else set()
                called |= {_SAYS[outcome].partition("(")[0]} - {"token"}
            case IfFailed(then, otherwise):
                called |= {"failed"} | words(then) | words(otherwise)
            case _:
                pass
    return called


def _token(*, handling: bool) -> str:
    return "allow_failure(token)" if handling else "token"
