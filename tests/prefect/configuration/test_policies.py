"""Test that each key of translator.toml for Prefect is what Prefect itself finds in the generated flow."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect")

from tests.policies import PACKAGES, TEXT
from tests.prefect.support import compiled, flow_of
from translator import ir
from translator.load import load
from translator.targets import prefect as target

NOTE, NOTE_FLOW = '"company.alerts.note"', '"company.alerts.note_flow"'
NODES: dict[str, tuple[str, str, Any]] = {
    "tags": ('["gpu"]', "tags", {"gpu"}),
    "retries": ("2", "retries", 2),
    "retry_delay_seconds": ('"1m"', "retry_delay_seconds", 60),
    "max_workers": ("3", "", 3),
    "task_runner": (
        '{ call = "prefect.task_runners.ThreadPoolTaskRunner", max_workers = 2 }',
        "",
        "ThreadPoolTaskRunner(max_workers=2)",
    ),
    "notification_blocks": ('["slack-webhook/ml"]', "", '["slack-webhook/ml"]'),
    "on_completion": (NOTE, "on_completion_hooks", ["note"]),
    "on_failure": (NOTE, "on_failure_hooks", ["note"]),
    "on_running": (NOTE, "on_running_hooks", ["note"]),
}
"""By key, what translator.toml says, and the attribute of a task and its value."""
WHOLE: dict[str, tuple[str, str, Any]] = {
    "name": ('"team: {pipeline}"', "name", "team: Policies"),
    "file": ('"{pipeline}_of_team.py"', "", "policies_of_team.py"),
    "store_block": ('"artifacts"', "", 'store_block="artifacts"'),
    "input_blocks": ('{ "s3://partner/" = "partner" }', "", 'input_blocks={"s3://partner/": "partner"}'),
    "work_pool": ('"ml pool"', "", '      name: "ml pool"'),
    "version": ('"7"', "version", "7"),
    "timeout_seconds": ('"1d"', "timeout_seconds", 86_400),
    "on_completion": (NOTE_FLOW, "on_completion_hooks", ["note_flow"]),
    "on_failure": (NOTE_FLOW, "on_failure_hooks", ["note_flow"]),
    "on_cancellation": (NOTE_FLOW, "on_cancellation_hooks", ["note_flow"]),
    "on_crashed": (NOTE_FLOW, "on_crashed_hooks", ["record_crash", "note_flow"]),
    "on_running": (NOTE_FLOW, "on_running_hooks", ["note_flow"]),
}
"""By key, what translator.toml says, and the attribute of the flow and its value."""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """Return the file of a pipeline with all settings, its flow and its module."""
    folder = tmp_path_factory.mktemp("policies")
    lines = ["[defaults.prefect]", *(f"{key} = {said}" for key, (said, *_) in NODES.items())]
    lines += ["[defaults.prefect.flow]", *(f"{key} = {said}" for key, (said, *_) in WHOLE.items())]
    (folder / "translator.toml").write_text("\n".join(lines))
    file = compiled(TEXT, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PACKAGES))
        flow = flow_of(file)
    return file, flow, sys.modules[flow.fn.__module__]


def plain(value: Any) -> Any:
    return [one.__name__ for one in value] if isinstance(value, list) and value else value


def test_each_key_has_a_row() -> None:
    assert list(NODES) == [key.name for key in target.SETTINGS.node]
    assert list(WHOLE) == [key.name for key in target.SETTINGS.workflow]


@pytest.mark.parametrize("key", NODES)
def test_nodes_have_it(generated: tuple[Path, Any, Any], key: str) -> None:
    file, _, module = generated
    _, attribute, expected = NODES[key]
    if not attribute:
        assert f"{key}={expected}" in file.read_text()
        return
    assert plain(getattr(module.one_node, attribute)) == expected
    if attribute.endswith("hooks"):
        assert plain(getattr(module.many_node, attribute)) == expected
    expected = {"retry_delay_seconds": 0}.get(key, expected)  # of on-error: retry
    assert plain(getattr(module.again_node, attribute)) == expected


@pytest.mark.parametrize("key", WHOLE)
def test_the_flow_has_it(generated: tuple[Path, Any, Any], key: str) -> None:
    file, flow, _ = generated
    _, attribute, expected = WHOLE[key]
    if key == "file":
        assert file.name == expected
    elif key == "work_pool":
        (pipeline,) = load(file.with_name("valohai.yaml")).pipelines
        scheduled = replace(pipeline, schedule=ir.Schedule("0 3 * * *"))
        assert expected in (target.with_deployment(scheduled, file.read_text(), file.name, None, force=False) or "")
    elif not attribute:
        assert expected in file.read_text()
    else:
        assert plain(getattr(flow, attribute)) == expected
