"""Test how sizes are shown, in tables and on pages."""

import pytest

from translator.shim.files.sizes import size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (312 << 30, "312 GiB"),
        (9 << 50, "9216 TiB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown
