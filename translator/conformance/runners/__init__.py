"""Check the contract of runners: what each gives an execution."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from translator.conformance.runners.checks import CHECKS
from translator.conformance.runners.worker import Subject, Worker
from translator.shim import runners
from translator.shim.contract import Runner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.shim.contract import Json

__all__ = ["CHECKS", "Subject", "Worker", "run_check", "runner"]


def runner(
    name: str,
    *,
    settings: Mapping[str, Json] | None = None,
    image: str | None = None,
    isolated: bool = True,
    checks: Iterable[str] = CHECKS,
) -> list[str]:
    """Describe what is wrong with a runner whose commands run on this machine.

    Args:
        name: that of its entry point.
        settings: the settings of the steps that are run.
        image: the image of these steps; it needs ``sh`` and the usual programs, and ``python3``.
        isolated: whether its commands cannot write to the files of the worker, nor hide processes from it.
        checks: the names of the checks to run.
    """
    try:
        runners.load(name)
    except runners.NotInstalledError as error:
        return [str(error)]
    subject = Subject(Runner(name, settings or {}), image, isolated)
    return [problem for check in checks for problem in run_check(check, subject)]


def run_check(check: str, subject: Subject) -> list[str]:
    """Describe what one of ``CHECKS`` finds wrong with a runner."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        try:
            return [f"{check}: {problem}" for problem in CHECKS[check](Worker(Path(folder), subject))]
        except Exception as error:  # noqa: BLE001 - any of them is what we look for
            return [f"{check}: it raises {error!r}"]
