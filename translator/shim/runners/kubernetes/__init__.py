"""Run commands in pods of a Kubernetes cluster: a pod per execution, in the step's image."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from translator.shim.runners import Runner
from translator.shim.runners.kubernetes.settings import check, lacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.shim.runners import Place, Request


@contextmanager
def open_place(request: Request) -> Iterator[Place]:
    """See ``translator.shim.runners.Runner.open``."""
    from translator.shim.runners.kubernetes.pod_place import place

    with place(request) as opened:
        yield opened


RUNNER = Runner(open_place, check, lacks)
