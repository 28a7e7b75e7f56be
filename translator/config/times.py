"""Define the kinds of values that say when a pipeline runs: cron expressions, time zones and days."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from typing import TYPE_CHECKING, ClassVar

from translator.config.kinds import CODE, Text
from translator.errors import TranslatorError
from translator.schedules.cron import EXAMPLE, normalised
from translator.schedules.zones import check_zone

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.source import Located

_FIELD = r"[0-9A-Za-z*/,-]+"
_YEARS = range(1970, 3000)
"""The years that engines can convert between time zones."""


class Cron:
    """A cron expression of five fields."""

    description = f"a cron expression of five fields, such as {EXAMPLE}"
    # Editors check the shape only: no pattern says which ranges go upwards and which dates exist.
    schema: ClassVar[dict[str, str]] = {"type": "string", "pattern": rf"^\s*{_FIELD}(\s+{_FIELD}){{4}}\s*$"}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> str:
        """Return the expression with single spaces between its fields; an empty string if it is invalid."""
        if not isinstance(value.value, str):
            Text(words=self.description).read(value, name, diagnostics)
            return ""
        try:
            return normalised(value.value)
        except TranslatorError as error:
            diagnostics.error(CODE, f"{name!r}: {error.message}", value.span, hint=error.hint)
            return ""


class Zone:
    """The name of a time zone in the IANA database."""

    description = 'the name of a time zone, such as "Europe/Helsinki"'
    schema: ClassVar[dict[str, str]] = {"type": "string", "pattern": r"^[A-Za-z0-9+_/-]+$"}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> str:
        """Return the name; an empty string if the time zone does not exist."""
        text = str(Text(words=self.description).read(value, name, diagnostics))
        try:
            if text:
                check_zone(text)
        except TranslatorError as error:
            diagnostics.error(CODE, f"{name!r}: {error.message}", value.span, hint=error.hint)
            return ""
        return text


class Day:
    """A day; it is read as text, ``2026-01-31``."""

    description = "a day, such as 2026-01-31"
    schema: ClassVar[dict[str, str]] = {"type": "string", "pattern": r"^(19[7-9]\d|2\d{3})-\d\d-\d\d$"}

    def read(self, value: Located, name: str, diagnostics: Diagnostics) -> str:
        """Return the day; an empty string if it is none."""
        day = value.value
        if isinstance(day, str) and re.fullmatch(str(self.schema["pattern"]), day):
            with contextlib.suppress(ValueError):
                day = dt.date.fromisoformat(day)
        if isinstance(day, dt.date) and not isinstance(day, dt.datetime) and day.year in _YEARS:
            return day.isoformat()
        message = f"{name!r} must be {self.description}, from {_YEARS.start} on, not {value.value!s:.40}"
        diagnostics.error(CODE, message, value.span)
        return ""
