"""Check cron expressions before an engine reads them.

The grammar is that of crontab(5): five fields, each a comma-separated list of ``*``, values and ranges, with ``/STEP``
after ``*`` and ranges, and three-letter names of months and weekdays. Both engines accept more (seconds, ``L``, ``#``,
``@daily``, ranges that wrap around), but each in its own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EXAMPLE = '"0 3 * * *" (every day at 03:00)'
LONGEST = 200
"""The maximum length of an expression."""


class CronError(TranslatorError, ValueError):
    """A cron expression that is invalid, or that no date matches."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a cron expression: its name, its values, and by name those that have one."""

    name: str
    lowest: int
    highest: int
    names: Mapping[str, int] = field(default_factory=dict)


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    Field("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
"""The five fields in their order; Sunday is 0 and 7."""


def normalised(text: str) -> str:
    """Return a valid cron expression with single spaces between its fields.

    Raises:
        CronError: it is invalid, or no date matches it.
    """
    if text.strip().lower() in _ALIASES:
        raise CronError(f"{text.strip()!r} is not a cron expression", f"write {_ALIASES[text.strip().lower()]!r}")
    parts = text.split()
    if len(parts) != len(FIELDS) or not text.isascii() or len(text) > LONGEST:
        names = ", ".join(one.name for one in FIELDS)
        raise CronError(f"{text[:40]!r} is not a cron expression of five fields", f"write {names}, such as {EXAMPLE}")
    _, _, days, months, weekdays = values_of(parts)
    for of, part, values, all_of_them in zip(FIELDS[2::2], parts[2::2], (days, weekdays), (31, 7), strict=True):
        if part != "*" and len(values) == all_of_them:  # */1 and 0-6 beside another day mean now this, now that
            raise CronError(f"the {of.name} {part!r} is every day", "write *")
    if parts[4] == "*" and not any(day <= _DAYS_IN_MONTH[month - 1] for day in days for month in months):
        raise CronError(f"the expression never matches: no month {parts[3]} has a day {parts[2]}")
    return " ".join(parts)


def values_of(parts: Sequence[str]) -> tuple[frozenset[int], ...]:
    """Return the values of the five fields of an expression, Sundays as 0.

    Raises:
        CronError: a field is invalid.
    """
    *others, weekdays = (frozenset(_values(one, part)) for one, part in zip(FIELDS, parts, strict=True))
    return (*others, frozenset(day % 7 for day in weekdays))


def _values(of: Field, text: str) -> Iterator[int]:
    """Yield the values that a field of an expression lists."""
    for item in text.split(","):
        span, slash, step = item.partition("/")
        every = _step(of, span, step) if slash else 1
        if span == "*":
            yield from range(of.lowest, of.highest + 1, every)
            continue
        first, dash, last = span.partition("-")
        low = _value(of, first)
        high = _value(of, last) if dash else low
        if dash and high == low:  # the engines take 0-0 for the whole week
            raise CronError(f"the {of.name} {span!r} is a range of one value", f"write {first}")
        if high < low:
            hint = f"write {first}-{of.highest},{of.lowest}-{last}"
            raise CronError(f"the {of.name} {span!r} goes from a higher value to a lower one", hint)
        yield from range(low, high + 1, every)


def _step(of: Field, span: str, text: str) -> int:
    if span != "*" and "-" not in span:
        raise CronError(
            f"the {of.name} '{span}/{text}' has a step without a range", f"write {span}-{of.highest}/{text}"
        )
    largest = of.highest - of.lowest
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= largest:
        raise CronError(f"the {of.name} has the step {text!r}, which is not an integer from 1 to {largest}")
    return int(text)


def _value(of: Field, text: str) -> int:
    """Return a value of a field: a number, or a name of a month or weekday."""
    if text.lower() in of.names:
        return of.names[text.lower()]
    if re.fullmatch("[0-9]{1,3}", text) and of.lowest <= int(text) <= of.highest:
        return int(text)
    named = f" or a name such as {next(iter(of.names))}" if of.names else ""
    hint = did_you_mean(text.lower(), of.names) if text.isalpha() else None
    message = f"the {of.name} {text!r} is not an integer from {of.lowest} to {of.highest}{named}"
    raise CronError(message, hint or f"a cron expression looks like {EXAMPLE}")
