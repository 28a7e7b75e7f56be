"""Run commands as processes of this worker."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from translator.shim.process import supervise
from translator.shim.runners import Place, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.shim.runners import Request


@contextmanager
def place(request: Request) -> Iterator[Place]:
    """See ``translator.shim.runners.Runner.open``."""
    if request.step.image is not None:
        request.note(f"image {request.step.image} ignored: running as a process on this worker")
    temporary = {name: str(request.space.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    yield Place(
        request.space,
        {**request.inherited, **temporary},
        partial(supervise.run, one=request.ticket),
        shutil.which("python", path=request.inherited.get("PATH")) or sys.executable,
    )


RUNNER = Runner(place)
