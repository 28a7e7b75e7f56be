"""Name a DAG run's directory in the store, build the context of its executions, and stop them."""
