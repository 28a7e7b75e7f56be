"""Test settings of ``translator.toml`` on a real Prefect: retries of its faults, hooks and tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect")

from prefect.blocks.system import Secret

from tests.prefect.support import task_runs
from translator.shim.store import StoreError
from translator.shim.store.files import FileStore

HIDDEN = "s3cr3t-of-the-team"
SETTINGS = """
[defaults.prefect]
retries = 1
retry_delay_seconds = 0.1
on_failure = "platform_calls.failed"

[defaults.prefect.flow]
name = "team: {pipeline}"
on_failure = "platform_calls.flow_failed"

[nodes.one.secrets]
API_TOKEN = "ml_token"

[nodes.many.prefect]
tags = ["gpu"]
"""
CALLS = """
called = []

def failed(task, task_run, state):
    called.append(task.name)

def flow_failed(flow, flow_run, state):
    called.append(flow.name)
"""
PIPELINE = """
- step:
    name: work
    image: none
    command:
      - echo x >> RAN/work
      - echo made > $VH_OUTPUTS_DIR/made
      - echo token=$API_TOKEN of ${#API_TOKEN}
    parameters: [{name: n, type: integer, default: 1}]
- step: {name: bad, image: none, command: [echo x >> RAN/bad, exit 3]}
- pipeline:
    name: Faults
    nodes:
      - {name: one, type: execution, step: work}
      - {name: many, type: task, step: work, on-error: continue}
      - {name: fails, type: execution, step: bad, on-error: continue}
    edges: []
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write the module that the settings name; return what its functions note."""
    (tmp_path / "platform_calls.py").write_text(CALLS)
    (tmp_path / "translator.toml").write_text(SETTINGS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import platform_calls

    return platform_calls.called  # type: ignore[no-any-return]


def test_only_faults_of_the_infrastructure_are_tried_again(
    run: Any, calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    publish, broken = FileStore.publish, set()

    def fail_once(self: FileStore, identity: Any, *more: Any) -> Any:
        """Fail to publish what the command of a first attempt made."""
        key = (identity.node, identity.index)
        if key not in broken and identity.node != "fails":
            broken.add(key)
            raise StoreError("the store is gone")
        return publish(self, identity, *more)

    monkeypatch.setattr(FileStore, "publish", fail_once)
    Secret(value=HIDDEN).save("ml-token", overwrite=True)
    ended = run(PIPELINE.replace("RAN", str(ran)))
    assert ended.nodes == {"one": "complete", "many": "complete", "fails": "error"}
    counts = {file.name: len(file.read_text().split()) for file in ran.iterdir()}
    assert counts == {"work": 4, "bad": 1}
    assert calls == ["fails"]
    texts = [file.read_text(errors="replace") for file in ended.store.rglob("*") if file.is_file()]
    assert any(f"token=*** of {len(HIDDEN)}" in text for text in texts)
    assert not any(HIDDEN in text for text in texts)
    assert ended.state.is_completed()
    runs = task_runs(ended.state.state_details.flow_run_id, 4)
    assert {name: set(one.tags) for name, one in runs.items() if one.tags} == {"many[0]": {"gpu"}}
    assert {name: one.run_count for name, one in runs.items()}["one"] == 2


def test_a_failed_command_stops_the_run_at_once(run: Any, calls: list[str], tmp_path: Path) -> None:
    (tmp_path / "ran").mkdir()
    Secret(value=HIDDEN).save("ml-token", overwrite=True)
    text = PIPELINE.replace("RAN", str(tmp_path / "ran")).replace("step: bad, on-error: continue", "step: bad")
    ended = run(text)
    assert ended.nodes["fails"] == "error"
    assert ended.state.is_failed()
    assert "fails" in calls
    assert calls[-1] == "team: Faults"
