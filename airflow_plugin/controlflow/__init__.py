"""Provide the operators of control-flow pipelines (Magnus, runnable).

A token passes from node to node, depending on how each ended; a handled failure does not fail the run. Airflow's own
dependencies express plain order, and ``after=[failed(...)]`` declares where a failure is handled.
"""
