"""Compare the tables that users read with rows written by hand from the design."""

from __future__ import annotations

import pytest

from translator.semantics import ACTIONS, ON_CHILD_ERROR, ON_ERROR, Row, row, table

STOP = "stopped, unless finished"
GO = "continue"
END = "finish"
OUTPUTS = "run, with the complete executions' outputs"

EXPECTED = [
    Row("`stop-all` (default)", "error", STOP, "stopped", STOP, "error"),
    Row("`stop-next`", "error", END, "skipped", GO, "error"),
    Row("`continue`, execution node", "error", "-", "run, without files or parameters from its edges", GO, "complete"),
    Row("`continue`, task node, >= 1 execution complete", "complete", END, OUTPUTS, GO, "complete"),
    Row("`continue`, task node, none complete", "error", "-", "skipped", GO, "error"),
    Row("`retry`, a later attempt completes", "complete", END, "run", GO, "complete"),
    Row("`retry`, every attempt fails", "error", STOP, "stopped", STOP, "error"),
]
# on-child-error, on-error, which fail: the node, its other executions, downstream nodes, other branches, the run
EXPECTED_CHILD = [
    ("continue-and-complete", "stop-all", "one fails", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "stop-all", "all fail", "error", "-", "stopped", STOP, "error"),
    ("continue-and-complete", "stop-next", "one fails", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "stop-next", "all fail", "error", "-", "skipped", GO, "error"),
    ("continue-and-complete", "continue", "one fails", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "continue", "all fail", "error", "-", "skipped", GO, "error"),
    ("continue-and-error", "stop-all", "one fails", "error", END, "stopped", STOP, "error"),
    ("continue-and-error", "stop-all", "all fail", "error", "-", "stopped", STOP, "error"),
    ("continue-and-error", "stop-next", "one fails", "error", END, "skipped", GO, "error"),
    ("continue-and-error", "stop-next", "all fail", "error", "-", "skipped", GO, "error"),
    ("continue-and-error", "continue", "one fails", "error", END, "run", GO, "complete"),
    ("continue-and-error", "continue", "all fail", "error", "-", "run", GO, "complete"),
    ("stop-all-and-error", "stop-all", "one fails", "error", STOP, "stopped", STOP, "error"),
    ("stop-all-and-error", "stop-all", "all fail", "error", "-", "stopped", STOP, "error"),
    ("stop-all-and-error", "stop-next", "one fails", "error", STOP, "skipped", GO, "error"),
    ("stop-all-and-error", "stop-next", "all fail", "error", "-", "skipped", GO, "error"),
    ("stop-all-and-error", "continue", "one fails", "error", STOP, "run", GO, "complete"),
    ("stop-all-and-error", "continue", "all fail", "error", "-", "run", GO, "complete"),
]
# event, effect: the node, its other executions, downstream nodes, other branches, the run
EXPECTED_ACTIONS = [
    Row("`node-starting`: `stop-pipeline`", "stopped", "-", "stopped", STOP, "stopped"),
    Row("`node-starting`: `error-pipeline`", "stopped", "-", "stopped", STOP, "error"),
    Row("`node-complete`: `stop-pipeline`", "complete", END, "stopped", STOP, "stopped"),
    Row("`node-complete`: `error-pipeline`", "complete", END, "stopped", STOP, "error"),
    Row("`node-error`: `stop-pipeline`, `on-error: stop-next`", "error", "-", "skipped", STOP, "error"),
    Row("`node-error`: `error-pipeline`, `on-error: stop-next`", "error", "-", "skipped", STOP, "error"),
    Row("`node-error`: `stop-pipeline`, `on-error: continue`", "error", "-", "stopped", STOP, "stopped"),
    Row("`node-error`: `error-pipeline`, `on-error: continue`", "error", "-", "stopped", STOP, "error"),
    Row("`node-starting`: `require-approval`, approved", "complete", END, "run", GO, "complete"),
    Row("`node-starting`: `require-approval`, rejected", "stopped", "-", "stopped", STOP, "stopped"),
    Row("`node-complete`: `require-approval`, approved", "complete", END, "run", GO, "complete"),
    Row("`node-complete`: `require-approval`, rejected", "complete", END, "stopped", STOP, "stopped"),
]


@pytest.mark.parametrize(("case", "expected"), list(zip(ACTIONS, EXPECTED_ACTIONS, strict=True)))
def test_actions(case, expected):
    assert row(case) == expected


@pytest.mark.parametrize(
    ("case", "expected"), list(zip(ON_ERROR, EXPECTED, strict=True)), ids=lambda x: getattr(x, "case", "")
)
def test_on_error(case, expected):
    assert row(case) == expected


@pytest.mark.parametrize(("case", "expected"), list(zip(ON_CHILD_ERROR, EXPECTED_CHILD, strict=True)))
def test_on_child_error(case, expected):
    child, on_error, which, *cells = expected
    assert row(case) == Row(f"`{child}`, `on-error: {on_error}`, {which}", *cells)


def test_markdown_has_a_line_per_row():
    lines = table().splitlines()
    assert len(lines) == 2 + len(EXPECTED)
    assert lines[2] == f"| `stop-all` (default) | error | {STOP} | stopped | {STOP} | error |"
    assert len(table(ON_CHILD_ERROR).splitlines()) == 2 + len(EXPECTED_CHILD)
