"""Draw random histories of runs, as many as ``make histories`` asks for, and follow some of them at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = int(os.environ.get("TRANSLATOR_HISTORIES", "0"))
SEED = int(os.environ.get("TRANSLATOR_HISTORIES_SEED", "0"))
AT_ONCE = 3
"""How many histories are followed at once: an engine keeps a single one waiting most of the time."""


def follow_all(name: str, follow: Callable[[Random], None], many: int = MANY) -> None:
    """Follow random histories to their ends, even if others fail.

    Args:
        name: what they are called, and drawn by, together with their numbers.
        follow: draws and follows one.
        many: how many there are.

    Raises:
        ExceptionGroup: some of them failed.
    """

    def numbered(number: int) -> Exception | None:
        label = f"{SEED} {name} {number}"
        try:
            follow(Random(label))  # noqa: S311 - to be made again, not to be secret
        except Exception as error:  # noqa: BLE001 - the others continue
            print(f"history {label}: FAILED: {error}", flush=True)
            return error
        print(f"history {label}: ok", flush=True)
        return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = [pool.submit(copy_context().run, numbered, number) for number in range(many)]
    if failed := [error for one in ended if (error := one.result()) is not None]:
        raise ExceptionGroup(f"{len(failed)} of {many} histories failed", failed)
