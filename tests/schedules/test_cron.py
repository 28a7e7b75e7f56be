"""Test cron expressions: what is refused, and that what is accepted means the same to both engines."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.schedules.cron import FIELDS, CronError, normalised, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = [
    ("", "'' is not a cron expression of five fields", "write minute, hour, day of the month, month"),
    ("* * * *", "'* * * *' is not a cron expression of five fields", "write minute, hour"),
    ("0 0 3 * * *", "'0 0 3 * * *' is not a cron expression of five fields", "write minute, hour"),
    ("@daily", "'@daily' is not a cron expression", "write '0 0 * * *'"),
    ("60 * * * *", "the minute '60' is not an integer from 0 to 59", None),
    ("* 24 * * *", "the hour '24' is not", None),
    ("* * 0 * *", "the day of the month '0' is not an integer from 1 to 31", None),
    ("* * * 13 *", "the month '13' is not an integer from 1 to 12 or a name such as jan", None),
    ("* * * * 8", "the day of the week '8' is not", None),
    ("* * * * mno", "the day of the week 'mno' is not", "did you mean 'mon'?"),
    ("* * * sept *", "the month 'sept' is not", "did you mean 'sep'?"),
    ("5/15 * * * *", "the minute '5/15' has a step without a range", "write 5-59/15"),
    ("*/0 * * * *", "the minute has the step '0', which is not an integer from 1 to 59", None),
    ("*/60 * * * *", "the minute has the step '60'", None),
    ("* 22-2 * * *", "the hour '22-2' goes from a higher value to a lower one", "write 22-23,0-2"),
    ("* 3-3 * * *", "the hour '3-3' is a range of one value", "write 3"),
    ("* * * * fri-mon", "the day of the week 'fri-mon' goes", "write fri-7,0-mon"),
    ("* * 30 2 *", "the expression never matches: no month 2 has a day 30", None),
    ("* * 31 feb,4,sep *", "the expression never matches", None),
    ("* * 31 4 0-6", "the day of the week '0-6' is every day", "write *"),
    ("* * */1 * mon", "the day of the month '*/1' is every day", "write *"),
    ("* * 1 * *,mon", "the day of the week '*,mon' is every day", "write *"),
    *((text, "the ", None) for text in ("1,,2 * * * *", ", * * * *", "1- * * * *", "-1 * * * *", "** * * * *")),
    *((text, "the ", None) for text in ("* * L * *", "* * 15W * *", "* * * * fri#2", "H * * * *", "? * * * *")),
    *((text, "the ", None) for text in ("1-2-3 * * * *", "*/1/2 * * * *", "*/* * * * *", "+1 * * * *", "1_0 * * * *")),
    ("\u0661 * * * *", "'\u0661 * * * *' is not a cron expression", None),
    ("{{ * * * *", "the minute '{{' is not", None),
    ("1" * 400 + " * * * *", "is not a cron expression", None),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_what_is_not_a_cron_expression_is_refused(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(CronError) as raised:
        normalised(text)
    assert message in raised.value.message
    if hint is not None:
        assert hint in (raised.value.hint or "")


def test_fields_are_separated_by_single_spaces() -> None:
    assert normalised("  */5\t0-6/2   * JAN,mar mon-FRI ") == "*/5 0-6/2 * JAN,mar mon-FRI"
    assert normalised("0 0 29 2 *") == "0 0 29 2 *"
    assert normalised("0 0 30 2 mon") == "0 0 30 2 mon"  # on Mondays


@st.composite
def items(draw: st.DrawFn, place: int) -> str:
    """Write an item of a field: a star, a value or a range, and a step."""
    of = FIELDS[place]
    names = {number: name for name, number in of.names.items()}

    def written(value: int) -> str:
        name = names.get(value)
        if name is None or not draw(st.booleans()):
            return f"{value:0{draw(st.integers(1, 2))}}"
        return draw(st.sampled_from([name, name.upper(), name.title()]))

    step = draw(st.sampled_from(["", f"/{draw(st.integers(1, of.highest - of.lowest))}"]))
    low, high = sorted(draw(st.tuples(*[st.integers(of.lowest, of.highest)] * 2)))
    ranges = [f"{written(low)}-{written(high)}{step}"] if low < high else []
    return draw(st.sampled_from([f"*{step}", written(low), *ranges]))


FIELD = [st.lists(items(place), min_size=1, max_size=3).map(",".join) for place in range(len(FIELDS))]
ENGINES = {"airflow": "croniter", "prefect": "prefect._vendor.croniter"}
START = datetime(2027, 11, 29, 23, 58, tzinfo=UTC)


def matching(parts: list[str]) -> Iterator[datetime]:
    """Yield the minutes from ``START`` on that an expression matches, within nine years.

    If it restricts both the day of the month and the day of the week, either matches.
    """
    minutes, hours, days, months, weekdays = values_of(parts)
    either = parts[2] != "*" and parts[4] != "*"
    for number in range(9 * 366 if 29 in days else 800):
        day = START.replace(hour=0, minute=0) + timedelta(days=number)
        by_day, by_weekday = day.day in days, (day.weekday() + 1) % 7 in weekdays
        if day.month in months and (by_day or by_weekday if either else by_day and by_weekday):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    when = day.replace(hour=hour, minute=minute)
                    if when > START:
                        yield when


@pytest.mark.parametrize("engine", ENGINES)
@given(text=st.tuples(*FIELD).map(" ".join))
def test_the_engines_read_what_is_accepted_as_it_is_meant(engine: str, text: str) -> None:
    if find_spec(ENGINES[engine].partition(".")[0]) is None:
        pytest.skip(f"needs {engine}")
    croniter: Any = importlib.import_module(ENGINES[engine]).croniter
    try:
        cron = normalised(text)
    except CronError as error:
        assert re.search("never matches|is every day", error.message)
        return
    assert croniter.is_valid(cron)
    upcoming = croniter(cron, START)
    expected = list(islice(matching(cron.split()), 5))
    assert [upcoming.get_next(datetime) for _ in expected] == expected
