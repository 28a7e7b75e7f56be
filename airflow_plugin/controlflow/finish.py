"""Define the operator that ends a run of a control-flow graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_plugin.controlflow import outcome
from airflow_plugin.controlflow.progress import Run
from airflow_plugin.controlflow.queries import TaskQueries
from airflow_plugin.controlflow.structure import dialect_of, read, to_json
from airflow_plugin.dataflow.finish import FinishOperator
from airflow_plugin.dataflow.outcome import LOST
from airflow_plugin.run.mark import run_mark
from airflow_plugin.run.waiting import let_others_end
from airflow_plugin.tasks.instances import lost_failures
from translator.shim import clock
from translator.shim.contract import State

if TYPE_CHECKING:
    from airflow.sdk import Context


class ControlFlowFinishOperator(FinishOperator):
    """An operator for the only leaf of a DAG: it writes ``run.json`` and gives the run the state of its graph."""

    @property
    def plan(self) -> str:
        """Return, as JSON, what a listener needs of the DAG to write ``run.json`` if this task does not."""
        root = read(self.dag)
        return json.dumps({"dialect": dialect_of(root), "graph": to_json(root)})

    def execute(self, context: Context) -> dict[str, str]:
        """Write the run's document; returns where it is and the run's state.

        A worker may have a newer version of the DAG file than the run. If a task failed that it lacks, the run failed:
        whether the graph continued after that failure cannot be known.

        Raises:
            RunError: the run failed or was stopped.
        """
        let_others_end(context)
        mark = run_mark(context)
        task = TaskQueries(context, mark)
        lost = lost_failures(task.states(), self.dag.task_dict, ("failed",))
        if lost:
            self.log.warning(LOST.format(", ".join(lost)))
        written = outcome.write(
            Run(task, dialect_of(task.root)),
            started=clock.format_time(context["dag_run"].start_date or context["ti"].start_date),
            parameters=dict(context["params"]),
            marked=mark.state if mark is not None else None,
            ended=State.ERROR if lost else None,
        )
        return self.ended(context, written)
