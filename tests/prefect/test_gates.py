"""Gates, optional nodes, groups and loops over files on real Prefect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefect_plugin.arguments import arguments_of
from tests.gated import CASES
from tests.prefect.support import flow_of
from translator.targets import GenerateOptions
from translator.targets import prefect as target

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect.fixtures import Server


@pytest.fixture
def ran(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a case and returns its record."""
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TRANSLATOR_RUN", "run")
    monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)

    def run(case: str) -> dict[str, Any]:
        pipeline, values, _ = CASES[case]
        file = tmp_path / target.file_name(pipeline)
        file.write_text(target.generate(pipeline, GenerateOptions()))
        flow = flow_of(file)
        state = flow(**arguments_of(flow, values), return_state=True)
        (record,) = (tmp_path / "store").glob("*/run/run.json")
        document: dict[str, Any] = json.loads(record.read_text())
        assert state.is_completed() == (document["state"] == "complete")
        return document

    return run


@pytest.mark.parametrize("case", CASES)
def test_states(ran: Any, case: str) -> None:
    document = ran(case)
    states = [node["state"] for node in document["nodes"].values()]
    assert "".join(state[0] for state in (*states, document["state"])) == CASES[case][2], document


@pytest.mark.parametrize(("how", "last"), [("in order", "skipped"), ("parallel", "complete")])
def test_executions_after_one_that_fails(ran: Any, how: str, last: str) -> None:
    document = ran(f"loop, {how}, 'a!b'")
    assert [one["state"] for one in document["nodes"]["l"]["executions"]] == ["complete", "error", last]
