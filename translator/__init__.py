"""The compiler from ML pipeline files to Airflow DAGs and Prefect flows.

Nothing is imported here, so that a worker that imports ``translator.shim`` never loads the compiler.
"""

__version__ = "0.1.0"
