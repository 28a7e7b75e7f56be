"""Compare random projects in the real Loom with the rules; tests/parity/test_real_loom.py runs them on the engines."""

from __future__ import annotations

import itertools
import os
import shutil

from hypothesis import Phase, given, settings

from tests.oracle.loom.compare import by_rules, in_loom
from tests.oracle.loom.strategy import projects

EXAMPLES = os.environ.get("TRANSLATOR_ORACLE_EXAMPLES")
_numbers = itertools.count(1)


@settings(
    max_examples=int(EXAMPLES or 8),
    phases=[Phase.generate],
)
@given(project=projects())
def test_random_projects(loom, tmp_path, project):
    folder = tmp_path / str(next(_numbers))
    folder.mkdir()
    real = in_loom(loom, project, folder / "loom")
    assert not real.told.aborted, real.log
    wrong = by_rules(project, real, folder / "rules")
    assert not wrong, "\n".join([*wrong, repr(project)])
    shutil.rmtree(folder)
