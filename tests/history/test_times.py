"""Test how times are shown."""

import pytest

from translator.history.times import duration, instant, seconds


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (None, ""),
        (0.0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (184, "3 min 04 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (200_000, "55 h 33 min"),
    ],
)
def test_durations(length: float | None, shown: str) -> None:
    assert duration(length) == shown


def test_seconds_need_two_times() -> None:
    assert seconds("2026-11-28T08:00:00.000Z", "2026-11-28T08:00:12.500Z") == 12.5
    assert seconds("2026-11-28T08:00:01Z", "2026-11-28T08:00:00Z") == 0
    assert seconds(None, "2026-11-28T08:00:00Z") is None
    assert seconds("2026-11-28T08:00:00Z", "soon") is None
    assert instant("2026-11-28T08:00:00") is not None
    assert instant(3) is None
