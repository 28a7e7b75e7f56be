"""Resolve the parameters of steps from the DAG's params and the ``conf`` of a run."""
