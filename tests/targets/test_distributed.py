"""Test distributed tasks in generated files, and limits that keep their members from running together."""

from __future__ import annotations

from pathlib import Path

import pytest

from translator.cli import main

PIPELINE = """\
- step: {name: train, image: i, command: train, parameters: [{name: x, type: integer, default: 1}]}
- task: {name: together, step: train, type: distributed, execution-count: COUNT, parameters: []}
- pipeline: {name: P, nodes: [{name: train, type: task, task: together}], edges: []}
"""


def translated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, *options: str, count: int = 3, settings: str = ""
) -> tuple[int, str]:
    """Translate a pipeline; return the exit status, and all that is printed."""
    (tmp_path / "valohai.yaml").write_text(PIPELINE.replace("COUNT", str(count)))
    (tmp_path / "translator.toml").write_text(settings)
    status = main([str(tmp_path / "valohai.yaml"), "--target", target, "-o", "-", *options])
    printed = capsys.readouterr()
    return status, printed.out + printed.err


@pytest.mark.parametrize("target", ["airflow", "prefect"])
def test_the_time_to_wait_for_each_other_is_a_setting(tmp_path, capsys, target):
    status, text = translated(tmp_path, capsys, target, settings='[nodes.train]\nmembers_timeout = "1h"\n')
    assert status == 0
    assert "distributed=Distributed(members=3, timeout=3600)" in text


@pytest.mark.parametrize(
    ("target", "settings", "count", "expected"),
    [
        ("airflow", "[defaults.airflow.dag]\nmax_active_tasks = 2\n", 3, "error[group-too-wide]"),
        ("airflow", "[defaults.airflow.dag]\nmax_active_tasks = 20\n", 20, ""),
        ("airflow", "", 17, "warning[group-too-wide]"),
        ("airflow", "", 16, ""),
        ("prefect", "[nodes.train.prefect]\nmax_workers = 2\n", 3, "error[group-too-wide]"),
        ("prefect", "[nodes.train.prefect]\nmax_workers = 3\n", 3, ""),
        ("prefect", "", 40, ""),
    ],
)
def test_a_limit_below_the_number_of_members_is_found(tmp_path, capsys, target, settings, count, expected):
    status, text = translated(tmp_path, capsys, target, count=count, settings=settings)
    assert status == (1 if expected.startswith("error") else 0)
    assert expected in text
    assert expected or "group-too-wide" not in text


@pytest.mark.parametrize("target", ["airflow", "prefect"])
def test_a_large_group_has_a_thread_for_each_member_and_its_ranks_in_short(tmp_path, capsys, target):
    _, text = translated(tmp_path, capsys, target, count=9)
    assert {"airflow": ".expand(rank=list(range(9)))", "prefect": "max_workers=9"}[target] in text


def test_a_distributed_task_has_no_axes(tmp_path, capsys):
    status, text = translated(tmp_path, capsys, "airflow", "--grid", "train.x=1,2")
    assert status != 0
    assert "node 'train' is a distributed task, whose executions have the same parameters: use --param" in text


def test_a_graph_says_that_it_is_a_group(tmp_path, capsys):
    (tmp_path / "valohai.yaml").write_text(PIPELINE.replace("COUNT", "3"))
    assert main(["graph", str(tmp_path / "valohai.yaml")]) == 0
    assert "train<br>task<br>3 times, as one group" in capsys.readouterr().out
