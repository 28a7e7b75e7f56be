"""Find the runs of a schedule that the engines start at different times because clocks are changed.

Measured with Airflow's ``CronTriggerTimetable`` and Prefect's ``CronSchedule``: of times that come twice, Airflow takes
the second and Prefect the first, and if every hour counts, Airflow takes both. Of several times that do not come at
all, Airflow moves the first and Prefect each, by as much as clocks are set forward. If every hour counts, Airflow
counts real hours from one run to the next: where clocks are changed by half an hour, or runs are days apart, it starts
one at a time that the expression does not match, or leaves one out.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from translator.schedules.cron import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, tzinfo
    from typing import Literal

_DAYS = 366
_HOURS = 24
_MINUTE = timedelta(minutes=1)
_STEP = timedelta(minutes=15)
"""All changes of clocks are at such times."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A time at which the engines differ: the local time, and whether it comes twice.

    ``every_hour``: whether the expression matches each hour. ``only``: the engine that starts a run then, if the other
    does not, although clocks are not changed at that time.
    """

    time: datetime
    repeated: bool
    every_hour: bool
    only: Literal["Airflow", "Prefect"] | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of clocks: its moment, and the local times that come twice or never, up to before the last."""

    moment: datetime
    first: datetime
    last: datetime
    repeated: bool


def first_difference(cron: str, zone: str, today: date) -> Difference | None:
    """Return the first time within a year at which the engines start different runs; None if there is none.

    Args:
        cron: a valid expression, see ``cron.normalised``.
        zone: a time zone that exists.
        today: the first day.
    """
    from zoneinfo import ZoneInfo  # only schedules need it

    expression = _Expression(cron.split())
    clock = ZoneInfo(zone)
    for change in _changes(clock, today):
        repeated = change.repeated
        matching = list(expression.between(change.first, change.last))
        if not repeated:
            # A time that is moved to one that is planned anyway makes no difference.
            shift = change.last - change.first
            planned = set(expression.between(change.last, change.last + shift))
            matching = [time for time in matching if time + shift not in planned]
        if len(matching) > (0 if repeated else 1):
            return Difference(matching[0], repeated, expression.every_hour)
        if (different := _different(expression, clock, change.moment)) is not None:
            moment, only = different
            return Difference(_local(moment, clock), repeated, expression.every_hour, only)
    return None


def _different(
    expression: _Expression, zone: tzinfo, change: datetime
) -> tuple[datetime, Literal["Airflow", "Prefect"]] | None:
    """Return the first start of only one engine because of a change of clocks, and which engine that is."""
    before = expression.last(_local(change, zone) - timedelta(hours=_HOURS))
    if before is None:
        return None
    start = _moment(before, zone)
    on_airflow = []
    for one in _on_airflow(expression, zone, start):
        on_airflow.append(one)
        if one > change + timedelta(days=1) and expression.matches(_local(one, zone)):
            break
    else:
        return None
    on_prefect = (_moment(time, zone) for time in expression.between(before, _local(on_airflow[-1], zone) + _MINUTE))
    different = {*on_airflow} ^ {one for one in on_prefect if one > start}
    if not different:
        return None
    first = min(different)
    return first, "Airflow" if first in on_airflow else "Prefect"


def _on_airflow(expression: _Expression, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    """Yield when Airflow starts runs, each of which it derives from the one before.

    If every hour counts, it adds the time between two local times to the start before, however long that really takes.
    """
    while (following := expression.next(local := _local(start, zone))) is not None:
        start = start + (following - local) if expression.every_hour else _moment(following, zone, fold=1)
        yield start


class _Expression:
    """A cron expression; if it restricts both kinds of days, either matches."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._minutes, self._hours, self._days, self._months, self._weekdays = values_of(parts)
        self._either = parts[2] != "*" and parts[4] != "*"
        self._times = [(hour, minute) for hour in sorted(self._hours) for minute in sorted(self._minutes)]

    @property
    def every_hour(self) -> bool:
        """Whether it matches each hour."""
        return len(self._hours) == _HOURS

    def matches(self, time: datetime) -> bool:
        """Return whether it matches a minute."""
        return self._is_day(time) and time.hour in self._hours and time.minute in self._minutes

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the minutes that it matches, from the start to before the end."""
        day = start.replace(hour=0, minute=0)
        first = bisect_left(self._times, (start.hour, start.minute))
        while day < end:
            if self._is_day(day):
                for hour, minute in self._times[first:]:
                    if (time := day.replace(hour=hour, minute=minute)) >= end:
                        return
                    yield time
            day, first = day + timedelta(days=1), 0

    def next(self, time: datetime) -> datetime | None:
        """Return the first minute after a time that it matches, if there is one within a year."""
        return next(self.between(time + _MINUTE, time + timedelta(days=_DAYS)), None)

    def last(self, time: datetime) -> datetime | None:
        """Return the last minute before a time that it matches, if there is one within a year."""
        times = self._times[: bisect_left(self._times, (time.hour, time.minute))]
        for number in range(_DAYS):
            day = time - timedelta(days=number)
            if times and self._is_day(day):
                hour, minute = times[-1]
                return day.replace(hour=hour, minute=minute)
            times = self._times
        return None

    def _is_day(self, day: datetime) -> bool:
        by_day, by_weekday = day.day in self._days, (day.weekday() + 1) % 7 in self._weekdays
        return day.month in self._months and (by_day or by_weekday if self._either else by_day and by_weekday)


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(local: datetime, zone: tzinfo, fold: int = 0) -> datetime:
    """Return when a local time is: the first or (``fold``) second time, or after clocks have been set forward."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC) if _local(first, zone) == local else first


def _changes(zone: tzinfo, today: date) -> Iterator[_Change]:
    """Yield the changes of clocks within a year."""
    moment = datetime(today.year, today.month, today.day, tzinfo=UTC)
    for _ in range(_DAYS):
        following = moment + timedelta(days=1)
        if _offset(moment, zone) != _offset(following, zone):
            while _offset(moment, zone) == _offset(moment + _STEP, zone):
                moment += _STEP
            change = (moment + _STEP).replace(tzinfo=None)
            before, after = _offset(moment, zone), _offset(moment + _STEP, zone)
            yield _Change(
                moment + _STEP, change + min(before, after), change + max(before, after), repeated=after < before
            )
        moment = following


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
