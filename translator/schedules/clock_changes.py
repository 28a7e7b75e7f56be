"""Find the runs of a schedule that the engines start at different times because clocks are changed.

Measured with Airflow's ``CronTriggerTimetable`` and Prefect's ``CronSchedule``: of times that come twice, Airflow takes
the second and Prefect the first, and if every hour counts, Airflow takes both. Of several times that do not come at
all, Airflow moves the first and Prefect each, by as much as clocks are set forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from translator.schedules.cron import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, tzinfo

_DAYS = 366
_HOURS = 24
_STEP = timedelta(minutes=15)
"""All changes of clocks are at such times."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A time at which the engines differ: the local time, and whether it comes twice.

    ``every_hour``: whether the expression matches each hour.
    """

    time: datetime
    repeated: bool
    every_hour: bool


def first_difference(cron: str, zone: str, today: date) -> Difference | None:
    """Return the first time within a year at which the engines start different runs; None if there is none.

    Args:
        cron: a valid expression, see ``cron.normalised``.
        zone: a time zone that exists.
        today: the first day.
    """
    from zoneinfo import ZoneInfo  # only schedules need it

    parts = cron.split()
    every_hour = len(values_of(parts)[1]) == _HOURS
    for start, end, repeated in _changes(ZoneInfo(zone), today):
        matching = list(_matching(parts, start, end))
        if not repeated:
            # A time that is moved to one that is planned anyway makes no difference.
            planned = set(_matching(parts, end, end + (end - start)))
            matching = [time for time in matching if time + (end - start) not in planned]
        if len(matching) > (0 if repeated else 1):
            return Difference(matching[0], repeated, every_hour)
    return None


def _changes(zone: tzinfo, today: date) -> Iterator[tuple[datetime, datetime, bool]]:
    """Yield the local times, from the first to before the last, that come twice or not at all."""
    moment = datetime(today.year, today.month, today.day, tzinfo=UTC)
    for _ in range(_DAYS):
        following = moment + timedelta(days=1)
        if _offset(moment, zone) != _offset(following, zone):
            while _offset(moment, zone) == _offset(moment + _STEP, zone):
                moment += _STEP
            change = (moment + _STEP).replace(tzinfo=None)
            before, after = _offset(moment, zone), _offset(moment + _STEP, zone)
            yield change + min(before, after), change + max(before, after), after < before
        moment = following


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _matching(parts: Sequence[str], start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the minutes that an expression matches; if it restricts both kinds of days, either matches."""
    minutes, hours, days, months, weekdays = values_of(parts)
    either = parts[2] != "*" and parts[4] != "*"
    time = start
    while time < end:
        by_day, by_weekday = time.day in days, (time.weekday() + 1) % 7 in weekdays
        if (
            time.minute in minutes
            and time.hour in hours
            and time.month in months
            and (by_day or by_weekday if either else by_day and by_weekday)
        ):
            yield time
        time += timedelta(minutes=1)
