"""Test when ``run.json`` is written for changes of ended runs: once per transaction, one after another."""

from __future__ import annotations

import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from tests.airflow.scheduler import wait_until

pytest.importorskip("airflow.sdk")
sqlalchemy = pytest.importorskip("sqlalchemy")

from sqlalchemy import orm  # noqa: E402

from airflow_plugin.recovery import late_records, listener  # noqa: E402
from airflow_plugin.recovery.late_records import Asked, Writer, write_when_committed  # noqa: E402

RUN = Asked("dag", "run", ended=True)
OTHER = Asked("dag", "other", ended=True)


Base = orm.declarative_base()  # SQLAlchemy 1.4, which Airflow 3.1 also runs with, has no DeclarativeBase


class Instance(Base):
    """What Airflow's task instances have in common with these."""

    __tablename__ = "instance"
    number = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
    dag_id = sqlalchemy.Column(sqlalchemy.String)
    run_id = sqlalchemy.Column(sqlalchemy.String)
    task_id = sqlalchemy.Column(sqlalchemy.String, default="task")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    runs: list[Asked] = []
    monkeypatch.setattr(late_records._writer, "write", runs.append)
    return runs


@pytest.fixture
def session() -> orm.Session:
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    return orm.Session(engine)


def mark(session: orm.Session, *numbers: int, run: str = "run") -> None:
    for number in numbers:
        session.add(instance := Instance(number=number, dag_id="dag", run_id=run))
        write_when_committed(instance, ended=True)


def test_a_run_is_written_once_for_all_that_a_transaction_marks(session: orm.Session, written: list[Asked]) -> None:
    mark(session, *range(100))
    with session.begin_nested():
        mark(session, 100, run="other")
    assert not written  # nothing of this can be seen yet
    session.commit()
    assert Counter(written) == {RUN: 1, OTHER: 1}
    session.commit()
    mark(session, 101)
    session.commit()
    assert Counter(written) == {RUN: 2, OTHER: 1}


def test_the_scheduler_gives_up_a_task_outside_a_session(session: orm.Session, written: list[Asked]) -> None:
    given_up = Instance(number=1, dag_id="dag", run_id="run", task_id="task")
    listener.on_task_instance_failed(given_up, error="the worker is gone")
    session.add(given_up)
    listener.on_task_instance_failed(given_up, error="the worker is gone")
    session.commit()
    assert written == [RUN]


def test_a_run_is_written_by_one_thread_and_again_if_it_changes_meanwhile() -> None:
    ways, at_work, most = threading.Semaphore(0), 0, 0
    begun: list[Asked] = []

    def write(run: Asked) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        begun.append(run)
        ways.acquire()
        at_work -= 1
        if len(begun) == 1:
            raise OSError("the store is gone")

    writer = Writer(write)
    for _ in range(50):
        writer.write(RUN)
    ways.release()
    wait_until(lambda: len(begun) == 2)
    writer.write(RUN)
    writer.write(RUN)
    ways.release(2)
    wait_until(lambda: not writer._again)
    assert (begun, most) == ([RUN] * 3, 1)
    ways.release()
    writer.write(RUN)
    wait_until(lambda: not writer._again)
    assert len(begun) == 4


@pytest.mark.parametrize(
    ("message", "by_scheduler", "kept"),
    [
        ("", False, True),  # Airflow 3.1
        ("", True, False),
        ("Dag Run's state was manually set to failed", False, True),
        ("timed_out", True, False),
    ],
)
def test_a_run_that_timed_out_is_not_one_that_a_person_marked(
    monkeypatch: pytest.MonkeyPatch, message: str, by_scheduler: bool, kept: bool
) -> None:
    """Only the scheduler gives a run its DAG; Airflow 3.1 does not say why a run failed in either case."""
    called = []
    monkeypatch.setattr(listener, "_keep", lambda _, state: called.append(state))
    monkeypatch.setattr(listener, "write_when_committed", lambda _, *, ended: called.append(ended))
    listener.on_dag_run_failed(SimpleNamespace(dag=object() if by_scheduler else None), message)
    assert called == ["failed" if kept else False]
