"""Files whose results in the real engines are known: the specification comes to the same states."""

from __future__ import annotations

import pytest

from tests.oracle.corpus import CORPUS, DIALECTS, verdicts


@pytest.mark.parametrize("dialect", DIALECTS)
def test_states(dialect):
    if not (CORPUS / dialect / "expected.json").exists():
        pytest.skip(f"no corpus at {CORPUS}")
    assert [one for one in verdicts(dialect) if one.verdict == "wrong"] == []
