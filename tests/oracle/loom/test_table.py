"""Check that the real Loom does what the rules predict for each construct of the table."""

from __future__ import annotations

import pytest

from tests.oracle.loom.cases import ALONE, TOGETHER
from tests.oracle.loom.compare import as_steps, by_rules, in_loom, predicted, rules_of
from tests.oracle.loom.refused import BROKEN, REFUSED
from translator.diagnostics import TranslationError
from translator.dialects import ChoiceError
from translator.load import load

CASES = {**TOGETHER, **{f"alone: {name}": one for name, one in ALONE.items()}}


@pytest.mark.parametrize("case", CASES)
def test_the_rules_predict_what_loom_does(case, loom, tmp_path):
    real = in_loom(loom, CASES[case], tmp_path / "loom")
    assert not real.told.aborted, real.log
    assert by_rules(CASES[case], real, tmp_path / "rules") == []


@pytest.mark.parametrize("case", REFUSED)
def test_what_loom_refuses_is_refused(case, loom, tmp_path):
    project, code = REFUSED[case]
    real = in_loom(loom, project, tmp_path / "loom")
    assert real.told.status != 0
    assert real.told.commands == []
    with pytest.raises((TranslationError, ChoiceError)) as refusal:
        load(project.write(tmp_path / "here"), choices=project.choices).choose()
    assert code in str(refusal.value)


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_crash_loom_run_here(case, loom, tmp_path):
    broken = BROKEN[case]
    real = in_loom(loom, broken.project, tmp_path / "loom")
    assert real.told.aborted == broken.aborts, real.log
    pipeline = load(broken.project.write(tmp_path / "here")).choose()
    document = predicted(rules_of(pipeline, broken.project, tmp_path / "here", real.told))
    assert {name: record["state"] for name, record in document["nodes"].items()} == broken.states
    if not broken.aborts:
        told = {name: state for name, state in real.told.steps.items() if name in as_steps(document, pipeline)}
        assert told != as_steps(document, pipeline)
