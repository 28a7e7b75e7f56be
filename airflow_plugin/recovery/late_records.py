"""Write ``run.json`` if the task ``finish`` will not do so, in the API server and in the scheduler.

A person may mark thousands of instances at once, and Airflow reports each of them. So ``run.json`` is written once for
all changes of a transaction, and only after its commit. Airflow never waits for the store: each run has a thread that
writes one version after another, so the last version shows the latest state.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_ASKED = "pipeline_translator.asked"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A run to write.

    If ``ended``, its task ``finish`` has set its state, which stays. If ``decided``, Airflow has decided its state
    since a person may have marked it.
    """

    dag_id: str
    run_id: str
    ended: bool
    decided: bool = False


def write_when_committed(changed: Any, *, ended: bool, decided: bool = False) -> None:
    """Write ``run.json`` of a run when the session of one of Airflow's objects has been committed.

    Args:
        changed: the run, or an instance of it.
        ended: whether to do so only if the task ``finish`` has ended; the run then keeps its state.
        decided: whether Airflow has just decided the state of the run.
    """
    from sqlalchemy import event
    from sqlalchemy.orm import object_session

    session: Any = object_session(changed)
    if _ASKED not in session.info:
        session.info[_ASKED] = set()
        event.listen(session, "after_commit", _hand_over)
    session.info[_ASKED].add(Asked(changed.dag_id, changed.run_id, ended, decided))


def _hand_over(session: Any) -> None:
    if session.in_nested_transaction():  # a savepoint; the transaction is not committed yet
        return
    requests = session.info[_ASKED]
    while requests:
        _writer.write(requests.pop())


class Writer:
    """A thread that calls ``write``; a run that is requested again meanwhile is written once more afterwards."""

    def __init__(self, write: Callable[[Asked], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._again: dict[Asked, bool] = {}

    def write(self, run: Asked) -> None:
        """Schedule the record of a run to be written from its current state."""
        with self._lock:
            busy = run in self._again
            self._again[run] = busy
        if not busy:
            threading.Thread(target=self._work, args=[run], name="run.json", daemon=True).start()

    def _work(self, run: Asked) -> None:
        while True:
            try:
                self._write(run)
            except Exception:
                log.exception("run.json of %s is not up to date", run.run_id)
            with self._lock:
                if not self._again[run]:
                    del self._again[run]
                    return
                self._again[run] = False


def _write(run: Asked) -> None:
    from airflow_plugin.recovery.rewrite import write

    write(run.dag_id, run.run_id, ended=run.ended, decided=run.decided)


_writer = Writer(_write)
