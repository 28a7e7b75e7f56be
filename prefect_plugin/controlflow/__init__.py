"""Run control-flow pipelines (Magnus, runnable) in Prefect, with nodes and branches as tasks that run one at a time."""
