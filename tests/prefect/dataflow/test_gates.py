"""Run gates, optional nodes, groups and loops over files on a real Prefect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefect_plugin.embedded.arguments import arguments_of
from tests.gated import differences, nodes_of, together
from tests.prefect.support import flow_of
from translator.targets import GenerateOptions
from translator.targets import prefect as target

if TYPE_CHECKING:
    from tests.prefect.fixtures import Server


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the record of a run of all cases."""
    folder = tmp_path_factory.mktemp("gates")
    pipeline, values = together()
    file = folder / target.file_name(pipeline)
    file.write_text(target.generate(pipeline, GenerateOptions()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLATOR_STORE", str(folder / "store"))
        patch.setenv("TRANSLATOR_RUN", "run")
        patch.delenv("TRANSLATOR_PROJECT", raising=False)
        flow = flow_of(file)
        state = flow(**arguments_of(flow, values), return_state=True)
    (record,) = (folder / "store").glob("*/run/run.json")
    assert state.is_failed()
    document: dict[str, Any] = json.loads(record.read_text())
    return document


def test_states(document: dict[str, Any]) -> None:
    assert differences(document) == {}
    assert document["state"] == "error"


@pytest.mark.parametrize(("how", "last"), [("in order", "skipped"), ("parallel", "complete")])
def test_executions_after_one_that_fails(document: dict[str, Any], how: str, last: str) -> None:
    nodes = nodes_of(f"loop, {how}, 'a!b'", document)
    assert [one["state"] for one in nodes["l"]["executions"]] == ["complete", "error", last]
