"""Check that the rules, Airflow and Prefect agree about random pipelines with random failures.

``make property N=500`` runs many, different ones each time; CI always runs the same few.
"""

from __future__ import annotations

import itertools
import os
import shutil

import pytest
from hypothesis import Phase, given, settings

from tests.parity.compare import check
from tests.parity.engines import run_on_all
from tests.strategies import scenarios

EXAMPLES = os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES")
_numbers = itertools.count(1)


@pytest.mark.property
@settings(
    max_examples=int(EXAMPLES or 5),
    # A failing example is shown as it is drawn: each step of shrinking would cost seconds, and timing may decide.
    phases=[Phase.generate],
)
@given(scenario=scenarios(max_nodes=8 if EXAMPLES else 6))
def test_random_pipelines(engines, tmp_path, scenario):
    folder = tmp_path / str(next(_numbers))
    check(run_on_all(engines, scenario, folder))
    shutil.rmtree(folder)
