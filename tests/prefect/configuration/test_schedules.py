"""Test on a server that ``prefect deploy`` takes the schedules that are written beside flows, and their end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client

from translator.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.prefect.fixtures import Server

TEXT = """\
- step: {name: work, image: busybox, command: 'true'}
- pipeline: {name: 'Nightly {{ $HOME }}', nodes: [{name: work, type: execution, step: work}], edges: []}
"""
POOL = "schedules"


def test_a_schedule_is_deployed_and_removed(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "valohai.yaml").write_text(TEXT)
    flows = tmp_path / "flows"
    translate = [str(tmp_path / "valohai.yaml"), "--target", "prefect", "-o", f"{flows}/"]
    made = server.command("work-pool", "create", POOL, "--type", "process")
    assert made.returncode == 0, made.stdout + made.stderr

    def deployed() -> Any:
        done = server.command("--no-prompt", "deploy", "--all", "--pool", POOL, cwd=flows)
        assert done.returncode == 0, done.stdout + done.stderr
        with get_client(sync_client=True) as client:
            listed = [one for one in client.read_deployments() if one.work_pool_name == POOL]
        (deployment,) = listed
        (schedule,) = deployment.schedules
        assert os.environ["HOME"] not in (deployment.description or "")
        return schedule

    assert main([*translate, "--schedule", "30 4 * * MON-FRI", "--timezone", "Europe/Helsinki"]) == 0
    schedule = deployed()
    assert (schedule.schedule.cron, schedule.schedule.timezone, schedule.active) == (
        "30 4 * * MON-FRI",
        "Europe/Helsinki",
        True,
    )
    assert main(translate) == 0
    assert not deployed().active
