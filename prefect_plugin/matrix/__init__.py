"""Run a pipeline once per combination of values, on Prefect."""
