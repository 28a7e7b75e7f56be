"""Check that the specification derives the states that the real engines reached for the files of the corpus."""

from __future__ import annotations

import pytest

from tests.oracle.corpus import CORPUS, DIALECTS, results, verdicts
from tests.oracle.corpus_page import PAGE, counts
from tests.oracle.corpus_run import Difference, Result, not_as_said
from tests.oracle.corpus_table import TABLE, OnPurpose
from tests.parity.engines import ENGINES


@pytest.mark.parametrize("dialect", DIALECTS)
def test_states(dialect):
    if not (CORPUS / dialect / "expected.json").exists():
        pytest.skip(f"no corpus at {CORPUS}")
    assert [one for one in verdicts(dialect) if one.verdict == "wrong"] == []


def test_the_page_counts_every_file():
    if not CORPUS.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    found = [
        Result(dialect, file, engine, "on purpose" if file in TABLE[dialect] else "equal")
        for dialect in DIALECTS
        for file, expected in results(dialect).items()
        for engine in ENGINES
        if expected["status"] != "INVALID"
    ]
    assert counts(found) in PAGE.read_text()
    assert all(file in results(dialect) for dialect, files in TABLE.items() for file in files)


@pytest.mark.parametrize(
    ("found", "run", "expected"),
    [
        ({"run": 1, "a.b": 1, "parameter x": 1}, "FAIL", []),
        ({"a": 1, "parameter x": 1}, "FAIL", []),
        ({}, "FAIL", ["in the table, but equal: a", "in the table, but equal: parameter x"]),
        ({"a": 1, "parameter x": 1, "ab": 1}, "FAIL", ["not in the table: ab: [1], here 0"]),
        ({"a": 1, "parameter x": 1}, "SUCCESS", ["in the table the run ends as FAIL, here as SUCCESS"]),
    ],
)  # fmt: skip
def test_deliberate_differences_are_exactly_those_listed(found, run, expected):
    purpose = OnPurpose("FAIL", "so", "otherwise", ("a", "parameter x"))
    assert [*not_as_said(purpose, [Difference(where, [value], 0) for where, value in found.items()], run)] == expected
