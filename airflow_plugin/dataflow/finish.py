"""Define the operator that ends a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_plugin.dag.references import name_of
from airflow_plugin.exceptions import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_plugin.dag.references import Node
    from translator.shim.outcome.run_record import RunRecord


class FinishOperator(BaseOperator):
    """An operator for the only leaf of a DAG: it writes ``run.json`` and sets the run's state.

    It is a teardown whose failure fails the run. It starts when all upstream tasks have ended, whatever their states,
    and also when a person marks the run as failed.

    Args:
        parameters: the DAG params that are parameters of the pipeline.
        nodes: the nodes in the order in which ``run.json`` lists them (default: that of the DAG file, in which each
            node comes after those it refers to); nodes missing here come last.
        kwargs: of every operator.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#f4f4f4"

    def __init__(
        self,
        *,
        parameters: Sequence[str] = (),
        nodes: Sequence[Node] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.as_teardown(on_failure_fail_dagrun=True)
        self.parameters = parameters
        self.nodes = tuple(name_of(node) for node in nodes)

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """Return the names of the fields that Airflow serializes."""
        fields: frozenset[str] = super().get_serialized_fields()  # type: ignore[no-untyped-call]
        return fields | {"plan"}

    @property
    def plan(self) -> str:
        """Return, as JSON, what a listener needs of the DAG to write ``run.json`` if this task does not."""
        from airflow_plugin.dag.plan import plans_of, to_json

        return json.dumps({"parameters": list(self.parameters), "nodes": to_json(plans_of(self.dag))})

    def execute(self, context: Context) -> dict[str, str]:
        """Write the run's document; returns where it is and the run's state.

        Raises:
            RunError: the run failed or was stopped.
        """
        from airflow_plugin.dataflow.outcome import finish
        from airflow_plugin.run.waiting import let_others_end

        let_others_end(context)
        parameters = {name: context["params"][name] for name in self.parameters}
        record = finish(context, parameters, self.log.warning)
        for name, node in record.document["nodes"].items():
            self.log.info("node %s: %s", name, node["state"])
        return self.ended(context, record)

    def ended(self, context: Context, record: RunRecord) -> dict[str, str]:
        """Give the run its state; returns where its document is and the state.

        Raises:
            RunError: the run failed or was stopped, except by an action of a node.
        """
        from airflow_plugin.dag.finish_task import DOCUMENT

        self.log.info("run %s: %s, see %s", record.document["run"], record.state.value, record.uri)
        context["ti"].xcom_push(DOCUMENT, record.uri)
        if not record.is_success:
            raise RunError(f"the run is in state {record.state.value}, see {record.uri}")
        return {"state": record.state.value, "document": record.uri}
