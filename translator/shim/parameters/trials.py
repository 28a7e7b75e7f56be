"""Read what executions of a search found."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from translator.shim.contract import State, Trial
from translator.shim.outcome import resumed
from translator.shim.store import MANIFEST, NoManifestError, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import Manifest, Value
    from translator.shim.store import Store

_MOST = 100
"""How many runs one after the other are looked at, each of which resumes the one before."""


def earlier(store: Store, pipeline: str, run: str, node: str) -> dict[int, Mapping[str, Value]]:
    """Return by index the parameters of the last execution that an attempt at a run, or at those that it resumes, has.

    Raises:
        StoreError: the store cannot be read.
    """
    parameters: dict[int, Mapping[str, Value]] = {}
    for _ in range(_MOST):
        for (_, index), tries in store.tries(pipeline, run, node).items():
            written = [number for number, files in tries.items() if MANIFEST in files]
            if index in parameters or not written:
                continue
            with contextlib.suppress(NoManifestError):
                uri = store.uri(key_of(pipeline, run, node, index, max(written), MANIFEST))
                parameters[index] = store.manifest(uri).parameters
        before = resumed.read(store, pipeline, run)
        if before is None:
            break
        run = before
    return parameters


def of(parameters: Mapping[str, Value], manifest: Manifest | None, metric: str) -> Trial:
    """Return the result of an execution.

    Args:
        parameters: the values that it was given.
        manifest: its manifest; without one, it never began, or its worker was killed.
        metric: the metadata that the search optimises.
    """
    if manifest is None or manifest.state is not State.COMPLETE:
        return Trial(parameters)
    return Trial(parameters, manifest.metadata.get(metric))
