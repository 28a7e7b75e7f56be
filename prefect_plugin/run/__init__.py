"""Make one flow run one run of a pipeline: its state, the context of its executions, and how it stops."""
