"""Test assets in ``translator.toml``: which task updates them, what they start, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.pipelines import Node, pipeline, source
from translator.cli import main
from translator.ir import TaskNode
from translator.load import load
from translator.nodes import step_nodes
from translator.targets.airflow.assets import updater
from translator.targets.airflow.rules import closing_task

LOOM = Path(__file__).parents[1] / "goldens" / "cases" / "loom"
PIPELINES = """\
- step: {name: work, image: busybox, command: 'true'}
- pipeline:
    name: Day
    nodes: [{name: train, type: execution, step: work}, {name: other, type: execution, step: work}]
    edges: []
- pipeline: {name: Night, nodes: [{name: score, type: execution, step: work}], edges: []}
"""
GRAPH = """\
dag:
  start_at: prepare
  steps:
    prepare: {type: task, command_type: shell, command: 'true', next: both}
    both:
      type: parallel
      next: success
      branches:
        left:
          start_at: inner
          steps:
            inner: {type: task, command_type: shell, command: 'true', next: success}
            success: {type: success}
            fail: {type: fail}
    success: {type: success}
    fail: {type: fail}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "valohai.yaml").write_text(PIPELINES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(folder: Path, toml: str, target: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the errors and warnings of a configuration, each with its hint."""
    (folder / "translator.toml").write_text(toml)
    main(["check", "valohai.yaml", "--target", target, "--ignore", "ignored-image"])
    lines = capsys.readouterr().out.splitlines()
    places = [number for number, line in enumerate(lines) if "error[" in line or "warning[" in line]
    return ["\n".join(lines[number : number + 4]) for number in places]


def written(
    folder: Path, toml: str, capsys: pytest.CaptureFixture[str], *options: str, file: str = "valohai.yaml"
) -> str:
    (folder / "translator.toml").write_text(toml)
    assert main([file, "--target", "airflow", *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (
            'Day.assets]\ntrian = ["m"]',
            "2:1: error[unknown-node]: 'Day' has no node 'trian' that could update an asset",
        ),
        ('Day.assets]\ntrain = "m"', "2:9: error[bad-setting]: 'assets.train' must be a list"),
        ('Day.assets]\ntrain = ["m\\nimport os"]', "error[bad-setting]"),
        ('Day.assets]\ntrain = ["{{ x }}"]', "error[bad-setting]"),
        ('Day.assets]\ntrain = ["self"]', "error[bad-setting]"),
        ('Day.assets]\ntrain = ["airflow://x"]', "error[bad-setting]"),
        ('Day.assets]\ntrain = ["https://user:word@host/m"]', "error[bad-setting]"),
        ('Day.schedule]\nassets = "m"', "2:10: error[bad-setting]: 'schedule.assets' must be a list"),
        ('Day]\nassets.train = ["m"]\nschedule.assets = ["n", "m"]', "3:10: error[endless-schedule]"),
    ],
)
def test_mistakes_have_a_place(folder: Path, capsys: pytest.CaptureFixture[str], toml: str, expected: str) -> None:
    (error,) = found(folder, f"[pipelines.{toml}\n", "airflow", capsys)
    assert expected in error
    assert "trian" not in toml or "did you mean 'train'?" in error


def test_defaults_may_name_nodes_of_some_pipelines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(folder, '[defaults.assets]\ntrain = ["m"]\nnone = ["n"]\n', "airflow", capsys) == []
    assert found(folder, '[pipelines."*".assets]\ntrain = ["m"]\nscore = ["n"]\n', "airflow", capsys) == []
    day, night = load(folder / "valohai.yaml").pipelines
    assert (list(day.assets), list(night.assets)) == (["train"], ["score"])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ('assets = ["b", "a"]', '    schedule=[Asset("b"), Asset("a")],\n    #'),
        ('assets = []\ncron = "0 1 * * *"', '    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC"),'),
        ("assets = []", "    schedule=None,"),
        (
            'assets = ["s3://a/b"]\ncron = "0 1 * * *"',
            """\
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"),
        assets=[Asset("s3://a/b")],
    ),
    catchup=False,
""",
        ),
    ],
)
def test_schedules(folder: Path, capsys: pytest.CaptureFixture[str], schedule: str, expected: str) -> None:
    assert expected in written(folder, f"[pipelines.Night.schedule]\n{schedule}\n", capsys, "-p", "Night")
    text = written(
        folder, f"[pipelines.Night.schedule]\n{schedule}\n", capsys, "-p", "Night", "--schedule", "5 5 * * *"
    )
    assert 'schedule=CronTriggerTimetable("5 5 * * *", timezone="UTC"),' in text


def test_parts_update_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = '[pipelines.Day.assets]\ntrain = ["m"]\n'
    assert 'outlets=[Asset("m")]' in written(folder, toml, capsys, "-p", "Day")
    assert "Asset" not in written(folder, toml, capsys, "-p", "Day", "--step", "train")


@pytest.mark.parametrize(
    ("on_error", "on_child_error", "single", "task"),
    [
        (None, None, "run", "done"),
        ("stop-next", None, "run", "done"),
        ("retry", None, "run", "done"),
        ("continue", None, "run", "done"),
        (None, "continue-and-complete", "run", "done"),
        ("stop-next", "continue-and-error", "run", "done"),
        ("stop-all", "continue-and-error", "run", "done"),
        ("continue", "continue-and-complete", "run", "done"),
        ("continue", "continue-and-error", "run", None),
        ("continue", "stop-all-and-error", "run", None),
    ],
)
def test_the_task_that_succeeds_only_if_the_node_is_complete(
    on_error: str | None, on_child_error: str | None, single: str | None, task: str | None
) -> None:
    nodes = step_nodes(pipeline(Node("one", on_error=on_error), Node("many", ["a", "b"], on_error, on_child_error)))
    assert [updater(node, closing_task(node, followed=True, updates=True)) for node in nodes.values()] == [single, task]


@pytest.mark.parametrize(("on_error", "expected"), [(None, "done"), ("stop-next", "done"), ("continue", None)])
def test_actions_at_the_end_come_before_the_update(on_error: str | None, expected: str | None) -> None:
    asks = {"actions": [{"when": "node-complete", "then": "require-approval"}]}
    (node,) = step_nodes(pipeline(Node("one", on_error=on_error, more=asks))).values()
    assert updater(node, closing_task(node, followed=False, updates=True)) == expected


def test_a_node_over_files_is_closed_by_a_gate() -> None:
    """Its usual rule, ``NONE_FAILED_MIN_ONE_SUCCESS``, passes if some of its executions were stopped."""
    pipelines = [one for path in sorted(LOOM.glob("*.yaml")) for one in load(path).pipelines]
    nodes = [node for one in pipelines for node in one.nodes if isinstance(node, TaskNode) and not node.has_axes]
    assert nodes
    for node in nodes:
        for updates, expected in ((False, "EmptyOperator"), (True, "GateOperator")):
            done = closing_task(node, followed=False, updates=updates)
            assert done is not None
            assert done.function.text == expected
        may_be_left_out = any(gate.excludes for gate in node.policy.gates)
        assert updater(node, done) == (None if may_be_left_out else "done")


def test_a_node_that_cannot_tell_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = source(Node("many", ["a", "b"], "continue", "continue-and-error"), name="Day")
    (folder / "valohai.yaml").write_text(text)
    (error,) = found(folder, '[pipelines.Day.assets]\nmany = ["m"]\n', "airflow", capsys)
    assert "translator.toml:2:1: error[unsupported-asset]: node 'many' cannot update an asset" in error


def test_nodes_of_a_graph_update_assets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pipeline.yaml").write_text(GRAPH)
    name = load(folder / "pipeline.yaml").choose().name
    toml = f'[pipelines."{name}".assets]\nprepare = ["p"]\nboth = ["b"]\n'
    text = written(folder, toml, capsys, file="pipeline.yaml")
    assert 'outlets=[Asset("p")]' in text
    assert 'JoinOperator(task_id="join", kind="parallel", outlets=[Asset("b")])' in text
    (folder / "translator.toml").write_text(f'[pipelines."{name}".assets]\ninner = ["p"]\n')
    assert main(["check", "pipeline.yaml"]) == 1
    assert "name the node around it" in capsys.readouterr().out


def test_prefect_says_that_assets_start_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = '[pipelines.Day.assets]\ntrain = ["m"]\n[pipelines.Night.schedule]\nassets = ["m"]\n'
    update, schedule = found(folder, toml, "prefect", capsys)
    assert "translator.toml:2:1: warning[ignored-assets]: node 'train' updates no asset" in update
    assert "translator.toml:4:1: warning[ignored-assets]: a flow cannot say" in schedule
    assert "make an automation in Prefect" in update and "make an automation in Prefect" in schedule
    assert main(["valohai.yaml", "--target", "prefect", "-o", "flows/"]) == 0
    assert not (folder / "flows" / "prefect.yaml").exists()
