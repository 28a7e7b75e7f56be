"""Read and write the document by which executions on other machines learn that they must stop.

Each attempt of a run with such executions has one in the artifact store, from before the first of them is submitted: a
file system that is shared over a network may hide a new file for a minute, but not the new content of a known one. The
flow's process decides and writes; the executions read, so that a wide run does not keep Prefect's API busy.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.shim.store import StoreError, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.store import Store

ENDED = "the flow's process ended"
"""The reason to stop of executions that outlived their flow's process."""
_RUN, _NODES = "run", "nodes"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt of a run in the store: the names of pipeline and run, and when the attempt started."""

    pipeline: str
    run: str
    started: str

    @property
    def key(self) -> str:
        """The key of the attempt's document."""
        return key_of(self.pipeline, self.run, name=f"stop-{re.sub('[^0-9]', '', self.started)}.json")


def write(store: Store, attempt: Attempt, reason: str | None, nodes: Mapping[str, str]) -> None:
    """Write the requests to stop of an attempt.

    Args:
        store: the artifact store.
        attempt: the attempt.
        reason: why all executions must stop, if they must.
        nodes: by node, why its executions must stop.

    Raises:
        StoreError: it cannot be written.
    """
    store.write_json(attempt.key, {_RUN: reason, _NODES: nodes}, lasting=False)


def read(store: Store, attempt: Attempt, node: str) -> str | None:
    """Return why the executions of a node must stop; None if they need not.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        document = store.read_json(attempt.key)
        reason = document.get(_RUN) or document.get(_NODES, {}).get(node)
    except FileNotFoundError:  # somebody removed the run
        return None
    except (ValueError, AttributeError) as error:
        raise StoreError(f"the document of the run's requests to stop is damaged: {error}") from error
    return str(reason) if reason else None


def end(store: Store, attempt: Attempt) -> None:
    """Request the executions of an attempt to stop whose process has ended; most attempts have none elsewhere.

    Raises:
        StoreError: the store cannot be read or written.
    """
    with contextlib.suppress(FileNotFoundError):
        store.read(attempt.key)
        write(store, attempt, ENDED, {})
