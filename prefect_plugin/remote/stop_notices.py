"""Pass requests to stop to executions on other machines, through the artifact store."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from prefect.logging import get_logger

from prefect_plugin.recovery import stop_documents
from prefect_plugin.recovery.stop_documents import Attempt
from prefect_plugin.run.stopping import Cause
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect_plugin.remote.remote_node import RemoteNode
    from prefect_plugin.run.run_state import Run

POLL_SECONDS = 2.0
"""The interval at which an execution reads the document."""
PATIENCE_SECONDS = 10.0
"""How long reading it may take."""


class StopNotice:
    """The document of a running attempt; threads of several nodes may write it."""

    __slots__ = ("_lock", "_run", "_written")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._written: tuple[str | None, dict[str, str]] | None = None

    def write(self) -> None:
        """Write which requests there are now, unless the document says so already.

        Raises:
            StoreError: it cannot be written.
        """
        run = self._run
        with self._lock:
            nodes = {name: node.stop.reason for name, node in list(run.nodes.items()) if node.stop.reason}
            requests = run.stop.reason, nodes
            if requests != self._written:
                stop_documents.write(open_store(run.store), Attempt(run.pipeline, run.id, run.started), *requests)
                self._written = requests


@contextlib.contextmanager
def obeyed(node: RemoteNode) -> Iterator[None]:
    """Trip the stop of ``node`` if its run or the node must stop, while the context is open.

    Raises:
        BlockError: the credentials of the store cannot be read.
    """
    address = node.run.store
    attempt = Attempt(node.run.pipeline, node.run.id, node.run.started)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS) and node.stop.reason is None:
            look()

    def look() -> None:
        try:
            store = open_store(address)
            store.patience = PATIENCE_SECONDS
            reason = stop_documents.read(store, attempt, node.name)
        except StoreError as error:  # the next time it may work
            get_logger(__name__).debug("cannot ask whether the run stops: %s", error)
            return
        if reason is not None:
            node.stop.trip(Cause.ERROR, reason)

    look()
    thread = threading.Thread(target=watch, name="stop-notice", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(PATIENCE_SECONDS)
