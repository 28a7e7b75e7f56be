"""Check names of time zones."""

from __future__ import annotations

from functools import cache

from translator.errors import TranslatorError
from translator.names import did_you_mean

UTC = "UTC"


class ZoneError(TranslatorError, ValueError):
    """A time zone that does not exist."""


def check_zone(name: str) -> None:
    """Check the name of a time zone.

    Raises:
        ZoneError: the IANA database has no time zone of this name.
    """
    if name == UTC:
        return
    known = _zones()
    if not known:
        raise ZoneError(f"cannot check the time zone {name!r}: this machine has none", "pip install tzdata")
    if name not in known:
        by_case = {one.lower(): one for one in known}
        alike = by_case.get(name.lower().replace(" ", "_"))
        cities = {one.rpartition("/")[2].lower(): one for one in sorted(known)}
        alike = alike or cities.get(name.lower().replace(" ", "_"))
        hint = f"did you mean {alike!r}?" if alike else did_you_mean(name, sorted(known))
        raise ZoneError(f"there is no time zone {name!r}", hint or "write a name such as Europe/Helsinki")


@cache
def _zones() -> frozenset[str]:
    import zoneinfo  # only schedules need it

    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime", "posixrules"}
