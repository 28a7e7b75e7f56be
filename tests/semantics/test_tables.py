"""The tables that users read, row by row; the rows here are design.md's, written by hand."""

from __future__ import annotations

import pytest

from translator.semantics import ON_CHILD_ERROR, ON_ERROR, Row, row, table

STOP = "stopped, where they had not ended"
GO = "go on"
END = "run to their end"
OUTPUTS = "run, with the complete executions' outputs"

EXPECTED = [
    Row("`stop-all` (default)", "error", STOP, "stopped", STOP, "error"),
    Row("`stop-next`", "error", END, "skipped", GO, "error"),
    Row("`continue`, execution node", "error", "-", "run, its edges bring no file, no parameter", GO, "complete"),
    Row("`continue`, task node, >= 1 execution complete", "complete", END, OUTPUTS, GO, "complete"),
    Row("`continue`, task node, none complete", "error", "-", "skipped", GO, "error"),
    Row("`retry`, a later try completes", "complete", END, "run", GO, "complete"),
    Row("`retry`, every try errs", "error", STOP, "stopped", STOP, "error"),
]
# on-child-error, on-error, which err: the node, its other executions, nodes after it, other branches, the run
EXPECTED_CHILD = [
    ("continue-and-complete", "stop-all", "one errs", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "stop-all", "all err", "error", "-", "stopped", STOP, "error"),
    ("continue-and-complete", "stop-next", "one errs", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "stop-next", "all err", "error", "-", "skipped", GO, "error"),
    ("continue-and-complete", "continue", "one errs", "complete", END, "run", GO, "complete"),
    ("continue-and-complete", "continue", "all err", "error", "-", "skipped", GO, "error"),
    ("continue-and-error", "stop-all", "one errs", "error", END, "stopped", STOP, "error"),
    ("continue-and-error", "stop-all", "all err", "error", "-", "stopped", STOP, "error"),
    ("continue-and-error", "stop-next", "one errs", "error", END, "skipped", GO, "error"),
    ("continue-and-error", "stop-next", "all err", "error", "-", "skipped", GO, "error"),
    ("continue-and-error", "continue", "one errs", "error", END, "run", GO, "complete"),
    ("continue-and-error", "continue", "all err", "error", "-", "run", GO, "complete"),
    ("stop-all-and-error", "stop-all", "one errs", "error", STOP, "stopped", STOP, "error"),
    ("stop-all-and-error", "stop-all", "all err", "error", "-", "stopped", STOP, "error"),
    ("stop-all-and-error", "stop-next", "one errs", "error", STOP, "skipped", GO, "error"),
    ("stop-all-and-error", "stop-next", "all err", "error", "-", "skipped", GO, "error"),
    ("stop-all-and-error", "continue", "one errs", "error", STOP, "run", GO, "complete"),
    ("stop-all-and-error", "continue", "all err", "error", "-", "run", GO, "complete"),
]


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
