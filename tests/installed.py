"""Skip tests if this machine lacks a program, or fail where everything must run (CI)."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

ALL = "TRANSLATOR_TESTS_SKIP_NOTHING"
"""Set by ``.ci/run``, after ``make packages``."""


def require(*programs: str) -> None:
    """Skip the test if a program is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        refuse(f"not installed here: {', '.join(missing)} (make packages installs it)")


def refuse(reason: str) -> NoReturn:
    """Skip the test for a reason that lies in this machine."""
    if os.environ.get(ALL):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
