"""Define the operators of a DAG that runs the DAG of a pipeline once per combination of values.

``StartRunOperator`` triggers a run, ``RunSensor`` waits for it without occupying a worker, and ``SummaryOperator``
shows the outcomes of all. If a failed ``start`` is cleared, it triggers another run, which keeps what is complete in
those before. A run that has not failed is not repeated.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_plugin.exceptions import RunError
from airflow_plugin.run.directory import RESUMES
from airflow_plugin.tasks.instances import KEY, tries_of
from translator.shim.outcome import matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

RUN = "run"
"""The XCom of a task that starts a run, with the id of that."""
_FAILED, _SUCCESS = "failed", "success"
_SECONDS = 10.0
"""How long a sensor waits before it looks again, unless the DAG says otherwise."""


class StartRunOperator(TriggerDagRunOperator):
    """An operator that starts a run of a pipeline's DAG.

    The id of the run is that of its own DAG run and its map index, so that a task that is tried again finds the run.

    Args:
        conf: the values of the run, by the names of the DAG's params.
        kwargs: of ``TriggerDagRunOperator``.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, conf: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(conf=dict(conf), **kwargs)
        self.openlineage_inject_parent_info = False  # a run refuses keys that are not its params

    @property
    def label(self) -> str:
        """The values of the run as people write them."""
        return matrix.label(self.conf or {})

    def execute(self, context: Context) -> None:
        """Start a run, unless there is one that has not failed."""
        ti = context["ti"]
        first = f"{context['dag_run'].run_id}__{max(ti.map_index or 0, 0)}"
        resumed = None
        for number in itertools.count(1):
            run_id = first if number == 1 else f"{first}__{number}"
            if not ti.get_dr_count(self.trigger_dag_id, run_ids=[run_id]):
                break
            ti.xcom_push(RUN, run_id)
            if ti.get_dagrun_state(self.trigger_dag_id, run_id) != _FAILED:
                self.log.info("there is a run already: %s", run_id)
                return
            # One that wrote nothing was lost before it kept anything of those before.
            resumed = _name_in_store(context, self.trigger_dag_id, run_id) or resumed
        if resumed is not None:
            self.conf = {**(self.conf or {}), RESUMES: resumed}
        ti.xcom_push(RUN, run_id)
        self.trigger_run_id = run_id
        super().execute(context)


class RunSensor(BaseSensorOperator):
    """A sensor that waits until a run of a pipeline's DAG has ended, and fails if that failed.

    Args:
        conf: the values of the run, as its ``StartRunOperator`` has them.
        trigger_dag_id: the DAG of the pipeline.
        start: the id of the task that starts the run, with the same map index.
        kwargs: of every sensor.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, conf: Mapping[str, Any], trigger_dag_id: str, start: str, **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", "poke_interval": _SECONDS, **kwargs})
        self.conf = dict(conf)
        self.trigger_dag_id = trigger_dag_id
        self.start = start

    @property
    def label(self) -> str:
        """The values of the run as people write them."""
        return matrix.label(self.conf)

    def poke(self, context: Context) -> bool:
        """Return whether the run has ended.

        Raises:
            RunError: it failed.
        """
        ti = context["ti"]
        run_id = ti.xcom_pull(task_ids=self.start, key=RUN, map_indexes=ti.map_index)
        state = ti.get_dagrun_state(self.trigger_dag_id, run_id)
        if state == _FAILED:
            raise RunError(f"the run {run_id} of {self.trigger_dag_id} failed")
        return bool(state == _SUCCESS)


class SummaryOperator(BaseOperator):
    """An operator that shows the outcomes of all runs, and fails if one of them is not complete.

    Args:
        runs: the values of each run.
        trigger_dag_id: the DAG of the pipeline.
        start: the id of the mapped task that starts them.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, runs: Sequence[Mapping[str, Any]], trigger_dag_id: str, start: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.runs = [dict(values) for values in runs]
        self.trigger_dag_id = trigger_dag_id
        self.start = start

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Show the outcomes of the runs; returns them.

        Raises:
            RunError: not all are complete.
        """
        rows = []
        for index, values in enumerate(self.runs):
            run_id = context["ti"].xcom_pull(task_ids=self.start, key=RUN, map_indexes=index)
            document = _document(context, self.trigger_dag_id, run_id) if run_id else None
            rows.append(matrix.summary(values, run_id, document))
        *shown, count = matrix.lines(rows)
        for line in shown:
            self.log.info("%s", line)
        context["ti"].xcom_push("summary", rows)
        if any(one["state"] != matrix.COMPLETE for one in rows):
            raise RunError(count)
        self.log.info("%s", count)
        return rows


def _uri(context: Context, dag_id: str, run_id: str) -> str | None:
    """Return the URI of the ``run.json`` of a DAG run, if it has written one."""
    from airflow_plugin.dag.finish_task import DOCUMENT, FINISH

    uri = context["ti"].xcom_pull(dag_id=dag_id, run_id=run_id, task_ids=FINISH, key=DOCUMENT)
    return str(uri) if uri else None


def _name_in_store(context: Context, dag_id: str, run_id: str) -> str | None:
    """Return the name of a DAG run in the store; None if it has written nothing."""
    from airflow_plugin.configuration.locations import store_address
    from translator.shim.store import StoreError, open_store

    uri = _uri(context, dag_id, run_id) or _try(context, dag_id, run_id)
    if uri is None:
        return None
    store = open_store(store_address(context["dag"].default_args))
    try:
        _, name, *_ = store.key(uri).split("/")
    except StoreError:  # its DAG has another store
        return None
    return name


def _try(context: Context, dag_id: str, run_id: str) -> str | None:
    """Return the URI of the manifest of an execution of a DAG run that was lost before it wrote a ``run.json``."""
    ti = context["ti"]
    listed = ti.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
    # The name of an instance of a mapped task ends in its map index.
    for task_id in dict.fromkeys(name for key in listed for name in (key, key.rpartition("_")[0]) if name):
        tries = tries_of(ti.xcom_pull(dag_id=dag_id, run_id=run_id, task_ids=task_id, key=KEY))
        if tries:
            return next(iter(tries.values()))
    return None


def _document(context: Context, dag_id: str, run_id: str) -> Mapping[str, Any] | None:
    """Return the ``run.json`` of a DAG run; None if it has none."""
    from airflow_plugin.configuration.locations import store_address
    from translator.shim.store import open_store

    uri = _uri(context, dag_id, run_id)
    if uri is None:
        return None
    store = open_store(store_address(context["dag"].default_args))
    try:
        document = store.read_json(store.key(uri))
    except FileNotFoundError:
        return None
    return document if isinstance(document, dict) and "nodes" in document else None
