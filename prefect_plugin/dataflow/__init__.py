"""Run dataflow pipelines (Valohai, Loom) in Prefect, with nodes and executions as tasks."""
