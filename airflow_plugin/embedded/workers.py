"""Run tasks of ``dag.test()`` in processes that are forked before the run begins.

A mapped task's limit of instances counts as under a scheduler.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from translator.shim.embedded import events
from translator.shim.outcome.traces import LOST

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from uuid import UUID

    from airflow.sdk import DAG

_PATIENCE = 1.0
"""The seconds after which ``dag.test()`` looks again for what became due by time, such as another try."""


class Workers:
    """The processes that run tasks, and what each of them runs."""

    def __init__(self, dag: DAG, count: int) -> None:
        """Fork the processes; this must precede the first session with the database."""
        self.postponed = False
        self._processes: dict[Connection, multiprocessing.process.BaseProcess] = {}
        self._running: dict[Connection, Any] = {}
        fork = multiprocessing.get_context("fork")
        _preload()
        gc.freeze()  # else the first collection in each process copies all memory
        for _ in range(count):
            here, there = fork.Pipe()
            process = fork.Process(target=_work, args=(dag, there, [*self._processes, here]))
            process.start()
            there.close()
            self._processes[here] = process

    @property
    def busy(self) -> bool:
        """Return whether a task runs."""
        return bool(self._running)

    def start(self, instance: Any, limit: int | None) -> bool:
        """Let a process run a task instance, as soon as one is free.

        If as many instances of the task run already as may, it stays scheduled, and ``postponed`` is set.

        Returns:
            False if no process is left to run it.
        """
        if limit is not None and sum(ti.task_id == instance.task_id for ti in self._running.values()) >= limit:
            self.postponed = True
            return True
        # A process may yet have to write the end of the attempt before, which would undo the start of this one.
        while any(_same(instance, running) for running in self._running.values()):
            self.wait()
        while self._processes:
            free = next((connection for connection in self._processes if connection not in self._running), None)
            if free is None:
                self.wait()
                continue
            instance.set_state("queued")
            try:
                free.send(instance.id)
            except OSError:  # the process was killed
                self._forget(free)
                continue
            self._running[free] = instance
            return True
        return False

    def wait(self) -> None:
        """Wait until a task has ended, but not for long."""
        ready = wait(list(self._running), _PATIENCE)
        for connection in [running for running in self._running if running in ready]:
            instance = self._running.pop(connection)
            try:
                connection.recv()
            except (EOFError, OSError):
                events.emit("process-lost", process=self._processes[connection].pid, reason=LOST)
                self._forget(connection)
                _fail(instance)

    def send(self, number: int) -> None:
        """Send a signal to the processes."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid or 0, number)

    def end(self) -> None:
        """Wait until all tasks have ended, and end the processes."""
        while self.busy:
            self.wait()
        for connection, process in self._processes.items():
            connection.close()
            process.join()

    def _forget(self, connection: Connection) -> None:
        self._processes.pop(connection).join()
        connection.close()


def _same(instance: Any, other: Any) -> bool:
    """Return whether two instances are attempts of the same; each attempt has its own id."""
    identity = (instance.run_id, instance.task_id, instance.map_index)
    return identity == (other.run_id, other.task_id, other.map_index)


def _preload() -> None:
    """Create what every task needs once, before the fork: Airflow's tables and its API for tasks take seconds."""
    from airflow.models.taskinstance import TaskInstance  # noqa: F401
    from airflow.sdk.execution_time import supervisor, task_runner  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    with contextlib.suppress(AttributeError):  # private, and only a matter of speed
        api = supervisor.in_process_api_server().app
        if not api._cadwyn_initialized:  # noqa: SLF001
            api._cadwyn_initialize()  # noqa: SLF001


def _work(dag: DAG, connection: Connection, others: list[Connection]) -> None:
    """Run task instances until the connection is closed."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session

    gc.enable()
    for other in others:
        other.close()
    while True:
        try:
            instance: UUID = connection.recv()
        except EOFError:
            return
        with create_session() as session:
            ti: Any = session.get(TaskInstance, instance)
        if ti is not None:
            _run_task(ti=ti, task=dag.task_dict[ti.task_id], run_triggerer=True)
        connection.send(None)


def _fail(instance: Any) -> None:
    """Mark an instance whose process was killed as failed, or to be tried again, as a scheduler does."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        ti: Any = session.get(TaskInstance, instance.id)
        if ti is not None and ti.state in {"queued", "running"}:
            ti.set_state("up_for_retry" if ti.try_number <= ti.max_tries else "failed", session=session)
