"""The artifact-passing shim as Airflow knows things: operators, a provider and a plugin.

Generated DAG files import ``airflow_plugin.operators`` and ``translator.shim``, nothing else of ours.
"""
