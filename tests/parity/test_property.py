"""Check that the rules, Airflow and Prefect agree about random pipelines with random failures.

``make property N=500`` runs many, different ones each time; CI always runs the same few.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings

from tests.parity.compare import check
from tests.parity.engines import run_on_all
from tests.strategies import deployment_of, scenarios
from translator.shim import deployers, extensions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parity.engines import Ran
    from tests.strategies import Scenario

EXAMPLES = os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES")
_numbers = itertools.count(1)


@pytest.fixture
def _planned(toy, monkeypatch):
    """Have the deployer of plans in this process, too."""
    monkeypatch.syspath_prepend(toy)
    caches = (extensions.names, deployers.load)
    for cached in caches:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.property
@pytest.mark.usefixtures("_planned")
@settings(
    max_examples=int(EXAMPLES or 5),
    # A failing example is shown as it is drawn: each step of shrinking would cost seconds, and timing may decide.
    phases=[Phase.generate],
)
@given(scenario=scenarios(max_nodes=8 if EXAMPLES else 6, deployments=True))
def test_random_pipelines(engines, tmp_path, scenario):
    folder = tmp_path / str(next(_numbers))
    runs = run_on_all(engines, scenario, folder)
    check(runs)
    served = [_served(one, scenario) for one in runs]
    assert served[0] == served[1]
    shutil.rmtree(folder)


def _served(ran: Ran, scenario: Scenario) -> dict[str, object]:
    """Return what the deployments of a run serve: one version of each whose node is complete, and nothing else."""
    project: Path = ran.folder.parents[2] / "project"
    served = {
        node: json.loads(file.read_text()) if file.exists() else {}
        for node in scenario.deployments
        if (file := scenario.served(project) / f"{deployment_of(node)}.json")
    }
    for node, versions in served.items():
        deployed = any(one["state"] == "complete" for one in ran.document["nodes"][node]["executions"])
        assert list(versions) == (["1"] if deployed else []), node
    return served
