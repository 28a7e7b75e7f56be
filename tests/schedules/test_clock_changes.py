"""Compare when both engines start runs while clocks are changed; the table says where they differ.

Each engine's own column is checked where it is installed, the warnings everywhere.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from translator.schedules.clock_changes import first_difference

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)
"""02:00 becomes 03:00, and 03:00 becomes 02:00."""

# On the day: the expression, the starts on Airflow, and those on Prefect if they differ. Local times before 05:00, with
# the offset from UTC in hours where that tells two apart.
TABLE = [
    (SPRING, "30 2 * * *", "03:30", None),
    (SPRING, "0 2 * * *", "03:00", None),
    (SPRING, "0 3 * * *", "03:00", None),
    (SPRING, "30 1 * * *", "01:30", None),
    (SPRING, "0 * * * *", "00:00 01:00 03:00 04:00", None),
    (SPRING, "*/30 0-3 * * *", "00:00 00:30 01:00 01:30 03:00 03:30", None),
    (SPRING, "0 */2 * * *", "00:00 03:00 04:00", None),
    (SPRING, "10,50 2,3 * * *", "03:10 03:50", None),
    (SPRING, "*/20 2 * * *", "03:00", "03:00 03:20 03:40"),
    (AUTUMN, "30 1 * * *", "01:30", None),
    (AUTUMN, "0 3 * * *", "03:00", None),
    (AUTUMN, "30 2 * * *", "02:30+1", "02:30+2"),
    (AUTUMN, "30 2 * * sun", "02:30+1", "02:30+2"),
    (AUTUMN, "30 2 * * mon", "", None),
    (AUTUMN, "0 */2 * * *", "00:00 02:00+1 04:00", "00:00 02:00+2 04:00"),
    (AUTUMN, "15 1-3 * * *", "01:15 02:15+1 03:15", "01:15 02:15+2 03:15"),
    (AUTUMN, "0 * * * *", "00:00 01:00 02:00+2 02:00+1 03:00 04:00", "00:00 01:00 02:00+2 03:00 04:00"),
]
ENGINES = ("airflow", "prefect")
BEFORE_GAP = {
    "30 2 * * *": "01:30",
    "0 2 * * *": "01:00",
    "0 */2 * * *": "00:00 01:00 04:00",
    "10,50 2,3 * * *": "01:10 01:50 03:10 03:50",
    "*/20 2 * * *": "01:00 01:20 01:40",
}
"""The starts in spring on Prefect 3.9.0, which moved times that do not exist by an hour in the other direction."""


def starts(engine: str, cron: str, day: date) -> str:
    """Return when an engine starts runs from midnight to 05:00."""
    first = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
    return " ".join(map(shown, started(engine, cron, first, first.replace(hour=5))))


def started(engine: str, cron: str, first: datetime, last: datetime) -> list[datetime]:
    """Return when an engine starts runs between two times of a zone."""
    before = first - timedelta(minutes=1)
    return on_airflow(cron, before, last) if engine == "airflow" else on_prefect(cron, before, last)


def shown(time: datetime) -> str:
    local = time.astimezone(BERLIN)
    twice = local.date() == AUTUMN and local.hour == 2
    return f"{local:%H:%M}" + (f"+{(local.utcoffset() or timedelta()) // timedelta(hours=1)}" if twice else "")


def on_airflow(cron: str, first: datetime, last: datetime) -> list[datetime]:
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable
    from pendulum import instance

    timetable = CronTriggerTimetable(cron, timezone=str(first.tzinfo))
    restriction: Any = TimeRestriction(earliest=instance(first.astimezone(UTC)), latest=None, catchup=True)
    dates: list[datetime] = []
    interval = None
    while True:
        info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
        assert info is not None
        assert info.logical_date is not None
        if info.logical_date >= last:
            return dates
        dates.append(info.logical_date)
        interval = info.data_interval


def on_prefect(cron: str, first: datetime, last: datetime) -> list[datetime]:
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=str(first.tzinfo))
    dates = asyncio.run(schedule.get_dates(n=999, start=first.astimezone(UTC), end=last.astimezone(UTC)))
    return [one for one in dates if first <= one < last]


@pytest.mark.parametrize(("day", "cron", "airflow", "prefect"), TABLE)
def test_starts(day: date, cron: str, airflow: str, prefect: str | None) -> None:
    expected = {"airflow": airflow, "prefect": airflow if prefect is None else prefect}
    if day == SPRING and find_spec("prefect") is not None and version("prefect") == "3.9.0":
        expected["prefect"] = BEFORE_GAP.get(cron, airflow)
    installed = [engine for engine in ENGINES if find_spec(engine) is not None]
    if not installed:
        pytest.skip("needs an engine")
    for engine in installed:
        assert starts(engine, cron, day) == expected[engine], engine


@pytest.mark.parametrize(("day", "cron", "airflow", "prefect"), TABLE)
def test_differences_are_foreseen(day: date, cron: str, airflow: str, prefect: str | None) -> None:
    found = first_difference(cron, "Europe/Berlin", day)
    on_day = found is not None and found.time.date() == day
    assert on_day is (prefect is not None)
    if found is not None and on_day:
        assert found.repeated is (day == AUTUMN)
        assert found.every_hour is (cron == "0 * * * *")
    assert all(one != other for one, other in pairwise((airflow, prefect)))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Europe/Moscow"])
def test_zones_without_changes(zone: str) -> None:
    assert first_difference("*/5 * * * *", zone, SPRING) is None


# Expressions and a change of clocks near which only one engine starts a run, at this time in UTC.
HOWE, HOWE_SPRING, HOWE_AUTUMN = "Australia/Lord_Howe", date(2027, 10, 3), date(2027, 4, 4)
"""02:00 becomes 02:30, and 02:00 becomes 01:30."""
ALONE = [
    (HOWE, HOWE_AUTUMN, "0 * * * *", "airflow", datetime(2027, 4, 3, 15, 0)),
    (HOWE, HOWE_AUTUMN, "10,25 * * * *", "airflow", datetime(2027, 4, 3, 15, 10)),
    (HOWE, HOWE_SPRING, "30 * * * *", "prefect", datetime(2027, 10, 2, 15, 30)),
    (HOWE, HOWE_SPRING, "20,40,50 0,1,2 * * *", "prefect", datetime(2027, 10, 2, 15, 40)),
    ("Europe/Berlin", AUTUMN, "0 * * * mon", "airflow", datetime(2027, 10, 31, 22, 0)),
    ("Europe/Berlin", SPRING, "0 * * * mon", "prefect", datetime(2027, 3, 28, 22, 0)),
]
NOT_ALONE = [
    (HOWE, HOWE_SPRING, "15 * * * *"),
    (HOWE, HOWE_AUTUMN, "0 */2 * * *"),
    (HOWE, HOWE_AUTUMN, "0 * 28 * *"),
    ("Europe/Berlin", AUTUMN, "0 3 * * mon"),
]


@pytest.mark.parametrize(("zone", "day", "cron", "engine", "time"), ALONE)
def test_starts_of_one_engine_alone(zone: str, day: date, cron: str, engine: str, time: datetime) -> None:
    found = first_difference(cron, zone, day - timedelta(days=2))
    assert found is not None
    assert found.only is not None
    local = time.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert (found.time, found.only.lower()) == (local, engine)
    for installed in (one for one in ENGINES if find_spec(one) is not None):
        first = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - timedelta(days=8)
        there = {one.astimezone(UTC) for one in started(installed, cron, first, first + timedelta(days=10))}
        assert (time.replace(tzinfo=UTC) in there) is (installed == engine), installed


@pytest.mark.parametrize(("zone", "day", "cron"), NOT_ALONE)
def test_starts_of_both_engines(zone: str, day: date, cron: str) -> None:
    found = first_difference(cron, zone, day - timedelta(days=2))
    assert found is None or found.time.date() > day + timedelta(days=7)


def test_a_change_of_half_an_hour() -> None:
    found = first_difference("45 1 * * *", "Australia/Lord_Howe", date(2027, 4, 1))
    assert found is not None
    assert (found.time, found.repeated) == (datetime(2027, 4, 4, 1, 45), True)
