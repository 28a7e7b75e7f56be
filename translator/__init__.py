"""Compile ML pipeline files to Airflow DAGs and Prefect flows.

This module imports nothing, so that a worker that imports ``translator.shim`` never loads the compiler.
"""

__version__ = "0.1.0"
