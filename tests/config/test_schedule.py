"""Test schedules in ``translator.toml`` and as options: which count, and what is wrong with them."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

import pytest

from translator import ir
from translator.cli import main
from translator.load import load
from translator.schedules.zones import ZoneError, check_zone

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
- step: {name: work, image: busybox, command: 'true', inputs: [INPUT]}
- pipeline:
    name: Day
    nodes: [{name: work, type: execution, step: work}, {name: more, type: execution, step: work}]
    edges: []
- pipeline: {name: Night, nodes: [{name: work, type: execution, step: work}], edges: []}
"""
FULL = """\
[defaults.schedule]
cron = "0 1 * * *"
timezone = "Asia/Tokyo"
[pipelines.Night.schedule]
cron = "*/5  2 * * *"
catchup = true
start_date = 2026-01-31
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "valohai.yaml").write_text(TEXT.replace("INPUT", ""))
    return tmp_path


def found(folder: Path, toml: str) -> list[str]:
    (folder / "translator.toml").write_text(toml)
    return [
        f"{one.span.line}:{one.span.column} {one.message}; {one.hint}"
        for one in load(folder / "valohai.yaml").diagnostics
        if one.severity == "error" and one.span
    ]


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    status = main([*options, "--ignore", "ignored-image"])
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_table_of_a_pipeline_overrides_the_defaults_key_by_key(folder: Path) -> None:
    (folder / "translator.toml").write_text(FULL)
    day, night = load(folder / "valohai.yaml").pipelines
    assert day.schedule is not None and night.schedule is not None
    places = {name: span.place for name, span in night.schedule.spans.items()}
    assert day.schedule == ir.Schedule("0 1 * * *", "Asia/Tokyo", spans=day.schedule.spans)
    assert night.schedule == ir.Schedule("*/5 2 * * *", "Asia/Tokyo", True, "2026-01-31", night.schedule.spans)
    assert places == {
        name: f"translator.toml:{line}"
        for name, line in {"cron": 5, "timezone": 3, "catchup": 6, "start_date": 7}.items()
    }


def test_without_a_cron_expression_there_is_no_schedule(folder: Path) -> None:
    assert found(folder, '[defaults.schedule]\ntimezone = "Asia/Tokyo"\n') == []
    assert [one.schedule for one in load(folder / "valohai.yaml").pipelines] == [None, None]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('cron = "0 25 * * *"', "2:8 'schedule.cron': the hour '25' is not an integer from 0 to 23"),
        ('cron = "@hourly"', "2:8 'schedule.cron': '@hourly' is not a cron expression; write '0 * * * *'"),
        ("cron = 3", "2:8 'schedule.cron' must be a cron expression of five fields"),
        (
            'timezone = "europe/helsinki"',
            "2:12 'schedule.timezone': there is no time zone 'europe/hel",
        ),
        ('timezone = "Helsinki"', "'Helsinki'; did you mean 'Europe/Helsinki'?"),
        ('timezone = "New York"', "'New York'; did you mean 'America/New_York'?"),
        ('timezone = "../../etc/passwd"', "there is no time zone '../../etc/passwd'; write a name such as"),
        ('timezone = "{{ $HOME }}"', "there is no time zone '{{ $HOME }}'"),
        ("catchup = 1", "2:11 'schedule.catchup' must be true or false"),
        ('start_date = "soon"', "2:14 'schedule.start_date' must be a day, such as 2026-01-31, from 1970 on, not soon"),
        ('start_date = "2026-02-30"', "must be a day"),
        ("start_date = 2026-01-31T12:00:00", "must be a day"),
        ("start_date = 0001-01-31", "must be a day"),
        ('corn = "* * * * *"', "2:1 unknown key 'corn' in 'schedule' of [defaults]; did you mean 'cron'?"),
    ],
)
def test_mistakes_have_a_place(folder: Path, toml: str, expected: str) -> None:
    (error,) = found(folder, f"[defaults.schedule]\n{toml}\n")
    assert expected in error


@pytest.mark.parametrize("level", ["steps.work", "nodes.work", "pipelines.Day.nodes.work"])
def test_only_whole_pipelines_have_a_schedule(folder: Path, level: str) -> None:
    (error,) = found(folder, f'[{level}.schedule]\ncron = "0 1 * * *"\n')
    assert "unknown key 'schedule'" in error
    assert "it goes into [defaults] or [pipelines.NAME]" in error


def test_every_time_zone_of_the_machine_exists() -> None:
    for zone in zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"}:
        check_zone(zone)
    for zone in ("", "utc", "EST5EDT4", "Factory", "localtime"):
        with pytest.raises(ZoneError):
            check_zone(zone)


def test_scheduled_runs_need_all_their_inputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "valohai.yaml").write_text(TEXT.replace("INPUT", "{name: images}"))
    (folder / "translator.toml").write_text('[pipelines.Night.schedule]\ncron = "0 1 * * *"\n')
    file = str(folder / "valohai.yaml")
    for command in (("check", file), (file, "--target", "airflow", "-p", "Night")):
        status, out, err = shown(folder, capsys, *command)
        assert status == 1
        assert "1:64: error[schedule-without-input]: the pipeline has a schedule (translator.toml:2), but" in out + err
        assert (out + err).count("error[") == 1
    assert shown(folder, capsys, file, "--target", "airflow", "-p", "Day")[0] == 0


def test_catching_up_needs_a_first_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "translator.toml").write_text('[defaults.schedule]\ncron = "0 1 * * *"\ncatchup = true\n')
    status, out, _ = shown(folder, capsys, "check", str(folder / "valohai.yaml"))
    assert status == 1
    assert "translator.toml:3:1: error[catchup-without-start]" in out


def test_options_override_the_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "translator.toml").write_text(FULL)
    one = (str(folder / "valohai.yaml"), "--target", "airflow", "-p")
    _, out, _ = shown(folder, capsys, *one, "Day", "--schedule", "7 * * * *")
    assert 'schedule=CronTriggerTimetable("7 * * * *", timezone="Asia/Tokyo"),\n    catchup=False,' in out
    _, out, _ = shown(folder, capsys, *one, "Night", "--timezone", "UTC")
    assert 'schedule=CronTriggerTimetable("*/5 2 * * *", timezone="UTC"),' in out
    assert 'start_date=datetime(2026, 1, 31, tzinfo=ZoneInfo("UTC")),\n    catchup=True,' in out


def test_a_part_has_no_schedule_but_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "translator.toml").write_text(FULL)
    part = (str(folder / "valohai.yaml"), "--target", "airflow", "-p", "Day", "--from", "work")
    assert "schedule=None" in shown(folder, capsys, *part)[1]
    assert (
        'CronTriggerTimetable("7 * * * *", timezone="UTC")'
        in shown(folder, capsys, *part, "--schedule", "7 * * * *")[1]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--schedule", "* * *"), "--schedule: '* * *' is not a cron expression of five fields"),
        (("--timezone", "UTC"), "--timezone needs a schedule"),
        (("--schedule", "0 1 * * *", "--timezone", "Helsinki"), "did you mean 'Europe/Helsinki'?"),
    ],
)
def test_bad_options(folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str) -> None:
    status, _, err = shown(folder, capsys, str(folder / "valohai.yaml"), "--target", "airflow", "-p", "Day", *options)
    assert status == 2
    assert message in err


def test_prefect_says_what_it_cannot_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "translator.toml").write_text(FULL)
    _, out, _ = shown(folder, capsys, "check", str(folder / "valohai.yaml"), "--target", "prefect")
    assert "translator.toml:6:1: warning[ignored-catchup]" in out
    assert "translator.toml:7:1: warning[ignored-start-date]" in out
