"""Operators of control-flow pipelines (Magnus, runnable).

One token goes from node to node by how each ended, and a handled failure does not fail the run. Plain order is said by
Airflow's own dependencies; ``after=[failed(...)]`` says where a failure is handled.
"""
