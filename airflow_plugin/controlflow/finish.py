"""The operator that ends a run of a control-flow graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_plugin.controlflow import record
from airflow_plugin.controlflow.graph import read, to_json
from airflow_plugin.controlflow.run import Run, Task
from airflow_plugin.killed import let_others_end
from airflow_plugin.operators.finish import FinishOperator as DataflowFinishOperator
from airflow_plugin.run_mark import marked
from translator.shim import clock

if TYPE_CHECKING:
    from airflow.sdk import Context

    from translator.shim.contract import Dialect


class FinishOperator(DataflowFinishOperator):
    """The only leaf of a DAG: writes ``run.json``; the run is complete if its graph reached its end as complete.

    Args:
        dialect: the source language; usually one of the DAG's ``default_args``.
        kwargs: of every operator.
    """

    def __init__(self, *, dialect: Dialect, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dialect = dialect

    @property
    def plan(self) -> str:
        """What a listener must know of the DAG to write ``run.json`` where this task does not, as JSON."""
        return json.dumps({"dialect": self.dialect, "graph": to_json(read(self.dag))})

    def execute(self, context: Context) -> dict[str, str]:
        """Write the run's document; returns where it is and the run's state.

        Raises:
            AirflowFailException: the run is in error or was stopped.
        """
        let_others_end(context)
        written = record.write(
            Run(Task(context), self.dialect),
            started=clock.written(context["dag_run"].start_date or context["ti"].start_date),
            parameters=dict(context["params"]),
            marked=marked(context),
        )
        return self.ended(context, written)
